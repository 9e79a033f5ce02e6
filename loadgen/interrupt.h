// Ctrl-C as a flag and a wait.
#ifndef ROUTEBENCH_LOADGEN_INTERRUPT_H_
#define ROUTEBENCH_LOADGEN_INTERRUPT_H_

#include <atomic>

#include "events/clock.h"

namespace routebench::loadgen {

// Turns SIGINT and SIGTERM of this process into a flag. One at a time; make it before any thread is started
// (the signals are blocked in all of them and read from a descriptor).
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();  // the former disposition comes back
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Waits at most `duration`, less when a signal comes or came. True: interrupted.
  bool WaitFor(Duration duration);
  const std::atomic<bool>& flag() const { return interrupted_; }

 private:
  int descriptor_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_INTERRUPT_H_
