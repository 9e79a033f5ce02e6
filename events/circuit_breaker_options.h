// When a circuit breaker opens and closes (R11; events/routing/circuit_breaker.h says what it does).
#ifndef ROUTEBENCH_EVENTS_CIRCUIT_BREAKER_OPTIONS_H_
#define ROUTEBENCH_EVENTS_CIRCUIT_BREAKER_OPTIONS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "events/clock.h"

namespace routebench {

struct CircuitBreakerOptions {
  uint32_t consecutive_failures = 5;
  uint32_t minimum_requests = 20;
  double error_rate = 0.5;                     // of the answers within the window, (0, 1]
  Duration window = std::chrono::seconds(10);  // at least 10 ns
  Duration open_timeout = std::chrono::seconds(5);
  uint32_t successes_to_close = 2;

  static CircuitBreakerOptions Lenient();
  static CircuitBreakerOptions Default() { return {}; }
  static CircuitBreakerOptions Strict();
  friend bool operator==(const CircuitBreakerOptions&, const CircuitBreakerOptions&) = default;
};

// InvalidArgument for a count of zero, a rate outside (0, 1] or a time that is not positive.
absl::Status Validate(const CircuitBreakerOptions& options);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_CIRCUIT_BREAKER_OPTIONS_H_
