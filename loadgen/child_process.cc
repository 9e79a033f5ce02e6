#include "loadgen/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace routebench::loadgen {
namespace {

constexpr int kInherited = 3;
// More than anybody inherits.
constexpr int kAside = 64;

[[noreturn]] void Execute(const std::vector<char*>& arguments, std::vector<int>& inherited, int output,
                          pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent died before the line above
  signal(SIGINT, SIG_IGN);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (output >= 0) {
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
  }
  // A copy may take the number of one that is still to be copied: first all move out of the way.
  for (int& descriptor : inherited) descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, kAside);
  for (size_t i = 0; i < inherited.size(); ++i) dup2(inherited[i], kInherited + static_cast<int>(i));
  execv(arguments[0], arguments.data());
  _exit(127);
}

}  // namespace

void Descriptor::Reset() {
  if (descriptor_ >= 0) close(descriptor_);
  descriptor_ = -1;
}

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(const std::vector<std::string>& arguments,
                                                                  const std::vector<int>& inherited,
                                                                  int output) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  std::vector<int> copies = inherited;  // after the fork nothing may be allocated
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return absl::UnavailableError(absl::StrCat("cannot start a process: ", std::strerror(errno)));
  if (pid == 0) Execute(pointers, copies, output, parent);
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid));
}

ChildProcess::~ChildProcess() {
  if (Reap(false)) return;
  kill(pid_, SIGKILL);
  Reap(true);
}

bool ChildProcess::Reap(bool wait) {
  if (status_.has_value()) return true;
  int status = 0;
  pid_t reaped;
  do {
    reaped = waitpid(pid_, &status, wait ? 0 : WNOHANG);
  } while (reaped < 0 && errno == EINTR);
  if (reaped == pid_) status_ = status;
  return status_.has_value();
}

std::optional<std::string> ChildProcess::Ended() {
  if (!Reap(false)) return std::nullopt;
  if (WIFSIGNALED(*status_)) return absl::StrCat("was killed by signal ", WTERMSIG(*status_));
  return absl::StrCat("exited with code ", WEXITSTATUS(*status_));
}

std::optional<int> ChildProcess::exit_code() const {
  if (!status_.has_value() || !WIFEXITED(*status_)) return std::nullopt;
  return WEXITSTATUS(*status_);
}

bool ChildProcess::AwaitEnd(Duration patience) {
  if (Reap(false)) return true;
  const Descriptor handle(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  pollfd polled{handle.get(), POLLIN, 0};
  poll(&polled, 1, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count()));
  return Reap(false);
}

bool ChildProcess::Stop(Duration patience) {
  if (Reap(false)) return true;
  kill(pid_, SIGTERM);
  if (AwaitEnd(patience)) return true;
  kill(pid_, SIGKILL);
  Reap(true);
  return false;
}

}  // namespace routebench::loadgen
