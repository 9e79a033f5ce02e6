// Keeps events away from a service that fails (R11).
//
//   Closed    every event is admitted. Opens after `consecutive_failures` in a row, or when at least
//             `minimum_requests` were answered within the window and `error_rate` of them failed.
//   Open      nothing is admitted until `open_timeout` has passed; the next event then is a probe: HalfOpen.
//   HalfOpen  one probe at a time. A failure opens again; `successes_to_close` in a row close.
//
// (Nygard, Release It!, 2nd ed. 2018, "Circuit Breaker".)
#ifndef ROUTEBENCH_EVENTS_ROUTING_CIRCUIT_BREAKER_H_
#define ROUTEBENCH_EVENTS_ROUTING_CIRCUIT_BREAKER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "events/circuit_breaker_options.h"
#include "events/clock.h"
#include "events/mutex.h"

namespace routebench::routing {

// Thread-safe. Times are the caller's and should not go backwards by more than a bucket. While it is closed,
// Admit is one atomic read; every answer takes a short lock that is the breaker's own.
class CircuitBreaker {
 public:
  enum class State : uint8_t { kClosed, kOpen, kHalfOpen };
  // The window moves in steps of a tenth: it covers the current tenth and the nine before.
  static constexpr size_t kBuckets = 10;

  // Stands for one admitted event. Answer each one, once: a probe that is never answered keeps the breaker
  // half open for ever.
  struct Permit {
    uint64_t generation = 0;
    bool probe = false;
  };

  // Requires valid options.
  explicit CircuitBreaker(const CircuitBreakerOptions& options);

  // Empty: refused.
  std::optional<Permit> Admit(TimePoint now);
  // Whether Admit would admit; takes nothing.
  bool WouldAdmit(TimePoint now) const;

  // That of an event which was admitted while it was closed, if it is now; otherwise one whose answer changes
  // nothing.
  Permit Current() const;

  // What became of an admitted event. Answers to what was admitted before the last change of state, and
  // second answers to a probe, change nothing.
  void Succeeded(Permit permit, TimePoint now) { Answered(permit, true, now); }
  void Failed(Permit permit, TimePoint now) { Answered(permit, false, now); }
  // It says nothing about the service: the event expired or was dropped before its handler ran. Another probe
  // may go.
  void Abandoned(Permit permit);

  State state() const { return static_cast<State>(word_.load(std::memory_order_acquire) & kStateMask); }
  uint64_t openings() const { return openings_.load(std::memory_order_relaxed); }

 private:
  struct Bucket {
    int64_t number = -1;  // which tenth of a window since the clock's zero
    uint32_t answers = 0;
    uint32_t failures = 0;
  };
  // The word: generation << 3 | probing << 2 | state.
  static constexpr uint64_t kStateMask = 3;
  static constexpr uint64_t kProbing = 4;

  void Answered(Permit permit, bool success, TimePoint now);
  void Count(bool success, TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MustOpen(TimePoint now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A new generation.
  void Become(State state, bool probing) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Open(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CircuitBreakerOptions options_;
  std::atomic<uint64_t> word_{0};
  std::atomic<int64_t> open_until_{0};
  std::atomic<uint64_t> openings_{0};
  Mutex mutex_;
  std::array<Bucket, kBuckets> buckets_ ABSL_GUARDED_BY(mutex_);
  uint32_t failures_in_a_row_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t probes_in_a_row_ ABSL_GUARDED_BY(mutex_) = 0;  // that succeeded
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_CIRCUIT_BREAKER_H_
