// When a failed delivery is tried again (R13): exponential backoff with jitter.
#ifndef ROUTEBENCH_EVENTS_ROUTING_BACKOFF_H_
#define ROUTEBENCH_EVENTS_ROUTING_BACKOFF_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "events/clock.h"

namespace routebench::routing {

struct BackoffOptions {
  Duration initial = std::chrono::milliseconds(100);  // after the first attempt
  double multiplier = 2;                              // for each further one; at least 1
  Duration maximum = std::chrono::seconds(30);        // at least `initial`; with its jitter as well
  double jitter = 0.2;                                // evenly up to this part shorter or longer; 0 to 1
};

// InvalidArgument: out of the ranges above, or a negative time.
absl::Status Validate(const BackoffOptions& options);

// How long to wait after attempt number `attempt` (from 1) failed; empty: that was the last of
// `max_attempts`. `random` is 64 even random bits. Requires valid options. A pure function.
std::optional<Duration> DelayAfter(const BackoffOptions& options, uint32_t attempt, uint32_t max_attempts,
                                   uint64_t random);

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_BACKOFF_H_
