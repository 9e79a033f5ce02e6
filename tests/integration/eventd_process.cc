#include "tests/integration/eventd_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string_view>

#include "tests/support/patience.h"

extern char** environ;

namespace routebench::testing {
namespace {

// Above every descriptor that the test itself may hold.
constexpr int kReadyInChild = 200;
constexpr int kStopInChild = 201;

struct Pipe {
  int read;
  int write;
};

Pipe MakePipe() {
  std::array<int, 2> ends;
  if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
  return {ends[0], ends[1]};
}

// False: nothing came in time.
bool AwaitReadable(int descriptor) {
  pollfd polled = {descriptor, POLLIN, 0};
  return poll(&polled, 1, static_cast<int>(kPatience / std::chrono::milliseconds(1))) > 0;
}

}  // namespace

EventdProcess::EventdProcess(const std::vector<std::string>& arguments, const std::vector<int>& inherited) {
  const Pipe ready = MakePipe();
  const Pipe stop = MakePipe();
  const Pipe errors = MakePipe();
  std::vector<std::string> words = {std::getenv("ROUTEBENCH_EVENTD"), "--ready-fd",
                                    std::to_string(kReadyInChild), "--stop-fd", std::to_string(kStopInChild)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ready.write, kReadyInChild);
  posix_spawn_file_actions_adddup2(&actions, stop.read, kStopInChild);
  posix_spawn_file_actions_adddup2(&actions, errors.write, STDERR_FILENO);
  for (size_t i = 0; i < inherited.size(); ++i) {
    posix_spawn_file_actions_adddup2(&actions, inherited[i], kInherited + static_cast<int>(i));
  }
  if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) std::abort();
  posix_spawn_file_actions_destroy(&actions);
  close(ready.write);
  close(stop.read);
  close(errors.write);
  ready_ = ready.read;
  stop_ = stop.write;
  errors_ = errors.read;
}

EventdProcess::~EventdProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  CloseStopDescriptor();
  close(ready_);
  close(errors_);
}

bool EventdProcess::AwaitReady() {
  std::array<char, 4096> line;
  constexpr std::string_view kReady = "ready ";
  if (!AwaitReadable(ready_)) return false;
  const ssize_t size = read(ready_, line.data(), line.size());
  const std::string_view text(line.data(), size < 0 ? 0 : static_cast<size_t>(size));
  if (text.substr(0, kReady.size()) != kReady || text.back() != '\n') return false;
  endpoints_ = text.substr(kReady.size(), text.size() - kReady.size() - 1);
  return true;
}

void EventdProcess::Signal(int number) const { kill(pid_, number); }

void EventdProcess::Stop() const {
  Signal(SIGSTOP);
  waitpid(pid_, nullptr, WUNTRACED);
}

void EventdProcess::CloseStopDescriptor() {
  if (stop_ >= 0) close(stop_);
  stop_ = -1;
}

bool EventdProcess::ReadLog() {
  std::array<char, 4096> text;
  if (!AwaitReadable(errors_)) return false;
  const ssize_t size = read(errors_, text.data(), text.size());
  if (size > 0) log_.append(text.data(), static_cast<size_t>(size));
  return size > 0;
}

bool EventdProcess::AwaitLog(const std::string& text) {
  while (log_.find(text) == std::string::npos) {
    if (!ReadLog()) return false;
  }
  return true;
}

int EventdProcess::AwaitExit() {
  while (ReadLog()) {
  }
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace routebench::testing
