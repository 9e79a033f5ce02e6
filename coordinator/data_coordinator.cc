#include "coordinator/data_coordinator.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/str_cat.h"
#include "coordinator/control_plane.h"
#include "coordinator/parcel_pool.h"
#include "coordinator/publisher_slots.h"
#include "events/delivery/dead_letter_queue.h"
#include "events/dispatch/service_gate.h"
#include "events/dispatch/subscriber.h"
#include "events/dispatch/thread_timers.h"
#include "events/dispatch/worker_pool.h"
#include "events/mutex.h"
#include "events/routing/backoff.h"
#include "events/routing/deduplication.h"
#include "events/routing/table.h"
#include "events/stages.h"
#include "events/validation.h"

namespace routebench {

using coordinator::ControlPlane;
using coordinator::ParcelPool;
using coordinator::PublisherSlots;
using coordinator::TypedParcel;
using delivery::Admission;
using delivery::ParcelPtr;
using dispatch::ServiceGate;
using dispatch::Subscriber;
using dispatch::WorkerPool;

namespace {

// Counts the moments at which the coordinator may have become quiet.
class QuietSignal {
 public:
  void Change() {
    MutexLock lock(mutex_);
    ++changes_;
    changed_.NotifyAll();
  }
  uint64_t changes() {
    MutexLock lock(mutex_);
    return changes_;
  }
  void AwaitChange(uint64_t seen) {
    MutexLock lock(mutex_);
    while (changes_ == seen) changed_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

class DataCoordinator::Core final : public ControlPlane::Host, public DeadLetters {
 public:
  Core(RouterOptions options, const Clock& clock, Timers* timers, Handlers handlers)
      : options_(std::move(options)),
        clock_(clock),
        own_timers_(timers == nullptr ? std::make_unique<dispatch::ThreadTimers>() : nullptr),
        timers_(timers == nullptr ? *own_timers_ : *timers),
        stage_clock_(clock, options_.stage_sampling, options_.stage_hooks),
        balancer_(options_.routing.balancing, options_.routing.balancing_seed),
        once_(options_.routing.deduplication.window == 0
                  ? nullptr
                  : std::make_unique<Once>(options_.routing.deduplication)),
        letters_(options_.routing.dead_letters) {
    if (handlers == Handlers::kInPublisher) {
      executor_ = std::make_shared<dispatch::InlineExecutor>();
    } else {
      const dispatch::WorkerPoolOptions pool{.threads = options_.handler_threads,
                                             .running = options_.handler_threads};
      pool_ = std::make_shared<WorkerPool>(pool, dispatch::MakeWakeUpWait(options_.wait));
      executor_ = pool_;
    }
    control_ = std::make_unique<ControlPlane>(options_.routing, *this, executor_);
  }

  ~Core() override { delete snapshot_.load(); }

  PublishResult Publish(const Event& event);
  absl::Status Register(const ServiceSpec& service);
  absl::Status Deregister(const std::string& service);
  absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec& spec, Handler handler);
  absl::Status Unsubscribe(SubscriptionId subscription);
  Control& control() { return *control_; }
  absl::Status SetPaused(SubscriptionId subscription, bool paused);
  absl::StatusOr<std::vector<DeadLetter>> List(uint64_t from, size_t most) override;
  absl::Status Replay(uint64_t number) override;
  absl::Status Discard(uint64_t number) override;
  RouterStatistics Statistics();
  absl::Status Drain(Duration deadline);
  absl::Status Close(Duration deadline);

  void OnRulesChanged() override;
  absl::StatusOr<Explanation> OnExplain(const Event& event) override;

 private:
  class Receiver;
  using Receivers = std::vector<std::shared_ptr<Receiver>>;
  // What a publisher works with; replaced whole by every change of the subscriptions, by PublisherSlots.
  struct Snapshot {
    routing::Table table;
    Receivers receivers;   // as the table numbers its subscriptions
    bool guarded = false;  // some of them, by circuit breakers
  };
  using Targets = absl::Span<const uint32_t>;
  struct Found {
    absl::InlinedVector<uint32_t, 16> targets;
    absl::InlinedVector<uint32_t, 16> rules;  // that gave them, where rules did
  };
  enum class Place { kReserved, kRefused, kWouldBlock };

  using Claim = PublisherSlots::Claim<Snapshot>;
  // `stages` is null where the event is not sampled.
  PublishResult Admit(const Event& event, StageStamps* stages, Claim& claim);
  PublishResult AdmitOnce(const Event& event, StageStamps* stages, Claim& claim);
  PublishResult Discard(const Event& event, Outcome outcome);
  PublishResult AdmitByBreakers(const Snapshot& snapshot, Targets targets, const ParcelPtr& parcel);
  PublishResult OfferToOne(Receiver& receiver, ParcelPtr parcel);
  PublishResult OfferToSeveral(const Snapshot& snapshot, Targets targets, const ParcelPtr& parcel);
  routing::EventView ViewOf(const routing::Table& table, const Event& event) const;
  Targets Resolve(const routing::Table& table, const Event& event, Found& found);
  Place AwaitPlace(Receiver& receiver, TimePoint start);
  ParcelPtr MakeAttempt(const TypedParcel& parcel, uint8_t attempt);
  Subscriber::Retry RetryOrBury(const Receiver& receiver, const TypedParcel& parcel, Outcome reason);
  std::shared_ptr<Receiver> FindReceiver(SubscriptionId subscription);
  void Report(const EventHeader& header, SubscriptionId subscription, Outcome outcome);

  template <typename Predicate>
  Receivers EndReceivers(const Predicate& ends) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetTheQuiet() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RebuildSnapshot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeleteUnread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool Quiet();

  const RouterOptions options_;
  const Clock& clock_;
  const std::unique_ptr<dispatch::ThreadTimers> own_timers_;
  Timers& timers_;
  const StageClock stage_clock_;

  // Of events that went nowhere.
  std::array<std::atomic<uint64_t>, kOutcomeCount> discarded_{};

  routing::Balancer balancer_;

  const std::shared_ptr<PublisherSlots> slots_ = std::make_shared<PublisherSlots>();
  std::atomic<const Snapshot*> snapshot_{new Snapshot};
  std::atomic<bool> closed_{false};  // set before the snapshot without receivers

  // Guards the registrations. Taken before a receiver's lock.
  Mutex mutex_;
  std::vector<std::unique_ptr<const Snapshot>> replaced_ ABSL_GUARDED_BY(mutex_);  // some still read
  // Of the services with a limit. The control plane has all of them.
  absl::flat_hash_map<std::string, std::shared_ptr<ServiceGate>> gates_ ABSL_GUARDED_BY(mutex_);
  Receivers receivers_ ABSL_GUARDED_BY(mutex_);  // the living ones, by id
  Receivers ended_ ABSL_GUARDED_BY(mutex_);      // that may still have something to settle
  Books past_ ABSL_GUARDED_BY(mutex_);           // of those that have not
  SubscriptionId last_id_ ABSL_GUARDED_BY(mutex_) = 0;

  // Null: off. Ids that are being admitted are neither new nor known.
  struct Once {
    Mutex mutex;
    routing::DeduplicationWindow window ABSL_GUARDED_BY(mutex);
    absl::flat_hash_set<EventId> admitting ABSL_GUARDED_BY(mutex);
    explicit Once(const DeduplicationOptions& options) : window(options.window, options.max_age) {}
  };
  const std::unique_ptr<Once> once_;

  Mutex letters_mutex_;
  delivery::DeadLetterQueue letters_ ABSL_GUARDED_BY(letters_mutex_);

  const std::shared_ptr<QuietSignal> quiet_signal_ = std::make_shared<QuietSignal>();
  std::atomic<uint32_t> drainers_{0};

  std::shared_ptr<WorkerPool> pool_;  // null: in the publisher's thread
  std::shared_ptr<dispatch::Executor> executor_;
  std::unique_ptr<ControlPlane> control_;
};

// The core outlives it up to Abandon; the parcels, which a stuck handler may hold longer, live with it.
class DataCoordinator::Core::Receiver final : public Subscriber {
 public:
  Receiver(dispatch::SubscriberOptions options, routing::Table::Subscription routed, bool counts_in_flight,
           Core& core)
      : Subscriber(std::move(options), core.executor_, core.clock_, core.timers_),
        core_(core),
        routed_(std::move(routed)),
        counts_in_flight_(counts_in_flight),
        slots_(core.slots_) {
    report_delivered_ = core.options_.report_delivered || counts_in_flight || guarded();
  }

  const routing::Table::Subscription& routed() const { return routed_; }

  // A circuit breaker decides on its service's events.
  bool guarded() const { return routed_.service->breaker != nullptr; }
  bool Admit(const EventId& event) { return routed_.service->Admit(event, core_.clock_.Now()); }
  // The event was admitted, but has not been offered.
  void TakeBack(const EventId& event) {
    routed_.service->Settle(event, Outcome::kDroppedQueueFull, core_.clock_.Now());
  }
  // Its service has one event more in flight, up to OnOutcome or Decline.
  void Expect() {
    if (counts_in_flight_) routed_.service->in_flight.fetch_add(1, std::memory_order_relaxed);
  }
  // An expected event is not brought here after all.
  void Decline() {
    if (counts_in_flight_) routed_.service->in_flight.fetch_sub(1, std::memory_order_relaxed);
  }

 protected:
  const Event* Prepare(delivery::Parcel& parcel, size_t /*lane*/) override {
    return &static_cast<TypedParcel&>(parcel).event();
  }
  void OnOutcome(const delivery::Parcel& parcel, Outcome outcome) override {
    Decline();
    if (guarded()) routed_.service->Settle(parcel.header().id, outcome, core_.clock_.Now());
    if (outcome == Outcome::kDelivered && !core_.options_.report_delivered) return;
    core_.Report(parcel.header(), id(), outcome);
  }
  Retry OnFailure(const delivery::Parcel& parcel, Outcome reason) override {
    return core_.RetryOrBury(*this, static_cast<const TypedParcel&>(parcel), reason);
  }
  void OnQuiet() override {
    if (core_.drainers_.load() > 0) core_.quiet_signal_->Change();
  }

 private:
  Core& core_;
  const routing::Table::Subscription routed_;
  const bool counts_in_flight_;
  const std::shared_ptr<PublisherSlots> slots_;  // where its parcels return to
};

void DataCoordinator::Core::Report(const EventHeader& header, SubscriptionId subscription, Outcome outcome) {
  if (options_.outcome_sink == nullptr) return;
  options_.outcome_sink({header.id, header.sequence, subscription, outcome});
}

PublishResult DataCoordinator::Core::Publish(const Event& event) {
  StageStamps storage;
  StageStamps* const stages = stage_clock_.Begin(event.header, storage);
  Claim claim(*slots_, snapshot_);
  PublishResult result = Validate(event, options_.max_body_bytes);
  if (result == PublishResult::kAccepted) {
    result = once_ == nullptr ? Admit(event, stages, claim) : AdmitOnce(event, stages, claim);
  }
  claim.slot().CountAnswer(result);
  return result;
}

// Of two publishers of one id the second waits for what becomes of the first: it is told to try again.
PublishResult DataCoordinator::Core::AdmitOnce(const Event& event, StageStamps* stages, Claim& claim) {
  if (closed_.load()) return PublishResult::kClosed;
  {
    MutexLock lock(once_->mutex);
    if (once_->window.Contains(event.header.id, clock_.Now())) return Discard(event, Outcome::kDuplicate);
    if (!once_->admitting.insert(event.header.id).second) return PublishResult::kWouldBlock;
  }
  const PublishResult result = Admit(event, stages, claim);
  MutexLock lock(once_->mutex);
  once_->admitting.erase(event.header.id);
  if (result == PublishResult::kAccepted) once_->window.Insert(event.header.id, clock_.Now());
  return result;
}

PublishResult DataCoordinator::Core::Discard(const Event& event, Outcome outcome) {
  discarded_[static_cast<size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  Report(event.header, 0, outcome);
  return PublishResult::kAccepted;
}

PublishResult DataCoordinator::Core::Admit(const Event& event, StageStamps* stages, Claim& claim) {
  const Snapshot& snapshot = claim.object();
  if (closed_.load(std::memory_order_relaxed)) return PublishResult::kClosed;
  Found found;
  const Targets targets = Resolve(snapshot.table, event, found);
  stage_clock_.Reach(StageMark::kRouted, stages);
  if (targets.empty()) return Discard(event, Outcome::kUnrouted);
  boost::intrusive_ptr<TypedParcel> parcel = claim.slot().parcels().Get();
  ParcelPool::Fill(*parcel, event, stages);
  PublishResult result;
  if (snapshot.guarded) {
    result = AdmitByBreakers(snapshot, targets, parcel);
  } else if (targets.size() == 1) {
    result = OfferToOne(*snapshot.receivers[targets.front()], std::move(parcel));
  } else {
    result = OfferToSeveral(snapshot, targets, parcel);
  }
  if (result == PublishResult::kAccepted) {
    for (const uint32_t rule : found.rules) snapshot.table.rules()[rule]->CountRouted();
  }
  return result;
}

routing::EventView DataCoordinator::Core::ViewOf(const routing::Table& table, const Event& event) const {
  routing::EventView view = routing::ViewOf(event, table.reads_time() ? clock_.Now() : TimePoint{});
  if (table.reads_time_of_day()) view.time_of_day = routing::TimeOfDay(clock_.WallTime());
  return view;
}

// Refers to the table or to `found`. The decision's memory is the thread's, and does not outlive the call: a
// handler that runs in here may publish.
DataCoordinator::Core::Targets DataCoordinator::Core::Resolve(const routing::Table& table, const Event& event,
                                                              Found& found) {
  if (event.header.addressing == Addressing::kToAll) {
    if (const auto targets = table.ResolveByKind(event.header.kind)) return *targets;
  }
  thread_local routing::Decision decision;
  table.Resolve(ViewOf(table, event), balancer_, decision);
  const bool by_rules = decision.level == routing::Decision::Level::kRules;
  for (const routing::Decision::Receiver& receiver : decision.receivers) {
    found.targets.push_back(receiver.subscription);
    if (by_rules) found.rules.push_back(receiver.rule);
  }
  return found.targets;
}

// What their breakers refuse is an outcome, unless nobody gets the event.
PublishResult DataCoordinator::Core::AdmitByBreakers(const Snapshot& snapshot, Targets targets,
                                                     const ParcelPtr& parcel) {
  const EventId id = parcel->header().id;
  absl::InlinedVector<uint32_t, 16> admitted;
  absl::InlinedVector<uint32_t, 16> refused;
  for (const uint32_t target : targets) {
    Receiver& receiver = *snapshot.receivers[target];
    (!receiver.guarded() || receiver.Admit(id) ? admitted : refused).push_back(target);
  }
  const PublishResult result = OfferToSeveral(snapshot, admitted, parcel);
  if (result != PublishResult::kAccepted) {
    for (const uint32_t target : admitted) {
      if (snapshot.receivers[target]->guarded()) snapshot.receivers[target]->TakeBack(id);
    }
    return result;
  }
  for (const uint32_t target : refused) {
    snapshot.receivers[target]->Expect();
    snapshot.receivers[target]->Refuse(*parcel, Outcome::kBreakerOpen);
  }
  return result;
}

PublishResult DataCoordinator::Core::OfferToOne(Receiver& receiver, ParcelPtr parcel) {
  receiver.Expect();
  stage_clock_.Reach(StageMark::kQueued, parcel->stages());
  if (receiver.Offer(std::move(parcel)) != Admission::kFull) return PublishResult::kAccepted;
  switch (AwaitPlace(receiver, clock_.Now())) {
    case Place::kReserved:
      stage_clock_.ReachAgain(StageMark::kQueued, parcel->stages());
      receiver.OfferReserved(std::move(parcel));
      return PublishResult::kAccepted;
    case Place::kRefused:
      receiver.Refuse(*parcel, Outcome::kDroppedDeadline);
      return PublishResult::kAccepted;
    case Place::kWouldBlock:
      break;
  }
  receiver.Decline();
  return PublishResult::kWouldBlock;
}

// Reserves a place, waiting for it from `start` up to the receiver's own deadline or the publisher's,
// whichever comes first.
DataCoordinator::Core::Place DataCoordinator::Core::AwaitPlace(Receiver& receiver, TimePoint start) {
  const Duration own = receiver.spec().block_deadline;
  if (receiver.AwaitPlace(After(start, std::min(own, options_.publish_timeout)))) return Place::kReserved;
  return own <= options_.publish_timeout ? Place::kRefused : Place::kWouldBlock;
}

// Everywhere or nowhere: places are kept at all receivers that can hold the publisher before anybody gets the
// event.
PublishResult DataCoordinator::Core::OfferToSeveral(const Snapshot& snapshot, Targets targets,
                                                    const ParcelPtr& parcel) {
  absl::InlinedVector<Place, 16> places(targets.size(), Place::kRefused);
  TimePoint start{};
  for (size_t i = 0; i < targets.size(); ++i) {
    Receiver& receiver = *snapshot.receivers[targets[i]];
    if (receiver.spec().full_policy != FullPolicy::kBlock) continue;
    if (receiver.Reserve()) {
      places[i] = Place::kReserved;
      continue;
    }
    if (start == TimePoint{}) start = clock_.Now();
    places[i] = AwaitPlace(receiver, start);
    if (places[i] != Place::kWouldBlock) continue;
    for (size_t k = 0; k < i; ++k) {
      if (places[k] == Place::kReserved) snapshot.receivers[targets[k]]->CancelReservation();
    }
    return PublishResult::kWouldBlock;
  }
  stage_clock_.Reach(StageMark::kQueued, parcel->stages());
  for (size_t i = 0; i < targets.size(); ++i) {
    Receiver& receiver = *snapshot.receivers[targets[i]];
    receiver.Expect();
    if (receiver.spec().full_policy != FullPolicy::kBlock) {
      receiver.Offer(ParcelPtr(parcel));
    } else if (places[i] == Place::kReserved) {
      receiver.OfferReserved(parcel);
    } else {
      receiver.Refuse(*parcel, Outcome::kDroppedDeadline);
    }
  }
  return PublishResult::kAccepted;
}

absl::Status DataCoordinator::Core::Register(const ServiceSpec& spec) {
  {
    MutexLock lock(mutex_);
    if (closed_.load()) return absl::UnavailableError("the coordinator is closed");
    if (absl::Status status = control_->Register(spec); !status.ok()) return status;
    if (spec.max_concurrent > 0) gates_[spec.id] = std::make_shared<ServiceGate>(spec.max_concurrent);
  }
  control_->Announce();
  return absl::OkStatus();
}

absl::StatusOr<SubscriptionId> DataCoordinator::Core::Subscribe(const SubscriptionSpec& spec,
                                                                Handler handler) {
  if (absl::Status status = Validate(spec); !status.ok()) return status;
  if (handler == nullptr) return absl::InvalidArgumentError("a subscription needs a handler");
  auto filters = routing::FilterSet::Compile(spec.filters);
  if (!filters.ok()) return filters.status();
  MutexLock lock(mutex_);
  if (closed_.load()) return absl::UnavailableError("the coordinator is closed");
  const auto service = control_->Find(spec.service);
  if (service == nullptr) {
    return absl::NotFoundError(absl::StrCat("no service ", spec.service, " is registered"));
  }
  const auto has_name = [&](const auto& receiver) { return receiver->spec().name == spec.name; };
  if (!spec.name.empty() && std::any_of(receivers_.begin(), receivers_.end(), has_name)) {
    return absl::AlreadyExistsError(absl::StrCat("a subscription ", spec.name, " is there already"));
  }
  const auto gate = gates_.find(spec.service);
  if (spec.batch.most > 1 && gate != gates_.end()) {
    return absl::InvalidArgumentError("a service that limits its concurrent events has no batches");
  }
  receivers_.push_back(std::make_shared<Receiver>(
      dispatch::SubscriberOptions{++last_id_, spec, std::move(handler),
                                  gate == gates_.end() ? nullptr : gate->second, options_.stage_hooks},
      routing::Table::Subscription{service, std::make_shared<const routing::FilterSet>(*std::move(filters))},
      control_->CountsInFlight(*service), *this));
  RebuildSnapshot();
  return last_id_;
}

absl::Status DataCoordinator::Core::Deregister(const std::string& service) {
  Receivers ended;
  {
    MutexLock lock(mutex_);
    if (absl::Status status = control_->Deregister(service); !status.ok()) return status;
    gates_.erase(service);
    ended = EndReceivers([&](const Receiver& receiver) { return receiver.spec().service == service; });
  }
  for (const auto& receiver : ended) receiver->End(Outcome::kDroppedUnsubscribed);
  for (const auto& receiver : ended) receiver->AwaitHandlers();
  return absl::OkStatus();
}

absl::Status DataCoordinator::Core::Unsubscribe(SubscriptionId subscription) {
  Receivers ended;
  {
    MutexLock lock(mutex_);
    ended = EndReceivers([&](const Receiver& receiver) { return receiver.id() == subscription; });
  }
  if (ended.empty()) return absl::NotFoundError(absl::StrCat("no subscription ", subscription));
  ended.front()->End(Outcome::kDroppedUnsubscribed);
  ended.front()->AwaitHandlers();
  return absl::OkStatus();
}

std::shared_ptr<DataCoordinator::Core::Receiver> DataCoordinator::Core::FindReceiver(
    SubscriptionId subscription) {
  MutexLock lock(mutex_);
  const auto found = std::find_if(receivers_.begin(), receivers_.end(),
                                  [&](const auto& receiver) { return receiver->id() == subscription; });
  return found == receivers_.end() ? nullptr : *found;
}

absl::Status DataCoordinator::Core::SetPaused(SubscriptionId subscription, bool paused) {
  const auto receiver = FindReceiver(subscription);
  if (receiver == nullptr) return absl::NotFoundError(absl::StrCat("no subscription ", subscription));
  if (paused) {
    receiver->Pause();
  } else {
    receiver->Resume();
  }
  return absl::OkStatus();
}

// The same event in a parcel of its own: others may share this one.
ParcelPtr DataCoordinator::Core::MakeAttempt(const TypedParcel& parcel, uint8_t attempt) {
  Event event = parcel.event();
  event.header.attempt = attempt;
  Claim claim(*slots_, snapshot_);
  const boost::intrusive_ptr<TypedParcel> made = claim.slot().parcels().Get();
  ParcelPool::Fill(*made, event, parcel.stages());
  return made;
}

Subscriber::Retry DataCoordinator::Core::RetryOrBury(const Receiver& receiver, const TypedParcel& parcel,
                                                     Outcome reason) {
  const EventHeader& header = parcel.header();
  if (const auto delay = routing::DelayAfter(*receiver.spec().retry, header)) {
    if (receiver.guarded()) receiver.routed().service->Fail(header.id, clock_.Now());
    return {MakeAttempt(parcel, static_cast<uint8_t>(header.attempt + 1)), After(clock_.Now(), *delay)};
  }
  MutexLock lock(letters_mutex_);
  letters_.Add({.parcel = MakeAttempt(parcel, header.attempt),
                .bytes = parcel.event().payload.encoded_size(),
                .subscription = receiver.id(),
                .service = receiver.spec().service,
                .reason = reason});
  return {};
}

absl::StatusOr<std::vector<DeadLetter>> DataCoordinator::Core::List(uint64_t from, size_t most) {
  std::vector<DeadLetter> list;
  MutexLock lock(letters_mutex_);
  for (const delivery::DeadLetterQueue::Letter& letter : letters_.letters()) {
    if (list.size() == most) break;
    if (letter.number < from) continue;
    list.push_back({letter.number, static_cast<const TypedParcel&>(*letter.parcel).event(),
                    letter.subscription, letter.service, letter.reason});
  }
  return list;
}

absl::Status DataCoordinator::Core::Replay(uint64_t number) {
  ParcelPtr parcel;
  SubscriptionId subscription;
  {
    MutexLock lock(letters_mutex_);
    const auto* const letter = letters_.Find(number);
    if (letter == nullptr) return absl::NotFoundError(absl::StrCat("no dead letter ", number));
    parcel = letter->parcel;
    subscription = letter->subscription;
  }
  const auto receiver = FindReceiver(subscription);
  if (receiver == nullptr) {
    return absl::NotFoundError(absl::StrCat("the subscription of dead letter ", number, " has ended"));
  }
  if (!receiver->Reserve()) {
    return absl::ResourceExhaustedError(absl::StrCat("the subscription of dead letter ", number, " is full"));
  }
  receiver->Expect();
  receiver->OfferReserved(MakeAttempt(static_cast<const TypedParcel&>(*parcel), 1));
  MutexLock lock(letters_mutex_);
  letters_.Erase(number);
  return absl::OkStatus();
}

absl::Status DataCoordinator::Core::Discard(uint64_t number) {
  MutexLock lock(letters_mutex_);
  return letters_.Erase(number) ? absl::OkStatus()
                                : absl::NotFoundError(absl::StrCat("no dead letter ", number));
}

// No event is routed to them from now on. Returns them.
template <typename Predicate>
DataCoordinator::Core::Receivers DataCoordinator::Core::EndReceivers(const Predicate& ends) {
  const auto first = std::stable_partition(receivers_.begin(), receivers_.end(),
                                           [&](const auto& receiver) { return !ends(*receiver); });
  Receivers ended(first, receivers_.end());
  if (ended.empty()) return ended;
  receivers_.erase(first, receivers_.end());
  RebuildSnapshot();
  ForgetTheQuiet();
  ended_.insert(ended_.end(), ended.begin(), ended.end());
  return ended;
}

// Keeps the books of ended receivers that no publisher and no thread uses any more, and nothing else.
void DataCoordinator::Core::ForgetTheQuiet() {
  const auto first = std::partition(ended_.begin(), ended_.end(), [](const auto& receiver) {
    return receiver.use_count() > 1 || !receiver->Quiet();
  });
  for (auto it = first; it != ended_.end(); ++it) {
    const Books books = (*it)->GetBooks();
    past_ += books;
    control_->AddPast(*(*it)->routed().service, books);
  }
  ended_.erase(first, ended_.end());
}

void DataCoordinator::Core::RebuildSnapshot() {
  auto snapshot = std::make_unique<Snapshot>();
  std::vector<routing::Table::Subscription> subscriptions;
  for (const auto& receiver : receivers_) subscriptions.push_back(receiver->routed());
  snapshot->table = control_->MakeTable(std::move(subscriptions));
  snapshot->receivers = receivers_;
  snapshot->guarded = std::any_of(receivers_.begin(), receivers_.end(),
                                  [](const auto& receiver) { return receiver->guarded(); });
  replaced_.emplace_back(snapshot_.exchange(snapshot.release()));
  DeleteUnread();
}

void DataCoordinator::Core::DeleteUnread() {
  std::erase_if(replaced_, [&](const auto& snapshot) { return !slots_->IsRead(snapshot.get()); });
}

void DataCoordinator::Core::OnRulesChanged() {
  MutexLock lock(mutex_);
  RebuildSnapshot();
}

absl::StatusOr<Explanation> DataCoordinator::Core::OnExplain(const Event& event) {
  if (closed_.load()) return absl::UnavailableError("the coordinator is closed");
  if (const PublishResult result = Validate(event, options_.max_body_bytes);
      result != PublishResult::kAccepted) {
    return absl::InvalidArgumentError(
        absl::StrCat("the event is not acceptable: ", std::string(Name(result))));
  }
  MutexLock lock(mutex_);  // nobody replaces the snapshot
  const Snapshot& snapshot = *snapshot_.load();
  Explanation explanation = snapshot.table.Explain(ViewOf(snapshot.table, event), balancer_);
  for (size_t i = 0; i < explanation.subscriptions.size(); ++i) {
    explanation.subscriptions[i].id = snapshot.receivers[i]->id();
  }
  return explanation;
}

RouterStatistics DataCoordinator::Core::Statistics() {
  RouterStatistics statistics;
  for (size_t i = 0; i < kPublishResultCount; ++i)
    statistics.answers[i] = slots_->Answers(static_cast<PublishResult>(i));
  MutexLock lock(mutex_);
  statistics.books = past_;
  absl::flat_hash_map<const routing::Service*, Books> by_service;
  const auto take = [&](Receiver& receiver) {
    const Books books = receiver.GetBooks();
    statistics.books += books;
    by_service[receiver.routed().service.get()] += books;
    return books;
  };
  for (const auto& receiver : ended_) take(*receiver);
  for (const auto& receiver : receivers_) {
    const Books books = take(*receiver);
    statistics.subscriptions.push_back({receiver->id(), receiver->spec().service, books});
  }
  for (size_t i = 0; i < kOutcomeCount; ++i) {
    const uint64_t discarded = discarded_[i].load();
    statistics.books.routed += discarded;
    statistics.books.outcomes[i] += discarded;
  }
  control_->Complete(by_service, statistics);
  return statistics;
}

bool DataCoordinator::Core::Quiet() {
  const auto is_quiet = [](const auto& receiver) { return receiver->Quiet(); };
  MutexLock lock(mutex_);
  return std::all_of(receivers_.begin(), receivers_.end(), is_quiet) &&
         std::all_of(ended_.begin(), ended_.end(), is_quiet);
}

absl::Status DataCoordinator::Core::Drain(Duration deadline) {
  const auto late = std::make_shared<std::atomic<bool>>(false);
  const auto signal = quiet_signal_;
  const TimerId timer = timers_.Schedule(After(clock_.Now(), deadline), [signal, late] {
    late->store(true);
    signal->Change();
  });
  drainers_.fetch_add(1);
  bool quiet = false;
  while (true) {
    const uint64_t seen = signal->changes();
    quiet = Quiet();
    if (quiet || late->load() || deadline <= Duration::zero()) break;
    signal->AwaitChange(seen);
  }
  drainers_.fetch_sub(1);
  timers_.Cancel(timer);
  return quiet ? absl::OkStatus() : absl::DeadlineExceededError("events are still in flight");
}

absl::Status DataCoordinator::Core::Close(Duration deadline) {
  if (closed_.exchange(true)) return absl::OkStatus();
  const TimePoint end = After(clock_.Now(), deadline);
  const absl::Status drained = Drain(deadline);
  control_->Close();
  Receivers all;
  {
    MutexLock lock(mutex_);
    EndReceivers([](const Receiver&) { return true; });
    gates_.clear();
    all = ended_;
  }
  for (const auto& receiver : all) receiver->End(Outcome::kDroppedClosed);
  if (pool_ != nullptr) pool_->Stop(std::max(Duration::zero(), Duration(end - clock_.Now())));
  for (const auto& receiver : all) receiver->Abandon();
  if (own_timers_ != nullptr) own_timers_->Stop();
  all.clear();
  MutexLock lock(mutex_);
  DeleteUnread();
  ForgetTheQuiet();
  return drained;
}

DataCoordinator::DataCoordinator(RouterOptions options, const Clock& clock, Timers* timers)
    : DataCoordinator(std::move(options), clock, timers, Handlers::kOnWorkers) {}

DataCoordinator::DataCoordinator(RouterOptions options, const Clock& clock, Timers* timers, Handlers handlers)
    : core_(std::make_unique<Core>(std::move(options), clock, timers, handlers)) {}

DataCoordinator::~DataCoordinator() { core_->Close(Duration::zero()).IgnoreError(); }

PublishResult DataCoordinator::Publish(const Event& event) { return core_->Publish(event); }
absl::Status DataCoordinator::Register(const ServiceSpec& service) { return core_->Register(service); }
absl::Status DataCoordinator::Deregister(const std::string& service) { return core_->Deregister(service); }
absl::StatusOr<SubscriptionId> DataCoordinator::Subscribe(const SubscriptionSpec& spec, Handler handler) {
  return core_->Subscribe(spec, std::move(handler));
}
absl::Status DataCoordinator::Unsubscribe(SubscriptionId subscription) {
  return core_->Unsubscribe(subscription);
}
Control& DataCoordinator::control() { return core_->control(); }
absl::Status DataCoordinator::Pause(SubscriptionId subscription) {
  return core_->SetPaused(subscription, true);
}
absl::Status DataCoordinator::Resume(SubscriptionId subscription) {
  return core_->SetPaused(subscription, false);
}
DeadLetters& DataCoordinator::dead_letters() { return *core_; }
absl::StatusOr<RouterStatistics> DataCoordinator::Statistics() { return core_->Statistics(); }
absl::Status DataCoordinator::Drain(Duration deadline) { return core_->Drain(deadline); }
absl::Status DataCoordinator::Close(Duration deadline) { return core_->Close(deadline); }

}  // namespace routebench
