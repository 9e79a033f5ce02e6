#include "tests/integration/loadgen_run.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include "gtest/gtest.h"

namespace routebench::testing {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
constexpr auto kPatience = std::chrono::seconds(30);

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool AwaitEnd(pid_t pid) {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return true;  // gone already
  pollfd polled{handle, POLLIN, 0};
  const bool ended = poll(&polled, 1, std::chrono::milliseconds(kPatience).count()) > 0;
  close(handle);
  return ended;
}

}  // namespace

PrivateDirectory::PrivateDirectory() {
  char name[] = "/tmp/rbtest-XXXXXX";
  path_ = mkdtemp(name);
}

PrivateDirectory::~PrivateDirectory() {
  std::error_code error;
  fs::remove_all(path_, error);
}

std::vector<std::string> PrivateDirectory::Files() const {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(path_)) files.push_back(entry.path().filename());
  return files;
}

LoadgenRun::LoadgenRun(const std::vector<std::string>& command, const PrivateDirectory& directory,
                       const Settings& settings)
    : mark_("ROUTEBENCH_TEST_RUN=" + directory.path()) {
  std::array<int, 2> out;
  int terminal = -1;
  termios raw;
  cfmakeraw(&raw);
  if (pipe2(out.data(), O_CLOEXEC) != 0 || openpty(&err_, &terminal, nullptr, &raw, nullptr) != 0)
    std::abort();
  out_ = out[0];
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    setenv("ROUTEBENCH_TEST_RUN", directory.path().c_str(), 1);
    setenv("TMPDIR", directory.path().c_str(), 1);
    dup2(settings.out_path.empty() ? out[1] : open(settings.out_path.c_str(), O_WRONLY), STDOUT_FILENO);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    close(err_);
    if (settings.largest_file > 0) {
      const rlimit limit{settings.largest_file, settings.largest_file};
      setrlimit(RLIMIT_FSIZE, &limit);
    }
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  close(out[1]);
  close(terminal);
}

LoadgenRun::~LoadgenRun() {
  for (const pid_t pid : Offspring()) kill(pid, SIGKILL);
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(out_);
  close(err_);
}

void LoadgenRun::Signal(int signal) const { kill(pid_, signal); }

// False once both streams have ended.
bool LoadgenRun::ReadSome(int milliseconds) {
  std::array<pollfd, 2> polled = {{{out_, POLLIN, 0}, {err_, POLLIN, 0}}};
  if (poll(polled.data(), polled.size(), milliseconds) <= 0) return true;
  bool open = false;
  for (size_t i = 0; i < polled.size(); ++i) {
    char buffer[4096];
    if (polled[i].revents == 0) {
      open = true;
      continue;
    }
    const ssize_t n = read(polled[i].fd, buffer, sizeof buffer);
    if (n <= 0) continue;
    (i == 0 ? finished_.out : finished_.err).append(buffer, static_cast<size_t>(n));
    open = true;
  }
  return open;
}

void LoadgenRun::AwaitError(const std::string& pattern) {
  const auto deadline = Clock::now() + kPatience;
  const std::regex awaited(pattern);
  while (!std::regex_search(finished_.err, awaited)) {
    ASSERT_TRUE(ReadSome(1000)) << "ended without saying " << pattern << ": " << finished_.err;
    ASSERT_LT(Clock::now(), deadline) << "did not say " << pattern << ": " << finished_.err;
  }
}

void LoadgenRun::AwaitProgress() { AwaitError("[1-9][0-9]* of "); }

std::vector<pid_t> LoadgenRun::Offspring(const std::string& with) const {
  std::vector<pid_t> pids;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const pid_t pid = atoi(entry.path().filename().c_str());
    if (pid <= 0 || pid == pid_) continue;
    if (ReadFile(entry.path() / "environ").find(mark_) == std::string::npos) continue;
    if (ReadFile(entry.path() / "cmdline").find(with) != std::string::npos) pids.push_back(pid);
  }
  return pids;
}

Finished LoadgenRun::Wait() {
  const auto deadline = Clock::now() + kPatience;
  while (ReadSome(1000)) {
    if (Clock::now() >= deadline) {
      ADD_FAILURE() << "did not end: " << finished_.err;
      break;
    }
  }
  EXPECT_TRUE(AwaitEnd(pid_)) << "loadgen did not end";
  for (const pid_t pid : Offspring()) EXPECT_TRUE(AwaitEnd(pid)) << "a process was left behind";
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == pid_) {
    finished_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    pid_ = -1;
  }
  return finished_;
}

}  // namespace routebench::testing
