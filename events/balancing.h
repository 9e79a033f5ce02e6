// How one of several services is chosen for an event to a group (R10). routing::Balancer does it.
#ifndef ROUTEBENCH_EVENTS_BALANCING_H_
#define ROUTEBENCH_EVENTS_BALANCING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace routebench {

// Among those that may be picked; what is equal goes to who has waited longest since it was last picked.
enum class Balancing : uint8_t {
  kRoundRobin,        // nothing else: a cycle where the candidates stay the same
  kLeastConnections,  // the fewest events in flight
  kWeightedRandom,    // by chance, proportional to the weights
  kHealthBased,       // the best health (healthy, unknown, degraded), then the lowest load
  kPriorityBased,     // the most preferred priority
};
inline constexpr size_t kBalancingCount = 5;

// "round-robin", "least-connections", "weighted-random", "health-based", "priority-based".
std::string_view Name(Balancing balancing);
std::optional<Balancing> ParseBalancing(std::string_view name);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_BALANCING_H_
