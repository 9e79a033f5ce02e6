// At-least-once subscriptions in the exchange: names that stay when their owner goes (R18).
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/server/crash_point.h"
#include "daemon/server/exchange.h"
#include "daemon/wire/specs.h"
#include "events/validation.h"

namespace routebench::daemon {

using delivery::ParcelPtr;

namespace {

delivery::QueueOptions QueueOptionsOf(const SubscriptionSpec& spec) {
  return {.capacity = spec.capacity, .full_policy = spec.full_policy, .order = spec.order};
}

absl::Status NotOurs(const absl::Status& why, const std::string& name) {
  return absl::DataLossError(
      absl::StrCat("the stored name ", name, " is not what a subscription may be: ", why.message()));
}

}  // namespace

// ---- The store

absl::Status Exchange::UseNames(NameStore& names) {
  names_ = &names;
  UpdateTime();  // their leases begin
  for (const auto& [name, stored] : names.names()) {
    if (absl::Status status = RestoreName(stored); !status.ok()) return NotOurs(status, name);
  }
  RebuildTable();
  directory_.TakeChanges();  // nobody watches yet
  return absl::OkStatus();
}

absl::Status Exchange::RestoreName(const StoredName& stored) {
  ServiceSpec service;
  wire::Load(stored.service(), &service);
  SubscriptionSpec spec;
  if (absl::Status status = wire::Load(stored.spec(), &spec); !status.ok()) return status;
  if (absl::Status status = Validate(spec); !status.ok()) return status;
  auto filters = routing::FilterSet::Compile(spec.filters);
  if (!filters.ok()) return filters.status();
  if (spec.service != service.id || Find(absent_, stored.subscription()) != nullptr) {
    return absl::InvalidArgumentError("its service or its number is not its own");
  }
  if (!owners_.contains(service.id)) {
    if (absl::Status status = directory_.Register(service); !status.ok()) return status;
    owners_[service.id] = &absent_;
    directory_.SetHealth(service.id, Health::kDegraded).IgnoreError();
  }
  last_subscription_ = std::max(last_subscription_, stored.subscription());
  Leave(Add(absent_, stored.subscription(), spec, *std::move(filters)));
  return absl::OkStatus();
}

absl::Status Exchange::StoreName(SubscriptionId id, const SubscriptionSpec& spec) {
  StoredName stored;
  stored.set_subscription(id);
  for (const ServiceState& service : directory_.List({})) {
    if (service.spec.id == spec.service) wire::Store(service.spec, stored.mutable_service());
  }
  wire::Store(spec, stored.mutable_spec());
  absl::Status status = names_->Put(std::move(stored));
  CrashPoint(CrashAt::kSubscribed);
  return status;
}

absl::Status Exchange::ForgetName(Subscription& subscription) {
  by_name_.erase(subscription.name);
  return names_->Remove(subscription.name);
}

// ---- Coming and going

// The absent subscription of this name, or null where the name is new.
absl::StatusOr<Subscription*> Exchange::FindName(const SubscriptionSpec& spec) {
  if (names_ == nullptr) {
    return absl::FailedPreconditionError(
        "this daemon has no at-least-once subscriptions: it was started without a state directory");
  }
  const auto found = by_name_.find(spec.name);
  if (found == by_name_.end()) return nullptr;
  const std::string& service = found->second->routed.service->settings.id;
  if (service != spec.service) {
    return absl::AlreadyExistsError(absl::StrCat("the name ", spec.name, " belongs to service ", service));
  }
  if (found->second->owner != &absent_) {
    return absl::AlreadyExistsError(absl::StrCat("a subscription ", spec.name, " is there already"));
  }
  return found->second;
}

absl::StatusOr<SubscriptionId> Exchange::NewId(SubscriptionId resumed) {
  if (resumed == 0) return ++last_subscription_;
  if (resumed > last_subscription_) {
    return absl::InvalidArgumentError(absl::StrCat("there was no subscription ", resumed));
  }
  bool taken = Find(absent_, resumed) != nullptr;
  for (const auto& [number, peer] : peers_) taken = taken || Find(*peer, resumed) != nullptr;
  if (taken) return absl::AlreadyExistsError(absl::StrCat("a subscription ", resumed, " is there already"));
  return resumed;
}

// The owner goes and the name stays: what was with the owner is to be given again, before what waits.
void Exchange::Leave(Subscription& subscription) {
  std::vector<ParcelPtr> parcels;
  Ledger& ledger = subscription.ledger;
  for (uint64_t delivery = ledger.first(); delivery <= ledger.sent(); ++delivery) {
    if (Ledger::Entry* const entry = ledger.Find(delivery)) parcels.push_back(entry->parcel);
  }
  subscription.queue.Close(parcels);
  subscription.queue = delivery::SubscriptionQueue(subscription.queue.options());
  for (ParcelPtr& parcel : parcels) subscription.queue.Restore(std::move(parcel), now_);
  ledger = Ledger();
  subscription.handed = 0;
  Move(subscription, absent_);
  timers_.Schedule(
      After(now_, subscription.lease),
      [this, id = subscription.id, absences = ++subscription.absences] { OnLeaseEnd(id, absences); });
}

// With what its owner says of it now: filters, capacity and policy replace those from before at once.
void Exchange::Return(Subscription& subscription, Peer& owner, const SubscriptionSpec& spec,
                      routing::FilterSet filters) {
  subscription.routed.filters = std::make_shared<const routing::FilterSet>(std::move(filters));
  subscription.block_deadline = spec.block_deadline;
  subscription.retry = spec.retry;
  subscription.lease = spec.lease;
  std::vector<ParcelPtr> parcels;
  subscription.queue.Close(parcels);
  subscription.queue = delivery::SubscriptionQueue(QueueOptionsOf(spec));
  for (ParcelPtr& parcel : parcels) subscription.queue.Restore(std::move(parcel), now_);
  Move(subscription, owner);
  GiveRoom(subscription);
  NoteDeliverable(subscription);
}

void Exchange::Move(Subscription& subscription, Peer& owner) {
  subscription.listed = false;
  subscription.held_due = TimePoint::max();
  if (subscription.owner == &owner) return;
  auto moved = subscription.owner->subscriptions_.extract(subscription.id);
  subscription.owner = &owner;
  owner.subscriptions_.insert(std::move(moved));
}

// Its service has come again, with other settings.
void Exchange::SetService(Subscription& subscription) {
  const auto service = directory_.Find(subscription.routed.service->settings.id);
  if (subscription.counts_in_flight) {
    subscription.routed.service->in_flight -= static_cast<uint32_t>(subscription.in_flight());
  }
  subscription.counts_in_flight = directory_.CountsInFlight(*service);
  if (subscription.counts_in_flight) service->in_flight += static_cast<uint32_t>(subscription.in_flight());
  subscription.routed.service = service;
}

bool Exchange::LeaveService(const std::string& service) {
  const bool named =
      std::any_of(absent_.subscriptions_.begin(), absent_.subscriptions_.end(),
                  [&](const auto& it) { return it.second->routed.service->settings.id == service; });
  if (!named) return false;
  owners_[service] = &absent_;
  directory_.SetHealth(service, Health::kDegraded).IgnoreError();
  return true;
}

absl::Status Exchange::ReturnService(Peer& owner, const ServiceSpec& service) {
  ServiceSpec before;
  for (const ServiceState& state : directory_.List({})) {
    if (state.spec.id == service.id) before = state.spec;
  }
  if (before == service) {
    directory_.SetHealth(service.id, Health::kUnknown).IgnoreError();
  } else {
    directory_.Deregister(service.id).IgnoreError();
    absl::Status status = directory_.Register(service);
    if (!status.ok()) {
      directory_.Register(before).IgnoreError();  // there was room for it
      directory_.SetHealth(service.id, Health::kDegraded).IgnoreError();
    }
    for (const auto& [id, subscription] : absent_.subscriptions_) {
      if (subscription->routed.service->settings.id == service.id) SetService(*subscription);
    }
    RebuildTable();
    if (!status.ok()) return status;
  }
  owners_[service.id] = &owner;
  return absl::OkStatus();
}

void Exchange::OnLeaseEnd(SubscriptionId id, uint64_t absences) {
  UpdateTime();
  Subscription* const subscription = Find(absent_, id);
  if (subscription == nullptr || subscription->absences != absences) return;
  const std::string service = subscription->routed.service->settings.id;
  subscription->listed = false;
  // If it is still in the store, it comes back with the next start and has a lease once more.
  Unsubscribe(absent_, id, Outcome::kDroppedUnsubscribed).IgnoreError();
  if (!Owns(absent_, service) || LeaveService(service)) return;
  owners_.erase(service);
  directory_.Deregister(service).IgnoreError();
  Announce();
}

void Exchange::EndAbsent() {
  for (const auto& [id, subscription] : absent_.subscriptions_) {
    subscription->ending = true;
    subscription->listed = false;
  }
  RebuildTable();
  by_name_.clear();
  while (!absent_.subscriptions_.empty()) {
    Subscription& subscription = *absent_.subscriptions_.begin()->second;
    End(subscription, Outcome::kDroppedClosed);
    EraseIfSettled(subscription);
  }
}

// ---- Publishers that keep

bool Exchange::IsLeaving(uint32_t peer) const {
  const auto found = peers_.find(peer);
  return found != peers_.end() && found->second->leaving_;
}

void Exchange::Release(const EventParcel& event, bool acknowledged) {
  KeptEvent* const kept = event.kept();
  if (kept == nullptr) return;
  kept->by_all = kept->by_all && acknowledged;
  if (--kept->awaited > 0) return;
  const auto origin = peers_.find(event.origin());
  if (origin != peers_.end() && !origin->second->leaving_)
    origin->second->OnReleased(kept->number, kept->by_all);
}

}  // namespace routebench::daemon
