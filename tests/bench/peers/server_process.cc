#include "tests/bench/peers/server_process.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace routebench::bench {
namespace {

constexpr Duration kStartPatience = std::chrono::seconds(10);
constexpr Duration kLook = std::chrono::milliseconds(1);

}  // namespace

std::string FindServer(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::vector<std::string> directories = absl::StrSplit(path == nullptr ? "" : path, ':', absl::SkipEmpty());
  directories.insert(directories.end(), {"/usr/sbin", "/usr/local/sbin"});
  for (const std::string& directory : directories) {
    const std::string candidate = absl::StrCat(directory, "/", name);
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return "";
}

std::string VersionOf(const std::string& executable) {
  FILE* const output = popen(absl::StrCat("'", executable, "' --version").c_str(), "re");
  if (output == nullptr) return "";
  std::array<char, 256> line = {};
  const bool got = std::fgets(line.data(), line.size(), output) != nullptr;
  pclose(output);
  return got ? std::string(absl::StripAsciiWhitespace(line.data())) : "";
}

void Fail(const std::string& what) {
  std::fprintf(stderr, "peers: %s\n", what.c_str());
  _exit(1);
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const std::function<std::vector<std::string>(const std::string& directory)>& arguments,
    const std::function<bool(const std::string& directory)>& ready) {
  auto server = std::make_unique<ServerProcess>();
  const std::string directory = server->directory();
  const std::vector<std::string> command = arguments(directory);
  const loadgen::Descriptor log(
      open(absl::StrCat(directory, "/log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  auto process = loadgen::ChildProcess::Start(command, {}, log.get());
  if (!process.ok()) return process.status();
  server->process_ = *std::move(process);
  const TimePoint deadline = std::chrono::steady_clock::now() + kStartPatience;
  // Nobody tells when such a server listens: it is asked until it does.
  while (!ready(directory)) {
    if (server->process_->AwaitEnd(kLook)) {
      return absl::UnavailableError(
          absl::StrCat(command[0], " ", *server->process_->Ended(), " before it listened"));
    }
    if (std::chrono::steady_clock::now() > deadline)
      return absl::UnavailableError(absl::StrCat(command[0], " did not listen in time"));
  }
  return server;
}

}  // namespace routebench::bench
