#include "loadgen/interrupt.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace routebench::loadgen {
namespace {

sigset_t Signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

Interrupt::Interrupt() {
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  descriptor_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

Interrupt::~Interrupt() {
  WaitFor(Duration::zero());  // a signal that is still pending would end the process once it is unblocked
  close(descriptor_);
  const sigset_t signals = Signals();
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

bool Interrupt::WaitFor(Duration duration) {
  pollfd polled{descriptor_, POLLIN, 0};
  const auto milliseconds =
      interrupted_.load() ? 0 : std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  if (poll(&polled, 1, static_cast<int>(milliseconds)) > 0) {
    interrupted_.store(true);
    signalfd_siginfo signal;  // taken, so that it is not delivered later
    while (read(descriptor_, &signal, sizeof signal) > 0) {
    }
  }
  return interrupted_.load();
}

}  // namespace routebench::loadgen
