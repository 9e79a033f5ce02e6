// Drives one subscription: its queue, its handler, the verdicts, and its end (R14, R17, R18, R21, R22, R26).
//
// The coordinator has one of these for each subscription, the daemon's client one for each mailbox: how
// handlers run is the same on both. A backend derives from it to say how a parcel becomes a typed event and
// what to do with an outcome.
#ifndef ROUTEBENCH_EVENTS_DISPATCH_SUBSCRIBER_H_
#define ROUTEBENCH_EVENTS_DISPATCH_SUBSCRIBER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "events/clock.h"
#include "events/delivery/subscription_queue.h"
#include "events/dispatch/service_gate.h"
#include "events/dispatch/worker_pool.h"
#include "events/mutex.h"
#include "events/router.h"

namespace routebench::dispatch {

struct SubscriberOptions {
  SubscriptionId id = 0;
  SubscriptionSpec spec;
  Handler handler;
  std::shared_ptr<ServiceGate> gate;  // null: the service has no limit
};

// Owned by shared_ptr: a running handler, a held event's timer and an unanswered event keep it alive. `pool`
// is held weakly, `clock` and `timers` must outlive it. Thread-safe.
class Subscriber : public std::enable_shared_from_this<Subscriber> {
 public:
  Subscriber(SubscriberOptions options, std::weak_ptr<WorkerPool> pool, const Clock& clock, Timers& timers);
  virtual ~Subscriber();

  SubscriptionId id() const { return options_.id; }
  const SubscriptionSpec& spec() const { return options_.spec; }

  // Counts the parcel as routed here, queues it and gets the handler going. The outcome of an event that does
  // not stay is settled before the return. kFull: not routed, nothing happened; see AwaitRoom.
  delivery::Admission Offer(delivery::ParcelPtr parcel);
  // A place for an OfferReserved that follows; false when there is none.
  bool Reserve();
  void CancelReservation();
  void OfferReserved(delivery::ParcelPtr parcel);
  // Blocks until there is room, the subscription has ended (both true), or `deadline` on the clock (false).
  bool AwaitRoom(TimePoint deadline);
  // Counts an event that never found room: kDroppedDeadline.
  void Refuse(delivery::ParcelPtr parcel, Outcome outcome);

  // No handler starts from now on; what waits, and what was deferred and is unanswered, is settled as
  // `outcome`.
  void End(Outcome outcome);
  // After End: returns when no handler runs, at once when called from this subscription's own handler.
  void AwaitHandlers();

  Books GetBooks() const;
  // Events that waited, are being handled or await their answer; counted where they are.
  uint64_t InFlight() const;

 protected:
  // The typed event in a parcel, to stay valid until the handler has returned; null when its bytes do not
  // make one (kDroppedCorrupt). Handlers that run at once have different lanes (0 <= lane < concurrency), one
  // lane never runs concurrently with itself: decode into storage of the lane.
  virtual const Event* Prepare(delivery::Parcel& parcel, size_t lane) = 0;
  // An event has its outcome. Not under a lock. kDelivered only where `report_delivered` was set.
  virtual void OnOutcome(const delivery::Parcel& parcel, Outcome outcome) = 0;
  // A handler is about to run for the `handed`-th event. Events that end without a handler (expired, corrupt,
  // dropped) come only through OnOutcome: an owner that lends credit adds both.
  virtual void OnHanded(uint64_t /*handed*/) {}
  // Nothing waits and no handler runs, or an unanswered event was answered.
  virtual void OnQuiet() {}

  bool report_delivered_ = false;  // set by the constructor of the derived class
  uint64_t handed() const { return handed_.load(std::memory_order_relaxed); }
  uint64_t outcome_count(Outcome outcome) const {
    return outcomes_[static_cast<size_t>(outcome)].load(std::memory_order_relaxed);
  }

 private:
  struct Lane final : Task {
    bool Run() override { return owner->RunLane(*this); }
    Subscriber* owner = nullptr;
    size_t index = 0;
    bool active = false;  // scheduled or running; under the owner's mutex
    std::vector<delivery::ParcelPtr> batch;
    std::vector<delivery::ParcelPtr> expired;
  };
  struct Deferred;
  class Handing;

  bool RunLane(Lane& lane);
  bool TakeBatch(Lane& lane);
  void EndBatch();
  void Hand(Lane& lane, delivery::ParcelPtr parcel);
  Outcome CallHandler(Handing& handing, bool* deferred);
  void Settle(const delivery::Parcel& parcel, Outcome outcome, bool was_handed);
  void SettleDeferred(const std::shared_ptr<Deferred>& deferred, Outcome outcome);
  TimePoint NowFor(const delivery::Parcel& parcel) const;
  void FoldHanded() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Lane* StartLane() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ScheduleLane(Lane* lane);
  void StopLane(Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ArmHeldTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Kick();
  void WakeWaiters();

  const SubscriberOptions options_;
  const size_t batch_max_;  // 1 where an event may still be overtaken or evicted by a later one
  const std::weak_ptr<WorkerPool> pool_;
  const Clock& clock_;
  Timers& timers_;

  mutable Mutex mutex_;
  CondVar changed_;  // room, end of a handler
  delivery::SubscriptionQueue queue_ ABSL_GUARDED_BY(mutex_);
  std::deque<Lane> lanes_;                         // as many as handlers may run at once
  size_t busy_lanes_ ABSL_GUARDED_BY(mutex_) = 0;  // between taking a batch and the end of its last handler
  uint64_t folded_ ABSL_GUARDED_BY(mutex_) = 0;    // of handed_, what the queue knows
  uint64_t routed_ ABSL_GUARDED_BY(mutex_) = 0;
  TimePoint held_timer_due_ ABSL_GUARDED_BY(mutex_) = TimePoint::max();  // of the earliest timer that is set
  absl::flat_hash_set<std::shared_ptr<Deferred>> deferred_ ABSL_GUARDED_BY(mutex_);
  Outcome end_outcome_ ABSL_GUARDED_BY(mutex_) = Outcome::kDroppedUnsubscribed;

  std::atomic<bool> ended_{false};
  // Handed and waiters_ are stored and loaded sequentially consistent: either a waiting publisher sees the
  // event handed, or the worker sees the publisher waiting.
  std::atomic<uint64_t> handed_{0};
  std::atomic<uint32_t> waiters_{0};
  std::atomic<uint64_t> wake_at_{0};   // the count of handed events that wakes them
  std::atomic<uint64_t> answered_{0};  // of the handed ones
  std::array<std::atomic<uint64_t>, kOutcomeCount> outcomes_{};
};

}  // namespace routebench::dispatch

#endif  // ROUTEBENCH_EVENTS_DISPATCH_SUBSCRIBER_H_
