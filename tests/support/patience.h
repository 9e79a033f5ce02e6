// How long a test waits for something that must happen before it gives up. Reached only by a failing test.
#ifndef ROUTEBENCH_TESTS_SUPPORT_PATIENCE_H_
#define ROUTEBENCH_TESTS_SUPPORT_PATIENCE_H_

#include "events/clock.h"
#include "events/mutex.h"

namespace routebench::testing {

inline constexpr Duration kPatience = std::chrono::seconds(20);

// Waits on `changed` until `condition` (evaluated under `mutex`) holds; false when patience ran out.
template <typename Condition>
bool AwaitUnder(Mutex& mutex, CondVar& changed, const Condition& condition)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
  const TimePoint deadline = Clock::System().Now() + kPatience;
  while (!condition()) {
    if (!changed.WaitUntil(mutex, deadline)) return condition();
  }
  return true;
}

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_SUPPORT_PATIENCE_H_
