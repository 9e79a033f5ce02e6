// EventRouter: the contract that both architectures keep (R1-R26; docs/architecture.md has the path of an
// event).
//
//   absl::Status Example(EventRouter& router) {
//     if (auto s = router.Register({.id = "indexer"}); !s.ok()) return s;
//     auto subscription = router.Subscribe(
//         {.service = "indexer", .filters = {{.kinds = KindSet::Of(Category::kFilesystem)}}},
//         [](Delivery& delivery) { Index(delivery.event()); return Verdict::kAck; });
//     if (!subscription.ok()) return subscription.status();
//     if (router.Publish(event) != PublishResult::kAccepted) ...
//     return router.Drain(std::chrono::seconds(5));
//   }
//
// Threads. Every method may be called from any thread at any time, also from handlers and sinks (R26). No
// handler and no sink runs under a lock of the router. Order. Events of one publishing thread reach one
// subscription in the order in which they were published (R19), unless the subscription is priority-ordered
// or runs several handlers at once. Errors. Publish answers with a code; set-up answers with absl::Status:
// InvalidArgument (a field out of range), AlreadyExists, NotFound, Unavailable (closed, or the peer is gone),
// DeadlineExceeded. Nothing throws.
#ifndef ROUTEBENCH_EVENTS_ROUTER_H_
#define ROUTEBENCH_EVENTS_ROUTER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "events/backoff.h"
#include "events/circuit_breaker_options.h"
#include "events/dead_letters.h"
#include "events/event.h"
#include "events/filter.h"
#include "events/outcome.h"
#include "events/routing_options.h"
#include "events/wait.h"

namespace routebench {

class Control;  // events/control.h
class StageHooks;
struct StageStamps;  // events/stages.h

// What a handler says of an event. kReject: it does not want it, now or later. kDeferred: the answer comes
// later through Delivery::Defer()'s acknowledger. kRetry: it failed; see SubscriptionSpec::retry.
enum class Verdict : uint8_t { kAck, kReject, kDeferred, kRetry };

// Answers for one event after its handler has returned. Copyable; the first answer counts, later ones are
// ignored and return false. Thread-safe. An acknowledger that is destroyed unanswered (its last copy) answers
// kReject. May outlive the router; then answering does nothing. Once answered it keeps nothing alive: a
// handler may own the acknowledgers of its own subscription until it has answered them.
class Acknowledger {
 public:
  using Answer = absl::AnyInvocable<void(Verdict)>;  // called at most once; not with kDeferred
  explicit Acknowledger(Answer answer);
  bool Acknowledge() { return Settle(Verdict::kAck); }
  bool Reject() { return Settle(Verdict::kReject); }
  bool Retry() { return Settle(Verdict::kRetry); }

 private:
  class State;
  bool Settle(Verdict verdict);
  std::shared_ptr<State> state_;
};

// One event in the hands of one handler. Valid during the call; copy what must live longer.
class Delivery {
 public:
  virtual ~Delivery() = default;
  virtual const Event& event() const = 0;
  // Call at most once, then return kDeferred.
  virtual Acknowledger Defer() = 0;
  // How many events of its batch follow (SubscriptionSpec::batch): 0 is the time to work on them together.
  // They may not come where the subscription ends.
  virtual size_t following() const = 0;
  // When it passed which mark on its way; null: it is not sampled (RouterOptions::stage_sampling).
  virtual const StageStamps* stages() const = 0;
};

// Runs on one of the router's threads. A handler that throws has answered kReject (R21). One subscription's
// handler never runs concurrently with itself unless its subscription's `concurrency` allows it (R26).
using Handler = std::function<Verdict(Delivery&)>;

// A receiver's identity (R6). Events addressed to-targets name services by id.
struct ServiceSpec {
  std::string id;                     // unique in the router, 1 to 255 bytes
  std::string type;                   // what kind of service, at most 255 bytes; may be empty
  std::string instance;               // which of its kind, likewise
  KindSet supports = KindSet::All();  // its subscriptions receive nothing outside this set
  uint32_t max_concurrent =
      0;  // events handed to its handlers and not yet answered, over all its subscriptions; 0: no limit
  int32_t priority = 0;         // lower is preferred (Balancing::kPriorityBased)
  double weight = 1;            // its share (Balancing::kWeightedRandom); finite and above zero
  std::vector<Filter> filters;  // alternatives; its subscriptions receive nothing that passes none of them
  // For whoever looks for a service; at most kMaxServiceMetadata, keys of 1 to 255 bytes.
  std::vector<std::pair<std::string, std::string>> metadata;
  // Refuses events (kBreakerOpen, and to-group goes elsewhere) after too many have failed: were rejected,
  // timed out, damaged, dead letters, or an attempt that is tried again. Not set: none.
  std::optional<CircuitBreakerOptions> breaker;
  friend bool operator==(const ServiceSpec&, const ServiceSpec&) = default;
};
inline constexpr size_t kMaxServiceMetadata = 64;
// Of a service or a rule: all its text together, in bytes.
inline constexpr size_t kMaxSpecText = size_t{32} << 10;

// What happens to an event when the subscription's queue is full (R14).
enum class FullPolicy : uint8_t { kBlock, kReject, kDropOldest, kDropNewest };
enum class QueueOrder : uint8_t {
  kFifo,
  kPriority
};  // kPriority: most urgent first, FIFO inside one priority

// What a subscription is promised when a process between publisher and handler dies (R18;
// docs/architecture.md has the table). kAtLeastOnce: the daemon keeps its name and filters beyond its own
// death and the subscriber's; an event that was published through a daemon::ReconnectingClient is
// acknowledged only after every subscription of this kind that matched it has acknowledged it, and is sent
// again until then. The coordinator holds everything in one process and loses it with that process: there
// both are the same.
enum class Guarantee : uint8_t { kAtMostOnce, kAtLeastOnce };

// Events wait until there are `most` of them or the first has waited for `interval`; then the handler gets
// them one after another (R17). With `most` above 1: no further concurrency, not drop-oldest, and not in a
// service that limits its concurrent events.
struct BatchOptions {
  size_t most = 1;  // at most the subscription's capacity
  Duration interval{};
};

struct SubscriptionSpec {
  std::string service;          // a registered service's id
  std::vector<Filter> filters;  // alternatives; empty: everything
  size_t capacity =
      1024;  // events accepted for it and not yet handed to its handler, wherever they wait; >= 1
  FullPolicy full_policy = FullPolicy::kBlock;
  Duration block_deadline = std::chrono::seconds(30);  // kBlock only: then kDroppedDeadline
  QueueOrder order = QueueOrder::kFifo;
  uint32_t concurrency = 1;  // handlers of this subscription that may run at once; >= 1
  Guarantee guarantee = Guarantee::kAtMostOnce;
  // Of a kAtLeastOnce subscription, 1 to 255 bytes, unique in the backend; empty for the others. In the
  // daemon the name outlives Close and the subscriber's process: it goes on matching, and holds what matches
  // (by capacity and policy), until a subscription of the same service comes with it again, is ended by
  // Unsubscribe or Deregister, or the lease is over.
  std::string name;
  Duration lease = std::chrono::hours(1);  // how long the name waits for its subscriber; positive
  bool paused = false;                     // it starts so, and handles nothing until Resume
  BatchOptions batch;
  // From the call of the handler to its answer; zero: for ever. An event that takes longer has failed, and
  // its late answer is ignored. A handler that runs is not interrupted: the next event waits until it
  // returns.
  Duration delivery_timeout{};
  // A delivery that failed (Verdict::kRetry, the timeout) is tried again after a while, with the attempt
  // counted in the event's header; after the last of its max_attempts it is a dead letter (R13). In between
  // it takes a place of the capacity, and later events may overtake it. Without: kRetry is like kReject, and
  // the timeout ends as kTimedOut.
  std::optional<BackoffOptions> retry;
};

using SubscriptionId = uint64_t;  // unique in its router, never reused

// The later fate of an event that was published through this router.
struct OutcomeReport {
  EventId event;
  uint64_t sequence = 0;
  SubscriptionId subscription = 0;  // 0: none (kUnrouted, kLostWithPeer of the daemon itself)
  Outcome outcome = Outcome::kDelivered;
};

// Called on a thread of the router, in no particular order between subscriptions. Must not block.
using OutcomeSink = std::function<void(const OutcomeReport&)>;

struct RouterOptions {
  size_t max_body_bytes = size_t{10} << 20;  // encoded body; larger: kTooLarge
  // How long Publish may hold its caller when there is no room; zero: not at all. Then kWouldBlock.
  Duration publish_timeout = std::chrono::seconds(30);
  // Events that this router's publishers may have admitted but not yet brought to all their queues.
  size_t max_pending = size_t{1} << 16;
  // Told of every outcome except kDelivered (all of them where report_delivered is set). May be null.
  OutcomeSink outcome_sink;
  bool report_delivered = false;
  // Threads that run handlers, and how they wait for events.
  uint32_t handler_threads = 2;
  WaitPolicy wait = WaitPolicy::kBlock;
  // The coordinator's. A daemon has its own, and its clients take no notice of these.
  RoutingOptions routing;
  // Of so many published events one, chosen by its id, carries the times of its stages (events/stages.h);
  // 0: none.
  uint32_t stage_sampling = 128;
  // For tests; outlives the router. May be null.
  StageHooks* stage_hooks = nullptr;
};

// What a call to Publish has answered so far, and the books of what was accepted.
struct RouterStatistics {
  std::array<uint64_t, kPublishResultCount> answers{};  // of this router object, by PublishResult
  Books books;  // of everything routed here: for a daemon's client, by the daemon as a whole
  struct Subscription {
    SubscriptionId id = 0;
    std::string service;
    Books books;
  };
  std::vector<Subscription> subscriptions;  // the living ones, by id
  struct Service {
    std::string id;
    Books books;  // over all its subscriptions, those that have ended included
    uint64_t breaker_openings = 0;
  };
  std::vector<Service> services;  // the registered ones, in the order of their registration
  struct Rule {
    std::string id;
    uint64_t routed = 0;  // (event, target) pairs that it gave, each counted for the first rule that gave it
  };
  std::vector<Rule> rules;  // as they are evaluated

  uint64_t of(PublishResult result) const { return answers[static_cast<size_t>(result)]; }
};

class EventRouter {
 public:
  virtual ~EventRouter() = default;  // closes with a deadline of zero

  // May block the caller up to publish_timeout (and, in the coordinator, up to the block deadline of a full
  // target). Allocates nothing in steady state.
  virtual PublishResult Publish(const Event& event) = 0;

  // Also ResourceExhausted: RoutingOptions::max_services or max_text.
  virtual absl::Status Register(const ServiceSpec& service) = 0;
  // Ends the service's subscriptions as Unsubscribe does.
  virtual absl::Status Deregister(const std::string& service) = 0;

  // From the return on, every event published through any router of this backend is considered for it.
  virtual absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec& spec, Handler handler) = 0;
  // After the return the handler does not run and never will. From inside that very handler it returns at
  // once, and no later call happens. Waiting events end as kDroppedUnsubscribed.
  // Two handlers that end each other's subscription at the same time wait for each other for ever: do not.
  virtual absl::Status Unsubscribe(SubscriptionId subscription) = 0;
  // After the return no handler of this subscription runs until Resume (R17); its capacity fills meanwhile.
  // From inside that very handler it returns at once, and what this thread has taken together with the event
  // (at most a batch, or 64) still comes.
  virtual absl::Status Pause(SubscriptionId subscription) = 0;
  virtual absl::Status Resume(SubscriptionId subscription) = 0;

  // Of the party that routes: for a daemon's client those of all clients.
  virtual DeadLetters& dead_letters() = 0;

  // Rules, health, discovery, explanation. Lives as long as the router.
  virtual Control& control() = 0;

  // Exact when quiet: everything published before the call and settled is in it.
  virtual absl::StatusOr<RouterStatistics> Statistics() = 0;

  // Returns when every event accepted here has its outcomes, or DeadlineExceeded after `deadline`.
  virtual absl::Status Drain(Duration deadline) = 0;
  // Admits nothing more, drains for at most `deadline`, ends all subscriptions (the rest is kDroppedClosed),
  // stops the threads. Idempotent. Not from a handler.
  virtual absl::Status Close(Duration deadline) = 0;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_ROUTER_H_
