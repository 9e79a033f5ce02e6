// Drives one subscription: its queue, its handler, the verdicts, and its end (R14, R17, R18, R21, R22, R26).
//
// The coordinator has one of these for each subscription, the daemon's client one for each mailbox: how
// handlers run is the same on both. A backend derives from it to say how a parcel becomes a typed event and
// what to do with an outcome.
#ifndef ROUTEBENCH_EVENTS_DISPATCH_SUBSCRIBER_H_
#define ROUTEBENCH_EVENTS_DISPATCH_SUBSCRIBER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_set.h"
#include "events/clock.h"
#include "events/delivery/subscription_queue.h"
#include "events/dispatch/service_gate.h"
#include "events/dispatch/worker_pool.h"
#include "events/mutex.h"
#include "events/router.h"
#include "events/stages.h"

namespace routebench::dispatch {

struct SubscriberOptions {
  SubscriptionId id = 0;
  SubscriptionSpec spec;
  Handler handler;
  std::shared_ptr<ServiceGate> gate;  // null: the service has no limit
  StageHooks* stage_hooks = nullptr;
};

// Owned by shared_ptr: a running handler and a timer that fires keep it alive. `executor` is held weakly;
// `clock` and `timers` are used until Abandon has returned. Thread-safe.
//
// How it ends: End, then either AwaitHandlers (Unsubscribe) or Abandon (Close, which does not wait for a
// handler that is stuck).
class Subscriber : public std::enable_shared_from_this<Subscriber> {
 public:
  Subscriber(SubscriberOptions options, std::weak_ptr<Executor> executor, const Clock& clock, Timers& timers);
  virtual ~Subscriber();

  SubscriptionId id() const { return options_.id; }
  const SubscriptionSpec& spec() const { return options_.spec; }

  // Counts the parcel as routed here, queues it and gets the handler going; the outcome of an event that does
  // not stay is settled before the return. kFull: not routed, nothing happened, not even to `parcel`.
  delivery::Admission Offer(delivery::ParcelPtr&& parcel);

  // A place for one OfferReserved or CancelReservation that follows. Also true when the subscription has
  // ended.
  bool Reserve();
  // The same; waits for a place until `deadline` on the clock. Places are given in the order of the calls,
  // and before later calls of Offer.
  bool AwaitPlace(TimePoint deadline);
  void CancelReservation();
  void OfferReserved(delivery::ParcelPtr parcel);
  // Counts an event that found no place as routed here and gives it its outcome.
  void Refuse(const delivery::Parcel& parcel, Outcome outcome);

  // After the return no handler runs until Resume; called from this subscription's own handler it returns at
  // once.
  void Pause();
  void Resume();

  // No handler starts from now on; what waits, and what was deferred and is unanswered, is settled as
  // `outcome`, and blocked publishers are released. The first call counts.
  void End(Outcome outcome);
  // After End: returns when no handler runs, at once when called from this subscription's own handler.
  void AwaitHandlers();
  // After End, and best once the pool has stopped: settles what handlers hold right now with the outcome
  // given to End, and ignores what they answer. After the return none of the hooks below runs on a thread of
  // the pool or of an answer, and clock and timers are not used, though a stuck handler may still run. Not
  // from a handler or a hook.
  void Abandon();

  // Exact at every moment.
  Books GetBooks();
  // Nothing is in flight, and every outcome has been passed on.
  bool Quiet();

  // What follows a failed attempt: the parcel of the next one, which is held until `due`; or none, and the
  // event ends as `outcome`.
  struct Retry {
    delivery::ParcelPtr parcel;
    TimePoint due{};
    Outcome outcome = Outcome::kDeadLettered;
  };

 protected:
  // The typed event in a parcel, to stay valid until the handler has returned; null when its bytes do not
  // make one (kDroppedCorrupt). Comes right before the handler.
  // Handlers that run at once have different lanes (0 <= lane < concurrency), one lane never runs
  // concurrently with itself: decode into storage of the lane.
  virtual const Event* Prepare(delivery::Parcel& parcel, size_t lane) = 0;
  // The handler is about to run for the event that Prepare returned. Its place is free already: an owner that
  // lends credit may say so from here on, but not in Prepare.
  virtual void OnHanded(delivery::Parcel& /*parcel*/) {}
  // An event has its outcome. Not under a lock. kDelivered only where report_delivered_ was set. An event
  // that ends without Prepare frees its place here: an owner that lends credit counts both.
  virtual void OnOutcome(const delivery::Parcel& parcel, Outcome outcome) = 0;
  // In a subscription with retries an attempt has failed: the handler said kRetry (kRejected), or took too
  // long (kTimedOut). Not under a lock.
  virtual Retry OnFailure(const delivery::Parcel& parcel, Outcome reason) = 0;
  // There is nothing to do for now, or a deferred event has been answered: Quiet() may have become true. Not
  // under a lock.
  virtual void OnQuiet() {}

  bool report_delivered_ = false;  // set by the constructor of the derived class

 private:
  // What one thread works on: one handler at a time.
  struct Lane final : Task {
    bool Run() override { return owner->RunLane(*this); }

    Subscriber* owner = nullptr;
    size_t index = 0;
    // 2n: n events of this lane have been answered. 2n + 1: so have n, and the next one is with the handler.
    // Whoever moves it from odd to even settles that event: the lane itself, or Abandon.
    std::atomic<uint64_t> progress{0};
    std::vector<delivery::ParcelPtr> batch;    // the thread's that runs the lane, unless abandoned
    std::vector<delivery::ParcelPtr> expired;  // that thread's
    // Under the owner's mutex:
    bool active = false;           // scheduled, running, or waiting at the gate
    bool running = false;          // inside Run, with a batch
    bool at_gate = false;          // refused by the gate, which will schedule it
    uint64_t batch_start = 0;      // events answered when the batch was taken
    uint64_t folded_handed = 0;    // how much of the progress the queue knows
    uint64_t folded_answered = 0;  // how much of it the books know
    uint64_t unusual = 0;          // answered since, but not delivered at once: booked already, or deferred
    TimePoint due =
        TimePoint::max();  // of the answer of the event with the handler, where there is a timeout
    bool late = false;     // that event has timed out, and its handler still runs
    StageStamps stages;    // of a sampled event with the handler
    bool abandoned = false;
  };
  struct Waiter;
  struct Deferred;
  class Handing;

  bool RunLane(Lane& lane);
  bool TakeBatch(Lane& lane);
  bool EnterGate(Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RestLane(Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PauseLane(Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HandBatch(Lane& lane);
  bool Hand(Lane& lane, size_t index);
  bool ExpiredInHand(const delivery::Parcel& parcel) const;
  const StageStamps* StagesAtHandler(Lane& lane, const delivery::Parcel& parcel) const;
  Verdict CallHandler(Handing& handing) const;
  bool Finish(Lane& lane, const delivery::ParcelPtr& parcel, Verdict verdict,
              const std::shared_ptr<Deferred>& deferred);
  bool SettleHanded(Lane& lane, const delivery::Parcel& parcel, Outcome outcome);
  void Book(Outcome outcome) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Settle(const delivery::Parcel& parcel, Outcome outcome);
  bool Fails(Outcome outcome) const;
  void StartTimeout(Lane& lane);
  void StartTimeout(const std::shared_ptr<Deferred>& deferred, TimePoint due)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<bool> EndTimeout(Lane& lane, const std::shared_ptr<Deferred>& deferred, TimePoint* due);
  void ArmTimeout(TimePoint due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnTimeout(TimePoint due);
  delivery::ParcelPtr TimeOutLane(Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AwaitRest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answer(const std::shared_ptr<Deferred>& deferred, Verdict verdict);
  void Tell(const delivery::Parcel& parcel, Outcome outcome);
  void LeaveGate();

  bool batched() const { return options_.spec.batch.most > 1; }
  bool HasWork(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayHand() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ArmBatchTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnBatchDue(uint64_t batch);
  Lane* LaneToStart() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ScheduleLane(Lane* lane);
  void Fold(Lane& lane) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MakeRoom(TimePoint now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<Outcome> Attend();
  void ArmHeldTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveUpWaiting(uint64_t ticket);
  bool AbandonLane(Lane& lane, std::vector<delivery::ParcelPtr>& rest) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool QuietLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteProgress() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool EnterHook() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CallOnQuiet();
  void FinishTelling();
  void TellOfRest(const std::vector<delivery::ParcelPtr>& rest, size_t in_gate);
  TimePoint NowFor(const delivery::Parcel& parcel) const;

  const SubscriberOptions options_;
  const size_t batch_max_;  // 1 where an event may still be overtaken or evicted by a later one
  const std::weak_ptr<Executor> executor_;
  const Clock& clock_;
  Timers& timers_;
  const StageClock stage_clock_;

  alignas(64) Mutex mutex_;
  delivery::SubscriptionQueue queue_ ABSL_GUARDED_BY(mutex_);
  CondVar changed_;  // a lane rests, or an answer has been told: only signalled after End and while paused
  Books books_ ABSL_GUARDED_BY(mutex_);           // in_flight is not kept here
  uint64_t in_hand_ ABSL_GUARDED_BY(mutex_) = 0;  // taken by a lane and not answered, as far as folded
  absl::flat_hash_set<std::shared_ptr<Deferred>> deferred_ ABSL_GUARDED_BY(mutex_);  // and unanswered
  uint64_t failing_ ABSL_GUARDED_BY(mutex_) = 0;  // that have failed, and it is not decided what follows
  // Where there is a timeout: the deferred ones by when their time is over, and a number.
  absl::btree_map<std::pair<TimePoint, uint64_t>, std::shared_ptr<Deferred>> timeouts_
      ABSL_GUARDED_BY(mutex_);
  uint64_t last_timeout_ ABSL_GUARDED_BY(mutex_) = 0;
  TimePoint timeout_timer_due_ ABSL_GUARDED_BY(mutex_) = TimePoint::max();  // of the earliest one that is set
  bool paused_ ABSL_GUARDED_BY(mutex_);
  uint64_t batches_ ABSL_GUARDED_BY(mutex_) = 0;          // taken so far
  bool batch_timer_set_ ABSL_GUARDED_BY(mutex_) = false;  // for the next one
  bool batch_due_ ABSL_GUARDED_BY(mutex_) = false;        // it does not wait for more
  uint32_t telling_ ABSL_GUARDED_BY(mutex_) = 0;  // threads other than lanes that are passing on outcomes
  std::deque<Lane> lanes_;                        // as many as handlers may run at once
  size_t resting_lanes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t running_lanes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t late_lanes_ ABSL_GUARDED_BY(mutex_) = 0;       // of those
  std::list<Waiter*> waiters_ ABSL_GUARDED_BY(mutex_);  // in the order in which they came
  uint64_t last_ticket_ ABSL_GUARDED_BY(mutex_) = 0;
  TimePoint held_timer_due_ ABSL_GUARDED_BY(mutex_) = TimePoint::max();  // of the earliest timer that is set
  Outcome end_outcome_ ABSL_GUARDED_BY(mutex_) = Outcome::kDroppedUnsubscribed;
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;

  // kEnded, plus kOneWaiter for each of waiters_. A lane stores its progress and then loads this; a publisher
  // and Abandon store this and then load the progress: either one sees the other (sequentially consistent).
  static constexpr uint32_t kEnded = 1;
  static constexpr uint32_t kOneWaiter = 2;
  std::atomic<uint32_t> attention_{0};
  std::atomic<uint32_t> in_hook_{0};  // threads inside OnQuiet
};

}  // namespace routebench::dispatch

#endif  // ROUTEBENCH_EVENTS_DISPATCH_SUBSCRIBER_H_
