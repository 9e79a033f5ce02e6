#include "daemon/server/exchange.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "events/routing/backoff.h"
#include "events/validation.h"

namespace routebench::daemon {

using delivery::Admission;
using delivery::ParcelPtr;

namespace {

// Deliveries whose handler has not answered, or that lie between such ones, before a subscriber gets no more.
constexpr size_t kMaxSpan = size_t{1} << 20;

const EventParcel& EventOf(const delivery::Parcel& parcel) { return static_cast<const EventParcel&>(parcel); }

// How many more may be sent to the owner, whose mailbox has the subscription's capacity: what came back for a
// further attempt waits here. What drop-oldest recalls is out until the owner has answered, and handed events
// need a place in the ledger until then.
size_t RoomOutside(const Subscription& subscription) {
  const delivery::QueueOptions& options = subscription.queue.options();
  const size_t twice = 2 * options.capacity;
  const size_t most_out = options.full_policy == FullPolicy::kDropOldest ? twice : options.capacity;
  const size_t out = subscription.queue.out();
  const size_t span = subscription.ledger.span();
  // What a name is to get again is kept here until it is answered.
  if (!subscription.name.empty() && subscription.ledger.unanswered() >= twice) return 0;
  return span >= kMaxSpan + twice || out >= most_out ? 0 : most_out - out;
}

wire::EventOutcome MakeOutcome(SubscriptionId subscription, const EventId& event, uint64_t sequence,
                               Outcome outcome) {
  wire::EventOutcome frame;
  frame.outcome = static_cast<uint32_t>(outcome);
  frame.subscription = subscription;
  frame.sequence = sequence;
  frame.event = event;
  return frame;
}

// What a subscriber may say of a delivery.
bool IsOutcomeOfDelivery(uint32_t outcome) {
  if (outcome >= kOutcomeCount) return false;
  switch (static_cast<Outcome>(outcome)) {
    case Outcome::kUnrouted:
    case Outcome::kLostWithPeer:
    case Outcome::kDuplicate:
    case Outcome::kBreakerOpen:
      return false;
    default:
      return true;
  }
}

}  // namespace

Subscription::Subscription(SubscriptionId number, Peer& peer, const SubscriptionSpec& spec,
                           routing::Table::Subscription route, bool counts)
    : id(number),
      owner(&peer),
      routed(std::move(route)),
      counts_in_flight(counts),
      block_deadline(spec.block_deadline),
      retry(spec.retry),
      name(spec.name),
      lease(spec.lease),
      queue({.capacity = spec.capacity, .full_policy = spec.full_policy, .order = spec.order}) {}

Exchange::Exchange(const RoutingOptions& options, const Clock& clock, Timers& timers, StageHooks* hooks)
    : clock_(clock),
      timers_(timers),
      stage_clock_(clock, 0, hooks),
      directory_(options),
      max_watches_(options.max_watches),
      balancer_(options.balancing, options.balancing_seed),
      dead_letters_(options.dead_letters) {
  const DeduplicationOptions& deduplication = options.deduplication;
  if (deduplication.window > 0) duplicates_.emplace(deduplication.window, deduplication.max_age);
}

void Exchange::AddPeer(Peer& peer) { peers_.emplace(peer.number(), &peer); }

void Exchange::RemovePeer(Peer& peer, Outcome outcome) {
  peer.leaving_ = true;
  if (peer.waiting()) {
    for (const Peer::Waiting& at : std::exchange(peer.waiting_at_, {})) {
      std::erase(at.subscription->waiters, &peer);
      --at.subscription->waiting;
      SettleParcel(*at.subscription, *peer.waiting_event_, outcome);
      EraseIfSettled(*at.subscription);
    }
    const EventParcelPtr event = std::move(peer.waiting_event_);
    peer.waiting_event_.reset();
    peer.OnAdmitted(*event);
  }
  absl::erase_if(watches_, [&](const auto& watch) { return watch.second == &peer; });
  std::vector<Subscription*> named;
  for (const auto& [id, subscription] : peer.subscriptions_) {
    if (!subscription->name.empty() && !subscription->ending) named.push_back(subscription.get());
  }
  for (Subscription* const subscription : named) Leave(*subscription);
  for (const ServiceState& service : directory_.List({})) {
    if (!Owns(peer, service.spec.id) || LeaveService(service.spec.id)) continue;
    directory_.Deregister(service.spec.id).IgnoreError();
  }
  absl::erase_if(owners_, [&](const auto& owned) { return owned.second == &peer; });
  Announce();
  for (const auto& [id, subscription] : peer.subscriptions_) subscription->ending = true;
  RebuildTable();
  for (const auto& [id, subscription] : peer.subscriptions_) {
    End(*subscription, outcome);
    Ledger& ledger = subscription->ledger;
    for (uint64_t delivery = ledger.first(); delivery <= ledger.sent(); ++delivery) {
      Ledger::Entry* const entry = ledger.Find(delivery);
      if (entry == nullptr) continue;
      SettleEntry(*subscription, *entry, outcome);
    }
    past_ += subscription->books;
  }
  peer.subscriptions_.clear();
  peers_.erase(peer.number());
}

bool Exchange::Owns(const Peer& owner, const std::string& service) const {
  const auto it = owners_.find(service);
  return it != owners_.end() && it->second == &owner;
}

absl::Status Exchange::Register(Peer& owner, const ServiceSpec& service) {
  if (Owns(absent_, service.id)) {
    if (absl::Status status = ReturnService(owner, service); !status.ok()) return status;
  } else {
    if (absl::Status status = directory_.Register(service); !status.ok()) return status;
    owners_.emplace(service.id, &owner);
  }
  Announce();
  return absl::OkStatus();
}

absl::Status Exchange::Deregister(Peer& owner, const std::string& service) {
  if (!Owns(owner, service)) {
    return absl::NotFoundError(absl::StrCat("no service ", service, " is registered here"));
  }
  std::vector<SubscriptionId> absent;
  for (const auto& [id, subscription] : absent_.subscriptions_) {
    if (subscription->routed.service->settings.id == service) absent.push_back(id);
  }
  for (const SubscriptionId id : absent) {
    Unsubscribe(absent_, id, Outcome::kDroppedUnsubscribed).IgnoreError();
  }
  std::vector<SubscriptionId> ended;
  for (const auto& [id, subscription] : owner.subscriptions_) {
    if (subscription->routed.service->settings.id == service && !subscription->ending) ended.push_back(id);
  }
  for (const SubscriptionId id : ended) {
    Unsubscribe(owner, id, Outcome::kDroppedUnsubscribed).IgnoreError();
  }
  owners_.erase(service);
  directory_.Deregister(service).IgnoreError();
  Announce();
  return absl::OkStatus();
}

absl::StatusOr<SubscriptionId> Exchange::Subscribe(Peer& owner, const SubscriptionSpec& spec,
                                                   SubscriptionId resumed) {
  if (absl::Status status = Validate(spec); !status.ok()) return status;
  if (!Owns(owner, spec.service)) {
    return absl::NotFoundError(absl::StrCat("no service ", spec.service, " is registered here"));
  }
  auto filters = routing::FilterSet::Compile(spec.filters);
  if (!filters.ok()) return filters.status();
  Subscription* known = nullptr;
  if (spec.guarantee == Guarantee::kAtLeastOnce) {
    const auto found = FindName(spec);
    if (!found.ok()) return found.status();
    known = *found;
  }
  const auto id = known != nullptr ? absl::StatusOr<SubscriptionId>(known->id) : NewId(resumed);
  if (!id.ok()) return id.status();
  if (spec.guarantee == Guarantee::kAtLeastOnce) {
    if (absl::Status status = StoreName(*id, spec); !status.ok()) return status;
  }
  if (known != nullptr) {
    Return(*known, owner, spec, *std::move(filters));
  } else {
    Add(owner, *id, spec, *std::move(filters));
  }
  RebuildTable();
  return *id;
}

Subscription& Exchange::Add(Peer& owner, SubscriptionId id, const SubscriptionSpec& spec,
                            routing::FilterSet filters) {
  const auto service = directory_.Find(spec.service);
  auto& subscription = owner.subscriptions_[id] = std::make_unique<Subscription>(
      id, owner, spec,
      routing::Table::Subscription{service, std::make_shared<const routing::FilterSet>(std::move(filters))},
      directory_.CountsInFlight(*service));
  living_.push_back(subscription.get());
  if (!spec.name.empty()) by_name_[spec.name] = subscription.get();
  return *subscription;
}

absl::Status Exchange::Unsubscribe(Peer& owner, SubscriptionId id, Outcome outcome) {
  Subscription* const subscription = Find(owner, id);
  if (subscription == nullptr || subscription->ending) {
    return absl::NotFoundError(absl::StrCat("no subscription ", id));
  }
  const absl::Status forgotten = subscription->name.empty() ? absl::OkStatus() : ForgetName(*subscription);
  subscription->ending = true;
  RebuildTable();
  End(*subscription, outcome);
  EraseIfSettled(*subscription);
  return forgotten;
}

void Exchange::End(Subscription& subscription, Outcome outcome) {
  std::vector<ParcelPtr> rest;
  subscription.end_outcome = outcome;
  subscription.queue.Close(rest);
  for (const ParcelPtr& parcel : rest) SettleParcel(subscription, *parcel, outcome);
  while (!subscription.waiters.empty()) {
    Peer& origin = *subscription.waiters.front();
    subscription.waiters.erase(subscription.waiters.begin());
    SettleParcel(subscription, *origin.waiting_event_, outcome);
    StopWaiting(origin, subscription);
  }
}

void Exchange::EraseIfSettled(Subscription& subscription) {
  if (!subscription.ending || subscription.in_flight() > 0 || subscription.listed) return;
  past_ += subscription.books;
  directory_.AddPast(*subscription.routed.service, subscription.books);
  subscription.owner->subscriptions_.erase(subscription.id);
}

void Exchange::RebuildTable() {
  std::erase_if(living_, [](const Subscription* subscription) { return subscription->ending; });
  std::vector<routing::Table::Subscription> subscriptions;
  for (const Subscription* const subscription : living_) subscriptions.push_back(subscription->routed);
  table_ = directory_.MakeTable(std::move(subscriptions));
}

bool Exchange::ReportsAtOnce(Peer& owner, SubscriptionId id) {
  const Subscription* const subscription = Find(owner, id);
  return subscription != nullptr && (subscription->counts_in_flight || !subscription->name.empty() ||
                                     subscription->routed.service->breaker != nullptr);
}

absl::Status Exchange::Change(absl::FunctionRef<absl::Status(routing::Directory&)> change) {
  const uint64_t revision = directory_.rules_revision();
  const absl::Status status = change(directory_);
  if (directory_.rules_revision() != revision) RebuildTable();
  Announce();
  return status;
}

void Exchange::Announce() {
  for (const ServiceChange& change : directory_.TakeChanges()) {
    for (const auto& [id, peer] : watches_) peer->OnChange(id, change);
  }
}

absl::Status Exchange::Watch(Peer& owner, absl::FunctionRef<void(WatchId, size_t)> started) {
  if (watches_.size() >= max_watches_) {
    return absl::ResourceExhaustedError(absl::StrCat("there are at most ", max_watches_, " watches"));
  }
  const WatchId id = ++last_watch_;
  const std::vector<ServiceChange> present = directory_.Present();
  started(id, present.size());
  for (const ServiceChange& change : present) owner.OnChange(id, change);
  watches_.emplace(id, &owner);
  return absl::OkStatus();
}

absl::Status Exchange::Unwatch(Peer& owner, WatchId watch) {
  const auto it = watches_.find(watch);
  if (it == watches_.end() || it->second != &owner) {
    return absl::NotFoundError(absl::StrCat("no watch ", watch));
  }
  watches_.erase(it);
  return absl::OkStatus();
}

Explanation Exchange::Explain(const EventHeader& header, const Attributes& attributes,
                              uint64_t body_size) const {
  Explanation explanation = table_.Explain({header, attributes, body_size, now_, TimeOfDay()}, balancer_);
  for (size_t i = 0; i < explanation.subscriptions.size(); ++i) {
    explanation.subscriptions[i].id = living_[i]->id;
  }
  return explanation;
}

Duration Exchange::TimeOfDay() const {
  return table_.reads_time_of_day() ? routing::TimeOfDay(clock_.WallTime()) : Duration::zero();
}

void Exchange::Resolve(const EventParcel& event) {
  static const Attributes kNone;
  Attributes own;
  const Attributes* attributes = &kNone;
  if (event.attributes() != nullptr) {
    attributes = &event.attributes()->decoded();
  } else if (table_.reads_attributes() || event.header().addressing == Addressing::kToTargets) {
    DecodeAttributes(event.inline_attributes(), &own);
    attributes = &own;
  }
  table_.Resolve({event.header(), *attributes, event.encoded().body_size, now_, TimeOfDay()}, balancer_,
                 decision_);
}

bool Exchange::Publish(Peer& origin, const EventParcelPtr& event) {
  if (!admitting_) {
    Discard(origin, event->header(), Outcome::kDroppedClosed);
    return true;
  }
  const KeptEventPtr kept = event->kept();
  const bool resent = kept != nullptr && kept->resent;
  if (duplicates_.has_value() && !resent) {
    if (duplicates_->Contains(event->header().id, now_)) {
      Discard(origin, event->header(), Outcome::kDuplicate);
      Release(*event, true);
      return true;
    }
    duplicates_->Insert(event->header().id, now_);
  }
  Resolve(*event);
  stage_clock_.Reach(StageMark::kRouted, event->stages());
  if (decision_.receivers.empty()) {
    Discard(origin, event->header(), Outcome::kUnrouted);
    Release(*event, true);
    return true;
  }
  for (const routing::Decision::Receiver& receiver : decision_.receivers) {
    Subscription& subscription = *living_[receiver.subscription];
    if (kept != nullptr) {
      if (resent && subscription.name.empty()) continue;
      if (!subscription.name.empty()) ++kept->awaited;
    }
    ++subscription.books.routed;
    if (subscription.counts_in_flight) ++subscription.routed.service->in_flight;
    if (receiver.rule != routing::Decision::kNoRule) table_.rules()[receiver.rule]->CountRouted();
    ++origin.unsettled_;
    routing::Service& service = *subscription.routed.service;
    if (service.breaker != nullptr && !service.Admit(event->header().id, now_)) {
      SettleParcel(subscription, *event, Outcome::kBreakerOpen);
      continue;
    }
    Offer(origin, subscription, event);
  }
  stage_clock_.Reach(StageMark::kQueued, event->stages());
  Release(*event, true);
  if (origin.waiting_at_.empty()) return true;
  origin.waiting_event_ = event;
  return false;
}

void Exchange::Discard(Peer& origin, const EventHeader& header, Outcome outcome) {
  ++past_.routed;
  ++past_.of(outcome);
  origin.OnOutcome(MakeOutcome(0, header.id, header.sequence, outcome));
}

void Exchange::Offer(Peer& origin, Subscription& subscription, const EventParcelPtr& event) {
  const delivery::OfferResult result = subscription.queue.Offer(event, now_);
  switch (result.admission) {
    case Admission::kEvicted:
      SettleParcel(subscription, *result.evicted, Outcome::kDroppedOldest);
      [[fallthrough]];
    case Admission::kQueued:
    case Admission::kRecall:
      return NoteDeliverable(subscription);
    case Admission::kRejected:
      return SettleParcel(subscription, *event, Outcome::kDroppedQueueFull);
    case Admission::kDropped:
      return SettleParcel(subscription, *event, Outcome::kDroppedNewest);
    case Admission::kClosed:
      return SettleParcel(subscription, *event, Outcome::kDroppedUnsubscribed);
    case Admission::kFull:
      if (subscription.block_deadline > Duration::zero()) return Wait(origin, subscription);
      return SettleParcel(subscription, *event, Outcome::kDroppedDeadline);
  }
}

// What is held and due is released here and gets no timer: where nobody can take it now, a timer in the past
// would run again and again.
void Exchange::NoteDeliverable(Subscription& subscription) {
  if (subscription.queue.held() > 0) subscription.queue.ReleaseHeld(now_);
  if (!subscription.listed && subscription.queue.ready() > 0 && RoomOutside(subscription) > 0) {
    subscription.listed = true;
    subscription.owner->OnDeliverable(subscription);
  }
  if (subscription.queue.held() == 0) return;
  const TimePoint due = *subscription.queue.NextHeld();
  if (due >= subscription.held_due) return;
  subscription.held_due = due;
  timers_.Schedule(
      due, [this, owner = subscription.owner->number(), id = subscription.id] { OnHeldDue(owner, id); });
}

void Exchange::OnHeldDue(uint32_t owner, SubscriptionId id) {
  UpdateTime();
  const auto peer = peers_.find(owner);
  if (peer == peers_.end()) return;
  Subscription* const subscription = Find(*peer->second, id);
  if (subscription == nullptr) return;
  subscription->held_due = TimePoint::max();
  NoteDeliverable(*subscription);
}

void Exchange::Wait(Peer& origin, Subscription& subscription) {
  const TimePoint deadline = now_ + subscription.block_deadline;
  origin.waiting_at_.push_back({&subscription, deadline});
  subscription.waiters.push_back(&origin);
  ++subscription.waiting;
  ArmWaitingTimer(origin);
}

// One timer for each publisher: most waits end long before their deadline.
void Exchange::ArmWaitingTimer(Peer& origin) {
  if (origin.waiting_at_.empty() || origin.waiting_timer_set_) return;
  origin.waiting_timer_set_ = true;
  const auto first = std::min_element(
      origin.waiting_at_.begin(), origin.waiting_at_.end(),
      [](const Peer::Waiting& a, const Peer::Waiting& b) { return a.deadline < b.deadline; });
  timers_.Schedule(first->deadline, [this, number = origin.number()] { OnWaitingDue(number); });
}

void Exchange::OnWaitingDue(uint32_t number) {
  UpdateTime();
  const auto peer = peers_.find(number);
  if (peer == peers_.end()) return;
  Peer& origin = *peer->second;
  origin.waiting_timer_set_ = false;
  for (size_t i = 0; i < origin.waiting_at_.size();) {
    if (origin.waiting_at_[i].deadline > now_) {
      ++i;
      continue;
    }
    Subscription& subscription = *origin.waiting_at_[i].subscription;
    std::erase(subscription.waiters, &origin);
    SettleParcel(subscription, *origin.waiting_event_, Outcome::kDroppedDeadline);
    StopWaiting(origin, subscription);
  }
  ArmWaitingTimer(origin);
}

void Exchange::GiveRoom(Subscription& subscription) {
  while (!subscription.waiters.empty() && !subscription.queue.full()) {
    Peer& origin = *subscription.waiters.front();
    subscription.waiters.erase(subscription.waiters.begin());
    Offer(origin, subscription, origin.waiting_event_);
    StopWaiting(origin, subscription);
  }
}

// The event of `origin` that waited here has been queued or settled.
void Exchange::StopWaiting(Peer& origin, Subscription& subscription) {
  --subscription.waiting;
  std::erase_if(origin.waiting_at_,
                [&](const Peer::Waiting& at) { return at.subscription == &subscription; });
  if (!origin.waiting_at_.empty()) return;
  const EventParcelPtr event = std::move(origin.waiting_event_);
  origin.waiting_event_.reset();
  stage_clock_.ReachAgain(StageMark::kQueued, event->stages());
  origin.OnAdmitted(*event);
}

bool Exchange::Take(Subscription& subscription, size_t max, std::vector<ParcelPtr>& batch) {
  expired_.clear();
  const size_t before = batch.size();
  max = std::min(max, RoomOutside(subscription));
  if (max > 0) subscription.queue.Take(max, now_, batch, expired_);
  for (size_t i = before; i < batch.size(); ++i) {
    const EventParcel& event = EventOf(*batch[i]);
    subscription.ledger.Add({.event = event.header().id,
                             .sequence = event.header().sequence,
                             .origin = event.origin(),
                             .report_delivered = event.report_delivered(),
                             .parcel = subscription.Retains() ? batch[i] : nullptr});
  }
  for (const ParcelPtr& parcel : expired_) SettleParcel(subscription, *parcel, Outcome::kExpired);
  if (!expired_.empty()) GiveRoom(subscription);
  if (subscription.queue.held() > 0) NoteDeliverable(subscription);
  if (subscription.queue.HasWork(now_) && RoomOutside(subscription) > 0) return true;
  subscription.listed = false;
  EraseIfSettled(subscription);
  return false;
}

bool Exchange::Handed(Peer& owner, SubscriptionId id, uint64_t handed) {
  Subscription* const subscription = Find(owner, id);
  if (subscription == nullptr) return id <= last_subscription_;
  if (handed < subscription->handed || handed - subscription->handed > subscription->queue.out())
    return false;
  subscription->queue.Handed(handed - subscription->handed);
  subscription->handed = handed;
  GiveRoom(*subscription);
  NoteDeliverable(*subscription);
  return true;
}

bool Exchange::Acknowledge(Peer& owner, SubscriptionId id, uint64_t first, uint64_t count) {
  Subscription* const subscription = Find(owner, id);
  if (subscription == nullptr) return id <= last_subscription_;
  if (count > subscription->ledger.unanswered()) return false;
  const bool crowded = RoomOutside(*subscription) == 0;
  for (uint64_t delivery = first; delivery != first + count; ++delivery) {
    Ledger::Entry* const entry = subscription->ledger.Find(delivery);
    if (entry == nullptr) return false;
    SettleEntry(*subscription, *entry, Outcome::kDelivered);
  }
  subscription->ledger.Trim();
  if (crowded) NoteDeliverable(*subscription);
  EraseIfSettled(*subscription);
  return true;
}

bool Exchange::Settle(Peer& owner, SubscriptionId id, uint64_t delivery, uint32_t outcome) {
  Subscription* const subscription = Find(owner, id);
  if (subscription == nullptr) return id <= last_subscription_;
  Ledger::Entry* const entry = subscription->ledger.Find(delivery);
  if (entry == nullptr || !IsOutcomeOfDelivery(outcome)) return false;
  const bool crowded = RoomOutside(*subscription) == 0;
  const bool failed = outcome == static_cast<uint32_t>(Outcome::kDeadLettered) ||
                      outcome == static_cast<uint32_t>(Outcome::kTimedOut);
  if (failed && subscription->retry.has_value()) {
    RetryOrBury(*subscription, *entry, static_cast<Outcome>(outcome));
  } else {
    SettleEntry(*subscription, *entry, static_cast<Outcome>(outcome));
  }
  subscription->ledger.Trim();
  if (crowded) NoteDeliverable(*subscription);
  EraseIfSettled(*subscription);
  return true;
}

// An attempt has failed: the handler said kRetry (kDeadLettered), or took too long (kTimedOut).
void Exchange::RetryOrBury(Subscription& subscription, Ledger::Entry& entry, Outcome reason) {
  const EventParcel& event = EventOf(*entry.parcel);
  const auto delay = routing::DelayAfter(*subscription.retry, event.header());
  if (!delay.has_value()) {
    dead_letters_.Add({.parcel = entry.parcel,
                       .bytes = event.body().size(),
                       .subscription = subscription.id,
                       .service = subscription.routed.service->settings.id,
                       .reason = reason == Outcome::kTimedOut ? reason : Outcome::kRejected});
    return SettleEntry(subscription, entry, Outcome::kDeadLettered);
  }
  if (subscription.queue.closed()) return SettleEntry(subscription, entry, subscription.end_outcome);
  routing::Service& service = *subscription.routed.service;
  if (service.breaker != nullptr) service.Fail(entry.event, now_);
  const EventParcelPtr next =
      event.home().MakeAttempt(event, static_cast<uint8_t>(event.header().attempt + 1));
  next->Keep(event.kept());
  subscription.queue.Hold(next, After(now_, *delay));
  subscription.ledger.Answer(entry);
  NoteDeliverable(subscription);
}

Subscription* Exchange::FindLiving(SubscriptionId id) {
  const auto found = std::find_if(living_.begin(), living_.end(),
                                  [&](const Subscription* subscription) { return subscription->id == id; });
  return found == living_.end() ? nullptr : *found;
}

absl::Status Exchange::ReplayDeadLetter(uint64_t number) {
  const delivery::DeadLetterQueue::Letter* const letter = dead_letters_.Find(number);
  if (letter == nullptr) return absl::NotFoundError(absl::StrCat("no dead letter ", number));
  Subscription* const subscription = FindLiving(letter->subscription);
  if (subscription == nullptr) {
    return absl::NotFoundError(absl::StrCat("the subscription of dead letter ", number, " has ended"));
  }
  if (subscription->queue.full() || subscription->waiting > 0) {
    return absl::ResourceExhaustedError(absl::StrCat("the subscription of dead letter ", number, " is full"));
  }
  const EventParcel& event = EventOf(*letter->parcel);
  ++subscription->books.routed;
  if (subscription->counts_in_flight) ++subscription->routed.service->in_flight;
  if (const auto origin = peers_.find(event.origin()); origin != peers_.end()) ++origin->second->unsettled_;
  subscription->queue.Offer(event.home().MakeAttempt(event, 1), now_);
  NoteDeliverable(*subscription);
  dead_letters_.Erase(number);
  return absl::OkStatus();
}

absl::Status Exchange::DiscardDeadLetter(uint64_t number) {
  return dead_letters_.Erase(number) ? absl::OkStatus()
                                     : absl::NotFoundError(absl::StrCat("no dead letter ", number));
}

void Exchange::Settled(Subscription& subscription, const EventId& event, Outcome outcome) {
  ++subscription.books.of(outcome);
  routing::Service& service = *subscription.routed.service;
  if (service.breaker != nullptr) service.Settle(event, outcome, now_);
  if (subscription.counts_in_flight) --subscription.routed.service->in_flight;
}

void Exchange::SettleParcel(Subscription& subscription, const delivery::Parcel& parcel, Outcome outcome) {
  const EventParcel& event = EventOf(parcel);
  Settled(subscription, event.header().id, outcome);
  Tell(event.origin(), MakeOutcome(subscription.id, event.header().id, event.header().sequence, outcome),
       event.kept() == nullptr || !IsLeaving(event.origin()));
  if (!subscription.name.empty()) Release(event, outcome == Outcome::kDelivered);
}

void Exchange::SettleEntry(Subscription& subscription, const Ledger::Entry& entry, Outcome outcome) {
  Settled(subscription, entry.event, outcome);
  const ParcelPtr parcel = entry.parcel;
  subscription.ledger.Answer(const_cast<Ledger::Entry&>(entry));
  Tell(entry.origin, MakeOutcome(subscription.id, entry.event, entry.sequence, outcome),
       outcome != Outcome::kDelivered || entry.report_delivered);
  if (!subscription.name.empty()) Release(EventOf(*parcel), outcome == Outcome::kDelivered);
}

void Exchange::Tell(uint32_t origin, const wire::EventOutcome& outcome, bool wanted) {
  const auto peer = peers_.find(origin);
  if (peer == peers_.end()) return;
  --peer->second->unsettled_;
  if (wanted) peer->second->OnOutcome(outcome);
}

Subscription* Exchange::Find(Peer& owner, SubscriptionId id) {
  const auto it = owner.subscriptions_.find(id);
  return it == owner.subscriptions_.end() ? nullptr : it->second.get();
}

bool Exchange::HasUnanswered(const Peer& owner) {
  return std::any_of(owner.subscriptions_.begin(), owner.subscriptions_.end(),
                     [](const auto& it) { return it.second->ledger.unanswered() > 0; });
}

uint64_t Exchange::InFlight() const {
  uint64_t in_flight = 0;
  for (const auto& [number, peer] : peers_) {
    for (const auto& [id, subscription] : peer->subscriptions_) in_flight += subscription->in_flight();
  }
  return in_flight;
}

RouterStatistics Exchange::Statistics() const {
  RouterStatistics statistics;
  statistics.books = past_;
  absl::flat_hash_map<const routing::Service*, Books> by_service;
  std::vector<const Peer*> owners = {&absent_};
  for (const auto& [number, peer] : peers_) owners.push_back(peer);
  for (const Peer* const owner : owners) {
    for (const auto& [id, subscription] : owner->subscriptions_) {
      Books books = subscription->books;
      books.in_flight = subscription->in_flight();
      statistics.books += books;
      by_service[subscription->routed.service.get()] += books;
      if (!subscription->ending) {
        statistics.subscriptions.push_back({id, subscription->routed.service->settings.id, books});
      }
    }
  }
  std::sort(statistics.subscriptions.begin(), statistics.subscriptions.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  directory_.Complete(by_service, statistics);
  return statistics;
}

}  // namespace routebench::daemon
