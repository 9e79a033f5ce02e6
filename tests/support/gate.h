// Holds handlers until a test lets them go.
#ifndef ROUTEBENCH_TESTS_SUPPORT_GATE_H_
#define ROUTEBENCH_TESTS_SUPPORT_GATE_H_

#include <cstdint>
#include <limits>
#include <memory>

#include "tests/support/patience.h"

namespace routebench::testing {

// A handle to shared state: handlers hold copies, so that one that is still stuck when the test ends does no
// harm. Thread-safe. Closed at first.
class Gate {
 public:
  Gate() {}  // written out: clang 14 wants it for a const member

  // Called by a handler: returns once the gate is open or a permit is left for it.
  void Pass() const {
    MutexLock lock(state_->mutex);
    const uint64_t turn = state_->entered++;
    state_->changed.NotifyAll();
    while (turn >= state_->permits) state_->changed.Wait(state_->mutex);
    ++state_->passed;
    state_->changed.NotifyAll();
  }

  // Lets `count` more through.
  void Let(uint64_t count) const {
    MutexLock lock(state_->mutex);
    state_->permits += count;
    state_->changed.NotifyAll();
  }

  void Open() const {
    MutexLock lock(state_->mutex);
    state_->permits = std::numeric_limits<uint64_t>::max();
    state_->changed.NotifyAll();
  }

  // Waits until `count` calls of Pass have begun in all; false when they do not come.
  [[nodiscard]] bool AwaitEntered(uint64_t count) const {
    MutexLock lock(state_->mutex);
    return AwaitUnder(state_->mutex, state_->changed, [&] { return state_->entered >= count; });
  }

  uint64_t entered() const {
    MutexLock lock(state_->mutex);
    return state_->entered;
  }
  uint64_t passed() const {
    MutexLock lock(state_->mutex);
    return state_->passed;
  }

 private:
  struct State {
    Mutex mutex;
    CondVar changed;
    uint64_t entered = 0;
    uint64_t passed = 0;
    uint64_t permits = 0;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_SUPPORT_GATE_H_
