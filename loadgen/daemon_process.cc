#include "loadgen/daemon_process.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace routebench::loadgen {
namespace {

constexpr int kStartMilliseconds = 10'000;
constexpr Duration kEndPatience = std::chrono::seconds(1);
constexpr Duration kStopPatience = std::chrono::seconds(5);

bool IsExecutable(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

// True once the daemon has written to `ready`; false when it closed it or took too long.
bool AwaitReady(int ready) {
  pollfd polled{ready, POLLIN, 0};
  int result;
  do {
    result = poll(&polled, 1, kStartMilliseconds);
  } while (result < 0 && errno == EINTR);
  char byte;
  return result > 0 && read(ready, &byte, 1) == 1;
}

std::vector<std::string> ArgumentsOf(const std::string& executable, const DaemonSettings& settings,
                                     const std::string& directory, const std::string& endpoint) {
  std::vector<std::string> arguments = {executable, "--listen",    endpoint, "--ready-fd",
                                        "3",        "--log-level", "warning"};
  if (!settings.balancer.empty()) arguments.insert(arguments.end(), {"--balancing", settings.balancer});
  if (settings.keeps_names) arguments.insert(arguments.end(), {"--state", absl::StrCat(directory, "/state")});
  return arguments;
}

}  // namespace

absl::StatusOr<std::string> FindEventd(const std::string& flag) {
  if (!flag.empty()) {
    if (IsExecutable(flag)) return flag;
    return absl::NotFoundError(absl::StrCat("--eventd: ", flag, " is not an executable file"));
  }
  std::error_code error;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<std::string> candidates = {here / "eventd", here.parent_path() / "daemon" / "eventd"};
  const char* const path = std::getenv("PATH");
  for (const absl::string_view directory : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    if (!directory.empty()) candidates.push_back(absl::StrCat(directory, "/eventd"));
  }
  for (const std::string& candidate : candidates) {
    if (IsExecutable(candidate)) return candidate;
  }
  return absl::NotFoundError(
      absl::StrCat("eventd was not found at ", absl::StrJoin(candidates, ", "), "; name it with --eventd"));
}

absl::StatusOr<std::unique_ptr<DaemonProcess>> DaemonProcess::Start(const std::string& executable,
                                                                    const DaemonSettings& settings) {
  std::error_code error;
  std::string directory = (std::filesystem::temp_directory_path(error) / "routebench-XXXXXX").string();
  if (mkdtemp(directory.data()) == nullptr) {  // mode 0700
    return absl::UnavailableError(
        absl::StrCat("cannot make a directory for the daemon's socket: ", std::strerror(errno)));
  }
  std::unique_ptr<DaemonProcess> daemon(new DaemonProcess());
  daemon->directory_ = directory;
  daemon->endpoint_ = absl::StrCat(directory, "/eventd.sock");
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  const Descriptor ready(ends[0]);
  Descriptor theirs(ends[1]);
  auto process =
      ChildProcess::Start(ArgumentsOf(executable, settings, directory, daemon->endpoint_), theirs.get());
  if (!process.ok()) return process.status();
  daemon->process_ = *std::move(process);
  theirs.Reset();
  if (AwaitReady(ready.get())) return daemon;
  // It closes the pipe a moment before it has ended.
  daemon->process_->AwaitEnd(kEndPatience);
  const auto ended = daemon->process_->Ended();
  return absl::UnavailableError(
      absl::StrCat(executable, ended.has_value() ? absl::StrCat(" ", *ended, " before it listened")
                                                 : " did not listen in time"));
}

DaemonProcess::~DaemonProcess() {
  if (process_ != nullptr) process_->Stop(kStopPatience);
  RemoveFiles();
}

void DaemonProcess::RemoveFiles() {
  std::error_code error;
  std::filesystem::remove_all(directory_, error);
}

std::string DaemonProcess::Trouble() {
  const auto ended = process_->Ended();
  return ended.has_value() ? absl::StrCat("the daemon ", *ended) : "";
}

}  // namespace routebench::loadgen
