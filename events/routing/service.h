// A registered service as the decisions see it: what it was registered with, and how it is right now.
#ifndef ROUTEBENCH_EVENTS_ROUTING_SERVICE_H_
#define ROUTEBENCH_EVENTS_ROUTING_SERVICE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "events/event_id.h"
#include "events/health.h"
#include "events/kind.h"
#include "events/mutex.h"
#include "events/outcome.h"
#include "events/routing/circuit_breaker.h"
#include "events/routing/filter_set.h"

namespace routebench::routing {

struct ServiceSettings {
  std::string id;
  KindSet supports = KindSet::All();
  FilterSet filters;            // its subscriptions receive nothing else
  int32_t priority = 0;         // lower is preferred
  double weight = 1;            // its share, relative to the others'; finite and above zero
  uint32_t max_concurrent = 0;  // 0: no limit
};

// Made at registration and shared by its owner and the routing tables. The settings are immutable, the rest
// is thread-safe: the owner writes it, decisions read it.
struct Service {
  explicit Service(ServiceSettings settings, std::unique_ptr<CircuitBreaker> breaker = nullptr)
      : settings(std::move(settings)), breaker(std::move(breaker)) {}

  // Events that were brought to it and are not settled, relative to what it may have in hand at once. Zero
  // where it has no limit.
  double Load() const {
    if (settings.max_concurrent == 0) return 0;
    return static_cast<double>(in_flight.load(std::memory_order_relaxed)) / settings.max_concurrent;
  }

  // The breaker's, which there must be. It is asked when an event is routed: what is queued then is
  // delivered, though the breaker may open meanwhile. Every event that was admitted must be settled, by its
  // id; answers to other events count while the breaker is closed.
  bool Admit(const EventId& event, TimePoint now);
  void Settle(const EventId& event, Outcome outcome, TimePoint now);
  // An attempt has failed, and another follows.
  void Fail(const EventId& event, TimePoint now);

  const ServiceSettings settings;
  const std::unique_ptr<CircuitBreaker> breaker;  // null: none
  std::atomic<Health> health{Health::kUnknown};
  std::atomic<uint32_t> in_flight{0};
  std::atomic<uint64_t> last_pick{0};  // the balancer's

 private:
  struct Probe {
    EventId event;
    CircuitBreaker::Permit permit;
  };
  CircuitBreaker::Permit TakePermit(const EventId& event);

  Mutex mutex_;
  std::optional<Probe> probe_ ABSL_GUARDED_BY(mutex_);  // that is out
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_SERVICE_H_
