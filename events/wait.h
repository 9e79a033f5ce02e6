// How a thread that has nothing to do waits for the next thing: by sleeping, by looking, or first one and
// then the other.
#ifndef ROUTEBENCH_EVENTS_WAIT_H_
#define ROUTEBENCH_EVENTS_WAIT_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "events/clock.h"

namespace routebench {

// kBlock: sleeps at once; the kernel's wake-up is in the way of what comes. kAdaptive: looks for as long as a
// wake-up takes, then sleeps: at most twice as much time is spent as by whoever knows in advance which is
// better (Karlin, Manasse, McGeoch, Owicki: Empirical studies of competitive spinning for a shared-memory
// multiprocessor, SOSP 1991). kSpin: looks until something comes, and keeps a processor busy all the while.
//
// In each pool of threads one thread looks; the others sleep.
enum class WaitPolicy : uint8_t { kBlock, kAdaptive, kSpin };
inline constexpr size_t kWaitPolicyCount = 3;

std::string_view Name(WaitPolicy policy);  // block, adaptive, spin
std::optional<WaitPolicy> ParseWaitPolicy(std::string_view name);

// Processors that the calling thread may run on.
uint32_t AvailableProcessors();

// How long the kernel takes here to wake a sleeping thread, in the median: measured when it is first asked
// for, which takes some milliseconds; the same ever after. Thread-safe.
Duration WakeUpCost();

// How long one waiter goes on looking. Not thread-safe.
class Patience {
 public:
  // `parties`: threads that take turns in what is waited for, this one included, wherever they run. Where
  // they are more than the processors, looking yields the processor to them. The budget, of kAdaptive, is
  // twice the WakeUpCost: the other side may have to be woken first.
  Patience(WaitPolicy policy, uint32_t parties);
  // With another budget, on that clock.
  Patience(WaitPolicy policy, bool yields, Duration budget, const Clock& clock);

  // A new wait.
  void Begin() { end_.reset(); }
  // After a look that found nothing. True: look again. False: sleep.
  bool LookAgain();

 private:
  const WaitPolicy policy_;
  const bool yields_;
  const Duration budget_;
  const Clock& clock_;
  std::optional<TimePoint> end_;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_WAIT_H_
