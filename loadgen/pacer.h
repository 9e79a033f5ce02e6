// How a publisher's thread waits for the time at which its next event is due.
#ifndef ROUTEBENCH_LOADGEN_PACER_H_
#define ROUTEBENCH_LOADGEN_PACER_H_

#include <atomic>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "events/clock.h"

namespace routebench::loadgen {

// Not thread-safe: one for each publisher.
class Pacer {
 public:
  virtual ~Pacer() = default;
  // Returns at `due` or as soon after it as the machine allows; at once when it has passed; early only once
  // `stop` is set (noticed within 50 ms).
  virtual void WaitUntil(TimePoint due, const std::atomic<bool>& stop) = 0;
};

// "sleep": absolute sleeps of CLOCK_MONOTONIC with the thread's timer slack at its minimum; gives the
// processor away. "spin": reads the clock until it is time; needs a processor of its own. InvalidArgument for
// other names. Make it on the thread that uses it.
absl::StatusOr<std::unique_ptr<Pacer>> MakePacer(const std::string& name);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_PACER_H_
