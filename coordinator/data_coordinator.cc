#include "coordinator/data_coordinator.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "coordinator/parcel_pool.h"
#include "events/dispatch/service_gate.h"
#include "events/dispatch/subscriber.h"
#include "events/dispatch/thread_timers.h"
#include "events/dispatch/worker_pool.h"
#include "events/mutex.h"
#include "events/routing/routing_table.h"
#include "events/validation.h"

namespace routebench {

using coordinator::ParcelPool;
using coordinator::TypedParcel;
using delivery::Admission;
using delivery::ParcelPtr;
using dispatch::ServiceGate;
using dispatch::Subscriber;
using dispatch::WorkerPool;

class DataCoordinator::Core : public std::enable_shared_from_this<Core> {
 public:
  Core(RouterOptions options, const Clock& clock, Timers* timers)
      : options_(std::move(options)),
        clock_(clock),
        own_timers_(timers == nullptr ? std::make_unique<dispatch::ThreadTimers>() : nullptr),
        timers_(timers == nullptr ? *own_timers_ : *timers),
        pool_(std::make_shared<WorkerPool>(dispatch::WorkerPoolOptions{.threads = options_.handler_threads,
                                                                       .running = options_.handler_threads},
                                           dispatch::MakeCondVarWait())) {}

  PublishResult Publish(const Event& event);
  absl::Status Register(const ServiceSpec& service);
  absl::Status Deregister(const std::string& service);
  absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec& spec, Handler handler);
  absl::Status Unsubscribe(SubscriptionId subscription);
  RouterStatistics Statistics();
  absl::Status Drain(Duration deadline);
  absl::Status Close(Duration deadline);

 private:
  class Receiver;
  // What a publisher works with; replaced whole by every change of the subscriptions.
  struct Snapshot {
    routing::RoutingTable table;
    std::vector<std::shared_ptr<Receiver>> receivers;  // by routing::Target
  };
  struct Service {
    ServiceSpec spec;
    std::shared_ptr<ServiceGate> gate;  // null without a limit
  };
  using Receivers = absl::InlinedVector<Receiver*, 16>;

  PublishResult Admit(const Event& event, PublishResult verdict);
  PublishResult Offer(const Receivers& receivers, const ParcelPtr& parcel);
  PublishResult OfferToSeveral(const Receivers& receivers, const ParcelPtr& parcel,
                               TimePoint publish_deadline);
  enum class Place { kReserved, kRefused, kWouldBlock };
  Place AwaitPlace(Receiver& receiver, TimePoint publish_deadline);
  PublishResult OfferToOne(Receiver& receiver, const ParcelPtr& parcel);
  void Report(const EventHeader& header, SubscriptionId subscription, Outcome outcome);
  void EndReceiver(const std::shared_ptr<Receiver>& receiver, Outcome outcome);
  void RebuildSnapshot() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteQuiet();
  uint64_t InFlight();

  const RouterOptions options_;
  const Clock& clock_;
  const std::unique_ptr<Timers> own_timers_;
  Timers& timers_;

  std::array<std::atomic<uint64_t>, kPublishResultCount> answers_{};
  std::atomic<uint64_t> unrouted_{0};

  // Guards what a publisher needs; held for a few instructions.
  Mutex publish_mutex_;
  std::shared_ptr<const Snapshot> snapshot_ ABSL_GUARDED_BY(publish_mutex_) = std::make_shared<Snapshot>();
  ParcelPool parcels_;  // Get under publish_mutex_
  bool closed_ ABSL_GUARDED_BY(publish_mutex_) = false;

  // Guards the registrations. Taken before publish_mutex_.
  Mutex mutex_;
  absl::flat_hash_map<std::string, Service> services_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Receiver>> receivers_ ABSL_GUARDED_BY(mutex_);  // the living ones, by id
  std::vector<std::shared_ptr<Receiver>> ending_ ABSL_GUARDED_BY(mutex_);  // ended, perhaps not settled yet
  Books past_ ABSL_GUARDED_BY(mutex_);  // of ended and settled subscriptions
  SubscriptionId last_id_ ABSL_GUARDED_BY(mutex_) = 0;

  Mutex quiet_mutex_;
  CondVar quiet_;
  std::atomic<uint32_t> drainers_{0};

  const std::shared_ptr<WorkerPool> pool_;
};

class DataCoordinator::Core::Receiver final : public Subscriber {
 public:
  Receiver(dispatch::SubscriberOptions options, std::shared_ptr<Core> core)
      : Subscriber(std::move(options), core->pool_, core->clock_, core->timers_), core_(std::move(core)) {
    report_delivered_ = core_->options_.report_delivered;
  }

 protected:
  const Event* Prepare(delivery::Parcel& parcel, size_t /*lane*/) override {
    return &static_cast<TypedParcel&>(parcel).event();
  }
  void OnOutcome(const delivery::Parcel& parcel, Outcome outcome) override {
    core_->Report(parcel.header(), id(), outcome);
  }
  void OnQuiet() override { core_->NoteQuiet(); }

 private:
  // A cycle that Close breaks by dropping the core's references to its receivers.
  const std::shared_ptr<Core> core_;
};

void DataCoordinator::Core::Report(const EventHeader& header, SubscriptionId subscription, Outcome outcome) {
  if (options_.outcome_sink == nullptr) return;
  options_.outcome_sink({header.id, header.sequence, subscription, outcome});
}

PublishResult DataCoordinator::Core::Publish(const Event& event) {
  PublishResult result = Validate(event, options_.max_body_bytes);
  if (result == PublishResult::kAccepted) result = Admit(event, result);
  answers_[static_cast<size_t>(result)].fetch_add(1, std::memory_order_relaxed);
  return result;
}

PublishResult DataCoordinator::Core::Admit(const Event& event, PublishResult verdict) {
  std::shared_ptr<const Snapshot> snapshot;
  boost::intrusive_ptr<TypedParcel> parcel;
  {
    MutexLock lock(publish_mutex_);
    if (closed_) return PublishResult::kClosed;
    snapshot = snapshot_;
    parcel = parcels_.Get();
  }
  routing::Targets targets;
  snapshot->table.Resolve(event.header, AttributesOf(event).targets, targets);
  if (targets.empty()) {
    unrouted_.fetch_add(1, std::memory_order_relaxed);
    Report(event.header, 0, Outcome::kUnrouted);
    return verdict;
  }
  ParcelPool::Fill(*parcel, event);
  if (targets.size() == 1) return OfferToOne(*snapshot->receivers[targets.front()], parcel);
  Receivers receivers;
  for (const routing::Target target : targets) receivers.push_back(snapshot->receivers[target].get());
  return OfferToSeveral(receivers, parcel, TimePoint{});
}

PublishResult DataCoordinator::Core::OfferToOne(Receiver& receiver, const ParcelPtr& parcel) {
  if (receiver.Offer(parcel) != Admission::kFull) return PublishResult::kAccepted;
  const TimePoint publish_deadline = clock_.Now() + options_.publish_timeout;
  switch (AwaitPlace(receiver, publish_deadline)) {
    case Place::kReserved:
      receiver.OfferReserved(parcel);
      return PublishResult::kAccepted;
    case Place::kRefused:
      receiver.Refuse(parcel, Outcome::kDroppedDeadline);
      return PublishResult::kAccepted;
    case Place::kWouldBlock:
      break;
  }
  return PublishResult::kWouldBlock;
}

// Reserves a place, waiting for it up to the receiver's own deadline or the publisher's, whichever comes
// first.
DataCoordinator::Core::Place DataCoordinator::Core::AwaitPlace(Receiver& receiver,
                                                               TimePoint publish_deadline) {
  if (receiver.Reserve()) return Place::kReserved;
  const TimePoint own_deadline = clock_.Now() + receiver.spec().block_deadline;
  const TimePoint deadline = std::min(own_deadline, publish_deadline);
  while (receiver.AwaitRoom(deadline)) {
    if (receiver.Reserve()) return Place::kReserved;
  }
  return own_deadline <= publish_deadline ? Place::kRefused : Place::kWouldBlock;
}

// Everywhere or nowhere: places are kept at all receivers that can hold the publisher before anybody gets the
// event.
PublishResult DataCoordinator::Core::OfferToSeveral(const Receivers& receivers, const ParcelPtr& parcel,
                                                    TimePoint publish_deadline) {
  absl::InlinedVector<Place, 16> places(receivers.size(), Place::kRefused);
  for (size_t i = 0; i < receivers.size(); ++i) {
    Receiver& receiver = *receivers[i];
    if (receiver.spec().full_policy != FullPolicy::kBlock) continue;
    if (receiver.Reserve()) {
      places[i] = Place::kReserved;
      continue;
    }
    if (publish_deadline == TimePoint{}) publish_deadline = clock_.Now() + options_.publish_timeout;
    places[i] = AwaitPlace(receiver, publish_deadline);
    if (places[i] != Place::kWouldBlock) continue;
    for (size_t k = 0; k < i; ++k) {
      if (places[k] == Place::kReserved) receivers[k]->CancelReservation();
    }
    return PublishResult::kWouldBlock;
  }
  for (size_t i = 0; i < receivers.size(); ++i) {
    if (receivers[i]->spec().full_policy != FullPolicy::kBlock) {
      receivers[i]->Offer(parcel);
    } else if (places[i] == Place::kReserved) {
      receivers[i]->OfferReserved(parcel);
    } else {
      receivers[i]->Refuse(parcel, Outcome::kDroppedDeadline);
    }
  }
  return PublishResult::kAccepted;
}

absl::Status DataCoordinator::Core::Register(const ServiceSpec& spec) {
  if (absl::Status status = Validate(spec); !status.ok()) return status;
  MutexLock lock(mutex_);
  {
    MutexLock publish_lock(publish_mutex_);
    if (closed_) return absl::UnavailableError("the coordinator is closed");
  }
  Service service{spec,
                  spec.max_concurrent == 0 ? nullptr : std::make_shared<ServiceGate>(spec.max_concurrent)};
  if (!services_.emplace(spec.id, std::move(service)).second) {
    return absl::AlreadyExistsError(absl::StrCat("a service ", spec.id, " is registered already"));
  }
  return absl::OkStatus();
}

absl::Status DataCoordinator::Core::Deregister(const std::string& service) {
  std::vector<std::shared_ptr<Receiver>> ended;
  {
    MutexLock lock(mutex_);
    if (services_.erase(service) == 0) {
      return absl::NotFoundError(absl::StrCat("no service ", service, " is registered"));
    }
    const auto own = std::stable_partition(receivers_.begin(), receivers_.end(), [&](const auto& receiver) {
      return receiver->spec().service != service;
    });
    ended.assign(own, receivers_.end());
    receivers_.erase(own, receivers_.end());
    ending_.insert(ending_.end(), ended.begin(), ended.end());
    RebuildSnapshot();
  }
  for (const auto& receiver : ended) EndReceiver(receiver, Outcome::kDroppedUnsubscribed);
  return absl::OkStatus();
}

absl::StatusOr<SubscriptionId> DataCoordinator::Core::Subscribe(const SubscriptionSpec& spec,
                                                                Handler handler) {
  if (absl::Status status = Validate(spec); !status.ok()) return status;
  if (handler == nullptr) return absl::InvalidArgumentError("a subscription needs a handler");
  MutexLock lock(mutex_);
  {
    MutexLock publish_lock(publish_mutex_);
    if (closed_) return absl::UnavailableError("the coordinator is closed");
  }
  const auto service = services_.find(spec.service);
  if (service == services_.end()) {
    return absl::NotFoundError(absl::StrCat("no service ", spec.service, " is registered"));
  }
  receivers_.push_back(std::make_shared<Receiver>(
      dispatch::SubscriberOptions{++last_id_, spec, std::move(handler), service->second.gate},
      shared_from_this()));
  RebuildSnapshot();
  return last_id_;
}

absl::Status DataCoordinator::Core::Unsubscribe(SubscriptionId subscription) {
  std::shared_ptr<Receiver> receiver;
  {
    MutexLock lock(mutex_);
    const auto it = std::find_if(receivers_.begin(), receivers_.end(),
                                 [&](const auto& candidate) { return candidate->id() == subscription; });
    if (it == receivers_.end()) return absl::NotFoundError(absl::StrCat("no subscription ", subscription));
    receiver = *it;
    receivers_.erase(it);
    ending_.push_back(receiver);
    RebuildSnapshot();
  }
  EndReceiver(receiver, Outcome::kDroppedUnsubscribed);
  return absl::OkStatus();
}

void DataCoordinator::Core::EndReceiver(const std::shared_ptr<Receiver>& receiver, Outcome outcome) {
  receiver->End(outcome);
  receiver->AwaitHandlers();
}

void DataCoordinator::Core::RebuildSnapshot() {
  auto snapshot = std::make_shared<Snapshot>();
  std::vector<routing::RoutingTable::Entry> entries;
  for (const auto& receiver : receivers_) {
    const Service& service = services_.at(receiver->spec().service);
    entries.push_back({static_cast<routing::Target>(snapshot->receivers.size()), service.spec.id,
                       service.spec.supports, receiver->spec().filters});
    snapshot->receivers.push_back(receiver);
  }
  snapshot->table = routing::RoutingTable(entries);
  MutexLock lock(publish_mutex_);
  snapshot_ = std::move(snapshot);
}

RouterStatistics DataCoordinator::Core::Statistics() {
  RouterStatistics statistics;
  for (size_t i = 0; i < kPublishResultCount; ++i) statistics.answers[i] = answers_[i].load();
  MutexLock lock(mutex_);
  statistics.books = past_;
  for (const auto& receiver : ending_) statistics.books += receiver->GetBooks();
  for (const auto& receiver : receivers_) {
    const Books books = receiver->GetBooks();
    statistics.books += books;
    statistics.subscriptions.push_back({receiver->id(), receiver->spec().service, books});
  }
  const uint64_t unrouted = unrouted_.load();
  statistics.books.routed += unrouted;
  statistics.books.of(Outcome::kUnrouted) += unrouted;
  return statistics;
}

uint64_t DataCoordinator::Core::InFlight() {
  MutexLock lock(mutex_);
  uint64_t in_flight = 0;
  for (const auto& receiver : receivers_) in_flight += receiver->InFlight();
  for (const auto& receiver : ending_) in_flight += receiver->InFlight();
  return in_flight;
}

void DataCoordinator::Core::NoteQuiet() {
  if (drainers_.load() == 0) return;
  MutexLock lock(quiet_mutex_);
  quiet_.NotifyAll();
}

absl::Status DataCoordinator::Core::Drain(Duration deadline) {
  const auto late = std::make_shared<std::atomic<bool>>(false);
  const TimerId timer = timers_.Schedule(clock_.Now() + deadline, [weak = weak_from_this(), late] {
    late->store(true);
    if (const auto core = weak.lock()) core->NoteQuiet();
  });
  drainers_.fetch_add(1);
  uint64_t in_flight;
  {
    MutexLock lock(quiet_mutex_);
    while ((in_flight = InFlight()) > 0 && !late->load()) quiet_.Wait(quiet_mutex_);
  }
  drainers_.fetch_sub(1);
  timers_.Cancel(timer);
  if (in_flight == 0) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat(in_flight, " events are still in flight"));
}

absl::Status DataCoordinator::Core::Close(Duration deadline) {
  {
    MutexLock lock(publish_mutex_);
    if (closed_) return absl::OkStatus();
    closed_ = true;
  }
  const TimePoint end = std::chrono::steady_clock::now() + deadline;
  const absl::Status drained = InFlight() == 0 ? absl::OkStatus() : Drain(deadline);
  std::vector<std::shared_ptr<Receiver>> ended;
  {
    MutexLock lock(mutex_);
    ended.swap(receivers_);
    ending_.insert(ending_.end(), ended.begin(), ended.end());
    services_.clear();
    RebuildSnapshot();
  }
  for (const auto& receiver : ended) receiver->End(Outcome::kDroppedClosed);
  pool_->Stop(std::max(Duration::zero(), Duration(end - std::chrono::steady_clock::now())));
  MutexLock lock(mutex_);
  for (const auto& receiver : ending_) past_ += receiver->GetBooks();
  ending_.clear();
  return drained;
}

DataCoordinator::DataCoordinator(RouterOptions options, const Clock& clock, Timers* timers)
    : core_(std::make_shared<Core>(std::move(options), clock, timers)) {}

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
absl::StatusOr<RouterStatistics> DataCoordinator::Statistics() { return core_->Statistics(); }
absl::Status DataCoordinator::Drain(Duration deadline) { return core_->Drain(deadline); }
absl::Status DataCoordinator::Close(Duration deadline) { return core_->Close(deadline); }

}  // namespace routebench
