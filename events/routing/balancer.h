// Which one of several services gets an event (R10).
//
// Unhealthy services, those in maintenance and those whose circuit breaker refuses are never picked; degraded
// ones only when nothing better is left. Unknown counts as healthy, except to kHealthBased.
#ifndef ROUTEBENCH_EVENTS_ROUTING_BALANCER_H_
#define ROUTEBENCH_EVENTS_ROUTING_BALANCER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "events/balancing.h"
#include "events/clock.h"
#include "events/routing/service.h"

namespace routebench::routing {

// Thread-safe and lock-free. One for each router: it remembers in the services when it picked them. By one
// thread the picks are determined by the seed and the candidates.
class Balancer {
 public:
  Balancer(Balancing balancing, uint64_t seed) : balancing_(balancing), seed_(seed) {}

  // An index into the candidates, each of which should be there once; empty: none may be picked.
  std::optional<size_t> Pick(absl::Span<Service* const> candidates, TimePoint now);
  // What Pick would answer; changes nothing.
  std::optional<size_t> Peek(absl::Span<Service* const> candidates, TimePoint now) const;

  Balancing balancing() const { return balancing_; }

 private:
  struct Choice {
    size_t index;
    uint64_t last_pick;
  };
  std::optional<size_t> PickByWeight(absl::Span<Service* const> candidates, TimePoint now);
  std::optional<size_t> PickInTurn(absl::Span<Service* const> candidates, TimePoint now);
  std::optional<Choice> Choose(absl::Span<Service* const> candidates, TimePoint now) const;
  // `pick` counts the picks before.
  std::optional<size_t> ChooseByWeight(absl::Span<Service* const> candidates, TimePoint now,
                                       uint64_t pick) const;

  const Balancing balancing_;
  const uint64_t seed_;
  std::atomic<uint64_t> picks_{0};
};

// How a service stands for being picked, without regard to the others.
enum class Standing : uint8_t { kAvailable, kLastResort, kUnhealthy, kInMaintenance, kBreakerOpen };
Standing StandingOf(const Service& service, TimePoint now);

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_BALANCER_H_
