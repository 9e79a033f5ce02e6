// The broker without its sockets: services, subscriptions, the decision who gets an event, and the books.
//
// Single-threaded: of the loop. Whoever drives it sets the time before each batch of calls.
#ifndef ROUTEBENCH_DAEMON_SERVER_EXCHANGE_H_
#define ROUTEBENCH_DAEMON_SERVER_EXCHANGE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/server/event_parcel.h"
#include "daemon/server/ledger.h"
#include "daemon/server/name_store.h"
#include "events/clock.h"
#include "events/control.h"
#include "events/delivery/dead_letter_queue.h"
#include "events/delivery/subscription_queue.h"
#include "events/outcome.h"
#include "events/router.h"
#include "events/routing/deduplication.h"
#include "events/routing/directory.h"
#include "events/routing/table.h"
#include "events/stages.h"

namespace routebench::daemon {

class Peer;

// One subscription, from Subscribe until its last event is settled.
struct Subscription {
  Subscription(SubscriptionId number, Peer& peer, const SubscriptionSpec& spec,
               routing::Table::Subscription route, bool counts);
  uint64_t in_flight() const { return queue.held() + queue.ready() + waiting + ledger.unanswered(); }

  // What is out may be needed again.
  bool Retains() const { return retry.has_value() || !name.empty(); }

  const SubscriptionId id;
  Peer* owner;
  routing::Table::Subscription routed;
  bool counts_in_flight;  // at its service
  Duration block_deadline;
  std::optional<BackoffOptions> retry;
  const std::string name;  // empty: at most once
  Duration lease;          // of the name
  uint64_t absences = 0;   // how often its owner has gone
  delivery::SubscriptionQueue queue;
  Ledger ledger;        // what was sent to the owner and is not answered
  uint64_t handed = 0;  // of what was sent
  Books books;          // in_flight is computed
  // Publishers whose event waits for room here, in order; `waiting` of them.
  std::vector<Peer*> waiters;
  size_t waiting = 0;
  TimePoint held_due = TimePoint::max();                // of the earliest timer that is set
  bool listed = false;                                  // among the owner's deliverable ones
  bool ending = false;                                  // not in the table any more
  Outcome end_outcome = Outcome::kDroppedUnsubscribed;  // of what comes back once its queue is closed
};

// A session as the exchange sees it: a publisher, and an owner of subscriptions.
class Peer {
 public:
  explicit Peer(uint32_t number) : number_(number) {}
  virtual ~Peer() = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  uint32_t number() const { return number_; }
  // An event of this publisher waits for room; the next must not be published before OnAdmitted.
  bool waiting() const { return waiting_event_ != nullptr; }
  // Of what it published: events x targets without an outcome.
  uint64_t unsettled() const { return unsettled_; }

 protected:
  // None of these may call the exchange.
  virtual void OnDeliverable(Subscription& subscription) = 0;  // Take has something to give
  virtual void OnAdmitted(const EventParcel& event) = 0;       // the event that waited
  virtual void OnOutcome(const wire::EventOutcome& outcome) = 0;
  virtual void OnChange(WatchId watch, const ServiceChange& change) = 0;
  // It need not keep its event of this number any longer.
  virtual void OnReleased(uint64_t number, bool by_all) = 0;

 private:
  friend class Exchange;
  struct Waiting {
    Subscription* subscription;
    TimePoint deadline;
  };
  const uint32_t number_;
  uint64_t unsettled_ = 0;
  bool leaving_ = false;
  EventParcelPtr waiting_event_;
  std::vector<Waiting> waiting_at_;
  bool waiting_timer_set_ = false;
  absl::btree_map<SubscriptionId, std::unique_ptr<Subscription>> subscriptions_;
};

// Where the subscriptions are whose owner has gone and whose name has not.
class Absent final : public Peer {
 public:
  Absent() : Peer(0) {}

 private:
  void OnDeliverable(Subscription& subscription) override { subscription.listed = false; }
  void OnAdmitted(const EventParcel&) override {}
  void OnOutcome(const wire::EventOutcome&) override {}
  void OnChange(WatchId, const ServiceChange&) override {}
  void OnReleased(uint64_t, bool) override {}
};

class Exchange {
 public:
  // `timers` run their callbacks on the loop; all outlive the exchange. `hooks` may be null.
  Exchange(const RoutingOptions& options, const Clock& clock, Timers& timers, StageHooks* hooks = nullptr);

  void UpdateTime() { now_ = clock_.Now(); }
  TimePoint now() const { return now_; }
  const StageClock& stage_clock() const { return stage_clock_; }

  // The numbers of subscriptions follow this one: clients come back with those that an earlier daemon gave.
  void NumberAfter(SubscriptionId last) { last_subscription_ = last; }
  // From now on there are at-least-once subscriptions. Those in the store come back, absent. The store
  // outlives the exchange. DataLoss: what is in it is not what Subscribe would take. Before the first peer.
  absl::Status UseNames(NameStore& names);

  void AddPeer(Peer& peer);
  // Ends its subscriptions, but those with a name are absent from now on; everything else that is not settled
  // there, and its event that waits, ends as `outcome`.
  void RemovePeer(Peer& peer, Outcome outcome);

  absl::Status Register(Peer& owner, const ServiceSpec& service);
  absl::Status Deregister(Peer& owner, const std::string& service);
  // `resumed`: the number that it had in an earlier session, or 0. FailedPrecondition: there are no names.
  absl::StatusOr<SubscriptionId> Subscribe(Peer& owner, const SubscriptionSpec& spec,
                                           SubscriptionId resumed = 0);
  // Its owner should report every event at once: a publisher waits for it, or the decisions look at what its
  // service has in flight.
  static bool ReportsAtOnce(Peer& owner, SubscriptionId subscription);
  // What waits here ends as `outcome`; what is out is the owner's to settle.
  absl::Status Unsubscribe(Peer& owner, SubscriptionId subscription, Outcome outcome);

  // Rules and health: what the change does to the directory takes effect, and watches are told.
  absl::Status Change(absl::FunctionRef<absl::Status(routing::Directory&)> change);
  const routing::Directory& directory() const { return directory_; }
  // `started` gets the number of the watch and how many services are there; then they come by OnChange,
  // before the return, and every later change.
  absl::Status Watch(Peer& owner, absl::FunctionRef<void(WatchId, size_t)> started);
  absl::Status Unwatch(Peer& owner, WatchId watch);
  Explanation Explain(const EventHeader& header, const Attributes& attributes, uint64_t body_size) const;

  // Requires !origin.waiting(). True: brought to all its targets. False: waits, see Peer::OnAdmitted.
  bool Publish(Peer& origin, const EventParcelPtr& event);
  // Counts an event that goes nowhere.
  void Discard(Peer& origin, const EventHeader& header, Outcome outcome);
  // From now on every event is discarded as kDroppedClosed; one that is kept stays so.
  void StopAdmitting() { admitting_ = false; }
  // What is held for absent subscriptions ends as kDroppedClosed; their names stay. After the last peer.
  void EndAbsent();

  // For a subscription that OnDeliverable named: moves up to `max` events from its queue to `batch`, and into
  // the ledger. True: there is more. False: OnDeliverable will name it again, and it may be gone already.
  bool Take(Subscription& subscription, size_t max, std::vector<delivery::ParcelPtr>& batch);

  // Reports of an owner; false: not of what it was given. Unknown subscriptions are ignored: they have ended.
  bool Handed(Peer& owner, SubscriptionId subscription, uint64_t handed);
  bool Acknowledge(Peer& owner, SubscriptionId subscription, uint64_t first, uint64_t count);
  bool Settle(Peer& owner, SubscriptionId subscription, uint64_t delivery, uint32_t outcome);

  const delivery::DeadLetterQueue& dead_letters() const { return dead_letters_; }
  // As DeadLetters.
  absl::Status ReplayDeadLetter(uint64_t number);
  absl::Status DiscardDeadLetter(uint64_t number);

  // Whether the owner has events that it may have reported only in part.
  static bool HasUnanswered(const Peer& owner);
  uint64_t InFlight() const;  // but what is held for absent subscriptions
  RouterStatistics Statistics() const;

 private:
  void Resolve(const EventParcel& event);
  void Offer(Peer& origin, Subscription& subscription, const EventParcelPtr& event);
  void Wait(Peer& origin, Subscription& subscription);
  void ArmWaitingTimer(Peer& origin);
  void OnWaitingDue(uint32_t origin);
  void OnHeldDue(uint32_t owner, SubscriptionId subscription);
  void GiveRoom(Subscription& subscription);
  void StopWaiting(Peer& origin, Subscription& subscription);
  void NoteDeliverable(Subscription& subscription);
  void RetryOrBury(Subscription& subscription, Ledger::Entry& entry, Outcome reason);
  Subscription* FindLiving(SubscriptionId subscription);
  void SettleParcel(Subscription& subscription, const delivery::Parcel& parcel, Outcome outcome);
  void SettleEntry(Subscription& subscription, const Ledger::Entry& entry, Outcome outcome);
  void Release(const EventParcel& event, bool acknowledged);
  absl::StatusOr<SubscriptionId> NewId(SubscriptionId resumed);
  absl::StatusOr<Subscription*> FindName(const SubscriptionSpec& spec);
  absl::Status StoreName(SubscriptionId id, const SubscriptionSpec& spec);
  absl::Status RestoreName(const StoredName& name);
  Subscription& Add(Peer& owner, SubscriptionId id, const SubscriptionSpec& spec, routing::FilterSet filters);
  void Return(Subscription& subscription, Peer& owner, const SubscriptionSpec& spec,
              routing::FilterSet filters);
  void Leave(Subscription& subscription);
  void Move(Subscription& subscription, Peer& owner);
  void SetService(Subscription& subscription);
  bool LeaveService(const std::string& service);
  absl::Status ReturnService(Peer& owner, const ServiceSpec& service);
  void OnLeaseEnd(SubscriptionId subscription, uint64_t absences);
  absl::Status ForgetName(Subscription& subscription);
  bool IsLeaving(uint32_t peer) const;
  void Tell(uint32_t origin, const wire::EventOutcome& outcome, bool wanted);
  void End(Subscription& subscription, Outcome outcome);
  void EraseIfSettled(Subscription& subscription);
  void RebuildTable();
  void Announce();
  bool Owns(const Peer& owner, const std::string& service) const;
  Duration TimeOfDay() const;
  void Settled(Subscription& subscription, const EventId& event, Outcome outcome);
  static Subscription* Find(Peer& owner, SubscriptionId subscription);

  const Clock& clock_;
  Timers& timers_;
  const StageClock stage_clock_;
  TimePoint now_{};
  bool admitting_ = true;

  absl::flat_hash_map<uint32_t, Peer*> peers_;
  routing::Directory directory_;
  absl::flat_hash_map<std::string, Peer*> owners_;  // of the services
  absl::btree_map<WatchId, Peer*> watches_;
  const size_t max_watches_;
  WatchId last_watch_ = 0;
  std::vector<Subscription*> living_;  // as the table numbers them
  routing::Table table_;
  routing::Balancer balancer_;
  routing::Decision decision_;
  std::optional<routing::DeduplicationWindow> duplicates_;
  delivery::DeadLetterQueue dead_letters_;
  std::vector<delivery::ParcelPtr> expired_;
  SubscriptionId last_subscription_ = 0;
  NameStore* names_ = nullptr;
  absl::flat_hash_map<std::string, Subscription*> by_name_;
  Absent absent_;
  Books past_;  // of what has no living subscription
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_EXCHANGE_H_
