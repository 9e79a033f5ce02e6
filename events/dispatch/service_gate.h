// The limit on events that one service has in hand: handed to its handlers and not yet answered (R6, R15).
#ifndef ROUTEBENCH_EVENTS_DISPATCH_SERVICE_GATE_H_
#define ROUTEBENCH_EVENTS_DISPATCH_SERVICE_GATE_H_

#include <cstdint>
#include <functional>

#include "events/delivery/ring.h"
#include "events/mutex.h"

namespace routebench::dispatch {

// Thread-safe; shared by the subscriptions of one service. Who is refused is told, in order, when there is
// room again.
class ServiceGate {
 public:
  // Tells one who was refused to try again; false when there is nobody left to try.
  using Wake = std::function<bool()>;

  explicit ServiceGate(uint32_t limit) : limit_(limit) {}

  // True: one more is in hand. False: `wake` is called once, later, when there is room; whoever is woken
  // either enters or calls WakeNext.
  bool Enter(Wake wake) {
    MutexLock lock(mutex_);
    if (in_hand_ < limit_) {
      ++in_hand_;
      return true;
    }
    refused_.PushBack(std::move(wake));
    return false;
  }

  // One less in hand. Call it, and WakeNext, under no lock that a wake takes.
  void Leave() {
    {
      MutexLock lock(mutex_);
      --in_hand_;
    }
    WakeNext();
  }

  void WakeNext() {
    while (true) {
      Wake wake;
      {
        MutexLock lock(mutex_);
        if (in_hand_ >= limit_ || refused_.empty()) return;
        wake = refused_.PopFront();
      }
      if (wake()) return;
    }
  }

 private:
  const uint32_t limit_;
  Mutex mutex_;
  uint32_t in_hand_ ABSL_GUARDED_BY(mutex_) = 0;
  delivery::Ring<Wake> refused_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace routebench::dispatch

#endif  // ROUTEBENCH_EVENTS_DISPATCH_SERVICE_GATE_H_
