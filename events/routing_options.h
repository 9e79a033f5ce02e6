// What the party that routes is set up with: the coordinator, or the broker for all of its clients.
#ifndef ROUTEBENCH_EVENTS_ROUTING_OPTIONS_H_
#define ROUTEBENCH_EVENTS_ROUTING_OPTIONS_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "events/balancing.h"
#include "events/clock.h"

namespace routebench {

// Events whose id was accepted lately are counted as kDuplicate and go nowhere (R12).
struct DeduplicationOptions {
  size_t window = 0;  // ids that are remembered, about 40 bytes each; 0: off
  Duration max_age = std::chrono::minutes(10);
};

// Where there is no room for one more dead letter (R13), the oldest are forgotten.
struct DeadLetterOptions {
  size_t most = 1024;
  size_t most_bytes = size_t{64} << 20;  // encoded bodies; the newest is kept in any case
};

// Every feature is off by default, and costs nothing then.
struct RoutingOptions {
  DeduplicationOptions deduplication;
  DeadLetterOptions dead_letters;
  // Of events to a group.
  Balancing balancing = Balancing::kRoundRobin;
  uint64_t balancing_seed = 1;  // kWeightedRandom: equal seeds, equal choices
  // What may be there at once; one more is ResourceExhausted.
  size_t max_services = 4096;
  size_t max_rules = 4096;
  size_t max_watches = 1024;
  size_t max_text = size_t{4} << 20;  // of all services and rules together, in bytes
};

// InvalidArgument: a window above 2^30, an age that is not positive, or no room for dead letters.
absl::Status Validate(const RoutingOptions& options);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_ROUTING_OPTIONS_H_
