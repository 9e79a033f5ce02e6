// The closed loop: at most so many events without an outcome.
#ifndef ROUTEBENCH_LOADGEN_OUTSTANDING_H_
#define ROUTEBENCH_LOADGEN_OUTSTANDING_H_

#include <algorithm>
#include <cstdint>

#include "events/mutex.h"

namespace routebench::loadgen {

// Thread-safe. An event counts as outstanding until all its outcomes have come: one for each receiver, one in
// all for an event that nobody receives.
class OutstandingLimit {
 public:
  // `limit` in events of `outcomes_per_event` on average: the limit is kept in outcomes.
  OutstandingLimit(uint32_t limit, double outcomes_per_event)
      : limit_(static_cast<uint64_t>(std::max(1.0, limit * outcomes_per_event))) {}

  // Blocks until there is room for one more event, then adds its outcomes. Returns at once after Release.
  void Acquire(uint32_t outcomes) {
    MutexLock lock(mutex_);
    while (outstanding_ > 0 && outstanding_ + outcomes > limit_ && !released_) room_.Wait(mutex_);
    outstanding_ += outcomes;
  }
  // One outcome came.
  void OnOutcome() { GiveBack(1); }
  // Outcomes that will not come: the event was refused.
  void GiveBack(uint32_t outcomes) {
    {
      MutexLock lock(mutex_);
      outstanding_ -= std::min<uint64_t>(outstanding_, outcomes);
    }
    room_.NotifyAll();
  }
  // Nobody waits any more: the run is being stopped.
  void Release() {
    {
      MutexLock lock(mutex_);
      released_ = true;
    }
    room_.NotifyAll();
  }

 private:
  const uint64_t limit_;
  Mutex mutex_;
  CondVar room_;
  uint64_t outstanding_ ABSL_GUARDED_BY(mutex_) = 0;
  bool released_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_OUTSTANDING_H_
