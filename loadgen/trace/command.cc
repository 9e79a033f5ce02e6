#include "loadgen/trace/command.h"

#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace routebench::loadgen {

absl::StatusOr<std::unique_ptr<Command>> Command::Start(const std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGPIPE);
  sigaddset(&signals, SIGXFSZ);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error = posix_spawnp(&pid, pointers[0], nullptr, &attributes, pointers.data(), environ);
  posix_spawnattr_destroy(&attributes);
  if (error != 0)
    return absl::NotFoundError(absl::StrCat("cannot start ", arguments[0], ": ", std::strerror(error)));
  const int descriptor = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  auto command = std::unique_ptr<Command>(new Command(pid, descriptor));
  if (descriptor < 0)
    return absl::UnavailableError(absl::StrCat("cannot follow ", arguments[0], ": ", std::strerror(errno)));
  return command;
}

Command::~Command() {
  if (exit_code_ < 0) {
    Signal(SIGKILL);
    Wait();
  }
  if (descriptor_ >= 0) close(descriptor_);
}

void Command::Signal(int signal) {
  if (exit_code_ < 0) kill(pid_, signal);
}

int Command::Wait() {
  if (exit_code_ >= 0) return exit_code_;
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return exit_code_;
}

}  // namespace routebench::loadgen
