#include "events/circuit_breaker_options.h"

namespace routebench {

CircuitBreakerOptions CircuitBreakerOptions::Lenient() {
  return {.consecutive_failures = 10,
          .minimum_requests = 50,
          .error_rate = 0.75,
          .window = std::chrono::seconds(30),
          .open_timeout = std::chrono::seconds(2),
          .successes_to_close = 1};
}

CircuitBreakerOptions CircuitBreakerOptions::Strict() {
  return {.consecutive_failures = 3,
          .minimum_requests = 10,
          .error_rate = 0.25,
          .window = std::chrono::seconds(10),
          .open_timeout = std::chrono::seconds(15),
          .successes_to_close = 5};
}

absl::Status Validate(const CircuitBreakerOptions& options) {
  if (options.consecutive_failures == 0 || options.minimum_requests == 0 || options.successes_to_close == 0) {
    return absl::InvalidArgumentError("a circuit breaker's counts are at least 1");
  }
  if (!(options.error_rate > 0 && options.error_rate <= 1)) {
    return absl::InvalidArgumentError("a circuit breaker's error rate is above 0 and at most 1");
  }
  if (options.window < Duration(10) || options.open_timeout <= Duration::zero()) {
    return absl::InvalidArgumentError("a circuit breaker's window and open timeout are positive");
  }
  return absl::OkStatus();
}

}  // namespace routebench
