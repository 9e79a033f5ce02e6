#include "events/routing/backoff.h"

#include <algorithm>
#include <cmath>

namespace routebench::routing {

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

std::optional<Duration> DelayAfter(const BackoffOptions& options, const EventHeader& event) {
  // The finalizer of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
  uint64_t random = event.id.high ^ (event.id.low + event.attempt * 0x9e3779b97f4a7c15);
  random = (random ^ (random >> 30)) * 0xbf58476d1ce4e5b9;
  random = (random ^ (random >> 27)) * 0x94d049bb133111eb;
  return DelayAfter(options, event.attempt, event.max_attempts, random ^ (random >> 31));
}

}  // namespace routebench::routing
