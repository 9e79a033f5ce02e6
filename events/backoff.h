// How long a failed delivery waits before it is tried again (R13): exponential backoff with jitter.
#ifndef ROUTEBENCH_EVENTS_BACKOFF_H_
#define ROUTEBENCH_EVENTS_BACKOFF_H_

#include "absl/status/status.h"
#include "events/clock.h"

namespace routebench {

struct BackoffOptions {
  Duration initial = std::chrono::milliseconds(100);  // after the first attempt
  double multiplier = 2;                              // for each further one; at least 1
  Duration maximum = std::chrono::seconds(30);        // at least `initial`; with its jitter as well
  double jitter = 0.2;                                // evenly up to this part shorter or longer; 0 to 1
};

// InvalidArgument: out of the ranges above, or a negative time.
absl::Status Validate(const BackoffOptions& options);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_BACKOFF_H_
