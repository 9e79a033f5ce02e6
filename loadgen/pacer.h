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
  // `stop` is set (noticed within 50 ms). The result is how long, of this call, the thread was ready to run
  // and had no processor; zero where it came in time.
  virtual Duration WaitUntil(TimePoint due, const std::atomic<bool>& stop) = 0;
};

// "sleep": sleeps, and gives the processor away meanwhile. It learns how much too late sleeps end here (tens
// of microseconds on an idle virtual machine), asks to be woken that much before `due`, and spends what is
// left of it, at most 10 us, reading the clock. "spin": reads the clock until it is time; needs a processor
// of its own. InvalidArgument for other names. Make it on the thread that uses it: it sets the thread's timer
// slack.
absl::StatusOr<std::unique_ptr<Pacer>> MakePacer(const std::string& name);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_PACER_H_
