#include "loadgen/daemon_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace routebench::loadgen {
namespace {

constexpr int kStartMilliseconds = 10'000;
constexpr char kReady[] = "ready ";
constexpr size_t kFirstPipe = 4;  // of the daemon's descriptors; 3 is for the line that it is ready
constexpr Duration kEndPatience = std::chrono::seconds(1);
constexpr Duration kStopPatience = std::chrono::seconds(5);

bool IsExecutable(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

// The line that the daemon has written to `ready`; nothing when it closed it or took too long.
std::optional<std::string> AwaitReady(int ready) {
  pollfd polled{ready, POLLIN, 0};
  int result;
  do {
    result = poll(&polled, 1, kStartMilliseconds);
  } while (result < 0 && errno == EINTR);
  std::array<char, 4096> line;
  const ssize_t size = result > 0 ? read(ready, line.data(), line.size()) : 0;
  if (size <= 0) return std::nullopt;
  return std::string(absl::StripAsciiWhitespace({line.data(), static_cast<size_t>(size)}));
}

absl::Status SystemError(const char* what) {
  return absl::UnavailableError(absl::StrCat("cannot ", what, ": ", std::strerror(errno)));
}

absl::Status WriteToken(const std::string& path) {
  std::array<unsigned char, 32> random;
  if (getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size())) {
    return SystemError("get random bytes");
  }
  const std::string token =
      absl::BytesToHexString({reinterpret_cast<const char*>(random.data()), random.size()});
  const Descriptor file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (write(file.get(), token.data(), token.size()) != static_cast<ssize_t>(token.size())) {
    return SystemError("write the daemon's token");
  }
  return absl::OkStatus();
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
    return SystemError("make a directory for the daemon's files");
  }
  std::unique_ptr<DaemonProcess> daemon(new DaemonProcess());
  daemon->directory_ = directory;
  absl::Status status = daemon->Prepare(settings.transport);
  if (status.ok()) status = daemon->Launch(executable, settings);
  if (!status.ok()) return status;
  return daemon;
}

absl::Status DaemonProcess::Prepare(const std::string& transport) {
  if (transport == "unix" || transport == "shm") {
    address_.endpoint = absl::StrCat(transport == "shm" ? "shm:" : "", directory_, "/eventd.sock");
    listen_ = {"--listen", address_.endpoint};
    return absl::OkStatus();
  }
  if (transport == "tcp") {
    address_.token_file = absl::StrCat(directory_, "/token");
    listen_ = {"--listen", "tcp:127.0.0.1:0", "--token-file", address_.token_file};
    return WriteToken(address_.token_file);
  }
  for (size_t i = 0; i < kConnections; ++i) {
    std::array<int, 2> to;
    std::array<int, 2> from;
    if (pipe2(to.data(), O_CLOEXEC) != 0) return SystemError("make a pipe");
    theirs_.emplace_back(to[0]);
    Descriptor write(to[1]);
    if (pipe2(from.data(), O_CLOEXEC) != 0) return SystemError("make a pipe");
    theirs_.emplace_back(from[1]);
    pipes_.push_back({Descriptor(from[0]), std::move(write)});
    const size_t number = kFirstPipe + 2 * i;
    listen_.insert(listen_.end(), {"--listen", absl::StrCat("pipe:", number, ",", number + 1)});
  }
  return absl::OkStatus();
}

absl::Status DaemonProcess::Launch(const std::string& executable, const DaemonSettings& settings) {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return SystemError("make a pipe");
  const Descriptor ready(ends[0]);
  theirs_.emplace(theirs_.begin(), ends[1]);
  std::vector<std::string> arguments = {executable};
  arguments.insert(arguments.end(), listen_.begin(), listen_.end());
  arguments.insert(arguments.end(), {"--ready-fd", "3", "--log-level", "warning"});
  arguments.insert(arguments.end(), {"--wait", settings.wait});
  if (!settings.balancer.empty()) arguments.insert(arguments.end(), {"--balancing", settings.balancer});
  if (settings.keeps_names) {
    arguments.insert(arguments.end(), {"--state", absl::StrCat(directory_, "/state")});
  }
  if (!settings.stage_injection.empty())
    arguments.insert(arguments.end(), {"--stage-injection", settings.stage_injection});
  std::vector<int> inherited;
  for (const Descriptor& descriptor : theirs_) inherited.push_back(descriptor.get());
  auto process = ChildProcess::Start(arguments, inherited);
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  theirs_.clear();
  if (const auto line = AwaitReady(ready.get()); line.has_value()) {
    // Where any port would do it says which one it is.
    if (address_.endpoint.empty()) address_.endpoint = std::string(absl::StripPrefix(*line, kReady));
    return absl::OkStatus();
  }
  // It closes the pipe a moment before it has ended.
  process_->AwaitEnd(kEndPatience);
  const auto ended = process_->Ended();
  return absl::UnavailableError(
      absl::StrCat(executable, ended.has_value() ? absl::StrCat(" ", *ended, " before it listened")
                                                 : " did not listen in time"));
}

DaemonAddress DaemonProcess::TakeAddress() {
  if (pipes_.empty()) return address_;
  PipeEnds ends = std::move(pipes_.front());
  pipes_.erase(pipes_.begin());
  const int read = ends.read.Release();
  return {absl::StrCat("pipe:", read, ",", ends.write.Release()), ""};
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
