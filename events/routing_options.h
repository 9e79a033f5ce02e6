// What the party that routes is set up with: the coordinator, or the broker for all of its clients.
#ifndef ROUTEBENCH_EVENTS_ROUTING_OPTIONS_H_
#define ROUTEBENCH_EVENTS_ROUTING_OPTIONS_H_

#include <cstddef>

#include "absl/status/status.h"
#include "events/clock.h"

namespace routebench {

// Events whose id was accepted lately are counted as kDuplicate and go nowhere (R12).
struct DeduplicationOptions {
  size_t window = 0;  // ids that are remembered, about 40 bytes each; 0: off
  Duration max_age = std::chrono::minutes(10);
};

// Everything is off by default, and costs nothing then.
struct RoutingOptions {
  DeduplicationOptions deduplication;
};

// InvalidArgument: a window above 2^30, or an age that is not positive.
absl::Status Validate(const RoutingOptions& options);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_ROUTING_OPTIONS_H_
