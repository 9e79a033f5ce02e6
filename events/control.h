// The control plane of a router: rules, health, discovery, explanation (R8, R16, R24). The same on every
// backend.
//
//   Control& control = router.control();
//   if (auto s = control.AddRule({.id = "audit", .targets = {"archive"}}); !s.ok()) return s;
//   auto watch = control.Watch([](const ServiceChange& change) { Note(change.state.spec.id, change.kind); });
//
// Threads and locks. Every method may be called from any thread at any time, also from handlers. Who may.
// Every client of a daemon rules all of it: any of them may set any service's health and change any rule.
// Lives. A service belongs to the client that registered it and goes with it. A rule belongs to the router
// and stays until it is removed, also when its targets or the client that added it are gone; a target that is
// not there receives nothing, and receives again once a service of that id is registered and subscribes.
// Effect. From the return on, every event published through any router of this backend is routed accordingly.
// Errors. Unavailable when the router is closed or its daemon is gone, and those named below.
#ifndef ROUTEBENCH_EVENTS_CONTROL_H_
#define ROUTEBENCH_EVENTS_CONTROL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "events/event.h"
#include "events/explanation.h"
#include "events/health.h"
#include "events/kind.h"
#include "events/router.h"
#include "events/rule.h"

namespace routebench {

// A registered service, at one moment.
struct ServiceState {
  ServiceSpec spec;
  Health health = Health::kUnknown;  // until somebody has set it
};

// What all of those that are set ask for.
struct ServiceQuery {
  std::optional<std::string> type;
  std::optional<EventKind> capability;  // among the kinds that it supports
};

struct ServiceChange {
  // The numbers are part of the wire format: never reuse one.
  enum class Kind : uint8_t {
    kRegistered = 0,
    kDeregistered = 1,
    kHealthChanged = 2,
    // The last of its watch, which has ended by itself: its handler was too slow, or the daemon is gone. What
    // has changed since the one before is not told; watch again. Without a state.
    kLost = 3,
  };
  static constexpr size_t kKinds = 4;

  Kind kind = Kind::kRegistered;
  // Counts the changes of the router. The services that are there when a watch begins carry the number of the
  // latest one, in the order in which they were registered; then every later change comes, with no number
  // left out.
  uint64_t sequence = 0;
  std::shared_ptr<const ServiceState> state;  // after the change; of a deregistered one, before it
};

// Runs on a thread of the router (of coordinator:inline: in the thread that makes the change, or the one that
// is telling of another just then). Never under a lock, never concurrently with itself. What it throws is
// ignored.
using WatchHandler = std::function<void(const ServiceChange&)>;
using WatchId = uint64_t;  // unique in its router object, never reused

// Changes that wait for a watch's handler, beside the services that were there when it began; one more ends
// it with kLost.
inline constexpr size_t kMaxWatchBacklog = 4096;

class Control {
 public:
  virtual ~Control() = default;

  // InvalidArgument, with the column where an expression is at fault; AlreadyExists: the id; NotFound: a
  // target that is not registered; ResourceExhausted: RoutingOptions::max_rules or max_text.
  virtual absl::Status AddRule(const Rule& rule) = 0;
  // NotFound.
  virtual absl::Status RemoveRule(const std::string& id) = 0;
  virtual absl::Status SetRuleEnabled(const std::string& id, bool enabled) = 0;

  // NotFound. No change when it has that health already.
  virtual absl::Status SetHealth(const std::string& service, Health health) = 0;
  // In the order in which they were registered.
  virtual absl::StatusOr<std::vector<ServiceState>> Services(const ServiceQuery& query) = 0;

  // ResourceExhausted: RoutingOptions::max_watches.
  virtual absl::StatusOr<WatchId> Watch(WatchHandler handler) = 0;
  // After the return the handler does not run and never will. From inside that very handler it returns at
  // once, and no later call happens. NotFound; a watch that ended with kLost is still to be found.
  virtual absl::Status Unwatch(WatchId watch) = 0;

  // Who would receive the event if it were published now, and why. Delivers nothing and changes nothing.
  // InvalidArgument: Publish would not accept it.
  virtual absl::StatusOr<Explanation> Explain(const Event& event) = 0;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_CONTROL_H_
