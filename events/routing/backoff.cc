#include "events/routing/backoff.h"

#include <algorithm>
#include <cmath>

namespace routebench::routing {

absl::Status Validate(const BackoffOptions& options) {
  if (options.initial < Duration::zero() || options.maximum < options.initial) {
    return absl::InvalidArgumentError(
        "a backoff's initial delay is not negative, and its maximum not below that");
  }
  if (!(options.multiplier >= 1) || std::isinf(options.multiplier)) {
    return absl::InvalidArgumentError("a backoff's multiplier is at least 1");
  }
  if (!(options.jitter >= 0 && options.jitter <= 1)) {
    return absl::InvalidArgumentError("a backoff's jitter is between 0 and 1");
  }
  return absl::OkStatus();
}

std::optional<Duration> DelayAfter(const BackoffOptions& options, uint32_t attempt, uint32_t max_attempts,
                                   uint64_t random) {
  if (attempt >= max_attempts) return std::nullopt;
  const double exponent = attempt == 0 ? 0 : attempt - 1;
  // In doubles, where what is too large is infinity and not something else. (Zero times infinity is no
  // number.)
  const double maximum = static_cast<double>(options.maximum.count());
  const double initial = static_cast<double>(options.initial.count());
  const double full = initial == 0 ? 0 : std::min(initial * std::pow(options.multiplier, exponent), maximum);
  const double even = static_cast<double>(random >> 11) * 0x1p-52 - 1;  // in [-1, 1)
  const double delay = full * (1 + options.jitter * even);
  if (delay >= maximum) return options.maximum;
  return Duration(static_cast<int64_t>(delay));
}

}  // namespace routebench::routing
