#include "events/dispatch/subscriber.h"

#include <algorithm>
#include <utility>

namespace routebench::dispatch {
namespace {

// Large enough to amortise the lock, small enough that other subscriptions get their turn soon.
constexpr size_t kBatch = 64;
constexpr int kBatchesPerTurn = 4;
constexpr Duration kRoomCheck = std::chrono::milliseconds(1);

// The subscription whose handler this thread is running.
thread_local const Subscriber* handling = nullptr;

size_t BatchMax(const SubscriberOptions& options) {
  const bool one_by_one = options.spec.order == QueueOrder::kPriority ||
                          options.spec.full_policy == FullPolicy::kDropOldest ||
                          options.spec.concurrency > 1 || options.gate != nullptr;
  return one_by_one ? 1 : kBatch;
}

Outcome OutcomeOf(Verdict verdict) {
  return verdict == Verdict::kAck ? Outcome::kDelivered : Outcome::kRejected;
}

}  // namespace

// An event whose answer comes later. Whoever sets `settled` first decides its outcome.
struct Subscriber::Deferred {
  explicit Deferred(delivery::ParcelPtr p) : parcel(std::move(p)) {}
  delivery::ParcelPtr parcel;  // belongs to whoever sets `settled`
  std::atomic<bool> settled{false};
};

class Subscriber::Handing final : public Delivery {
 public:
  Handing(Subscriber& subscriber, const delivery::ParcelPtr& parcel, const Event& event)
      : subscriber_(subscriber), parcel_(parcel), event_(event) {}

  const Event& event() const override { return event_; }

  Acknowledger Defer() override {
    deferred_ = std::make_shared<Deferred>(parcel_);
    {
      MutexLock lock(subscriber_.mutex_);
      subscriber_.deferred_.insert(deferred_);
    }
    return Acknowledger([weak = subscriber_.weak_from_this(), deferred = deferred_](Verdict verdict) {
      if (const auto subscriber = weak.lock()) subscriber->SettleDeferred(deferred, OutcomeOf(verdict));
    });
  }

  const std::shared_ptr<Deferred>& deferred() const { return deferred_; }

 private:
  Subscriber& subscriber_;
  const delivery::ParcelPtr& parcel_;
  const Event& event_;
  std::shared_ptr<Deferred> deferred_;
};

Subscriber::Subscriber(SubscriberOptions options, std::weak_ptr<WorkerPool> pool, const Clock& clock,
                       Timers& timers)
    : options_(std::move(options)),
      batch_max_(BatchMax(options_)),
      pool_(std::move(pool)),
      clock_(clock),
      timers_(timers),
      queue_({.capacity = options_.spec.capacity,
              .full_policy = options_.spec.full_policy,
              .order = options_.spec.order}) {
  for (uint32_t i = 0; i < options_.spec.concurrency; ++i) {
    Lane& lane = lanes_.emplace_back();
    lane.owner = this;
    lane.index = i;
  }
}

Subscriber::~Subscriber() = default;

// Reading the clock is worth its price only for the rare event that is to be held.
TimePoint Subscriber::NowFor(const delivery::Parcel& parcel) const {
  return parcel.header().not_before == TimePoint{} ? TimePoint{} : clock_.Now();
}

delivery::Admission Subscriber::Offer(delivery::ParcelPtr parcel) {
  const delivery::Parcel& offered = *parcel;
  const delivery::ParcelPtr keep = parcel;
  const TimePoint now = NowFor(offered);
  delivery::OfferResult result;
  Outcome end_outcome;
  Lane* lane;
  {
    MutexLock lock(mutex_);
    if (queue_.full()) FoldHanded();
    result = queue_.Offer(std::move(parcel), now);
    if (result.admission == delivery::Admission::kFull) return result.admission;
    ++routed_;
    end_outcome = end_outcome_;
    lane = StartLane();
    if (now != TimePoint{}) ArmHeldTimer();
  }
  ScheduleLane(lane);
  switch (result.admission) {
    case delivery::Admission::kEvicted:
      Settle(*result.evicted, Outcome::kDroppedOldest, false);
      break;
    case delivery::Admission::kRejected:
      Settle(offered, Outcome::kDroppedQueueFull, false);
      break;
    case delivery::Admission::kDropped:
      Settle(offered, Outcome::kDroppedNewest, false);
      break;
    case delivery::Admission::kClosed:
      Settle(offered, end_outcome, false);
      break;
    default:
      break;
  }
  return result.admission;
}

bool Subscriber::Reserve() {
  MutexLock lock(mutex_);
  return HasRoom() && (queue_.closed() || queue_.Reserve());
}

void Subscriber::CancelReservation() {
  {
    MutexLock lock(mutex_);
    if (queue_.reserved() > 0) queue_.CancelReservation();
  }
  WakeWaiters();
}

void Subscriber::OfferReserved(delivery::ParcelPtr parcel) {
  const delivery::ParcelPtr keep = parcel;
  const TimePoint now = NowFor(*keep);
  bool closed;
  Outcome end_outcome;
  Lane* lane;
  {
    MutexLock lock(mutex_);
    closed = queue_.reserved() == 0 ||
             queue_.OfferReserved(std::move(parcel), now).admission == delivery::Admission::kClosed;
    ++routed_;
    end_outcome = end_outcome_;
    lane = StartLane();
    if (now != TimePoint{}) ArmHeldTimer();
  }
  ScheduleLane(lane);
  if (closed) Settle(*keep, end_outcome, false);
}

void Subscriber::Refuse(delivery::ParcelPtr parcel, Outcome outcome) {
  {
    MutexLock lock(mutex_);
    ++routed_;
  }
  Settle(*parcel, outcome, false);
}

bool Subscriber::HasRoom() {
  if (queue_.full()) FoldHanded();
  return queue_.closed() || !queue_.full();
}

bool Subscriber::AwaitRoom(TimePoint deadline) {
  const auto late = std::make_shared<std::atomic<bool>>(false);
  const TimerId timer = timers_.Schedule(deadline, [weak = weak_from_this(), late] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    MutexLock lock(self->mutex_);
    late->store(true);
    self->changed_.NotifyAll();
  });
  bool room;
  {
    MutexLock lock(mutex_);
    waiters_.fetch_add(1);
    wake_at_.store(handed_.load() + std::max<uint64_t>(1, options_.spec.capacity / 4));
    while (!(room = HasRoom()) && !late->load()) {
      // The worker wakes us once a quarter of the capacity is free: a wake-up for each place would cost more
      // than the event. The short wait finds the room that a stuck handler leaves below that.
      changed_.WaitUntil(mutex_, std::chrono::steady_clock::now() + kRoomCheck);
    }
    waiters_.fetch_sub(1);
  }
  timers_.Cancel(timer);
  return room;
}

void Subscriber::FoldHanded() {
  if (batch_max_ == 1) return;
  const uint64_t handed = handed_.load();
  queue_.Handed(handed - folded_);
  folded_ = handed;
}

// The lane to schedule once the lock is released (a wake-up under it would make the woken thread wait for
// it), or null.
Subscriber::Lane* Subscriber::StartLane() {
  const auto lane = std::find_if(lanes_.begin(), lanes_.end(), [](const Lane& l) { return !l.active; });
  if (lane == lanes_.end()) return nullptr;
  lane->active = true;
  return &*lane;
}

void Subscriber::ScheduleLane(Lane* lane) {
  if (lane == nullptr) return;
  if (const auto pool = pool_.lock()) pool->Schedule(std::shared_ptr<Task>(shared_from_this(), lane));
}

void Subscriber::StopLane(Lane& lane) {
  lane.active = false;
  ArmHeldTimer();
}

void Subscriber::ArmHeldTimer() {
  const auto due = queue_.NextHeld();
  if (!due.has_value() || *due >= held_timer_due_) return;
  held_timer_due_ = *due;
  timers_.Schedule(*due, [weak = weak_from_this(), due = *due] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    {
      MutexLock lock(self->mutex_);
      if (self->held_timer_due_ == due) self->held_timer_due_ = TimePoint::max();
    }
    self->Kick();
  });
}

void Subscriber::Kick() {
  Lane* lane;
  {
    MutexLock lock(mutex_);
    lane = StartLane();
  }
  ScheduleLane(lane);
}

void Subscriber::WakeWaiters() {
  if (waiters_.load() == 0) return;
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

bool Subscriber::RunLane(Lane& lane) {
  for (int i = 0; i < kBatchesPerTurn; ++i) {
    if (!TakeBatch(lane)) {
      OnQuiet();
      return false;
    }
    for (const delivery::ParcelPtr& parcel : lane.expired) Settle(*parcel, Outcome::kExpired, false);
    for (delivery::ParcelPtr& parcel : lane.batch) Hand(lane, std::move(parcel));
    EndBatch();
  }
  return true;
}

bool Subscriber::TakeBatch(Lane& lane) {
  lane.batch.clear();
  lane.expired.clear();
  const TimePoint now = clock_.Now();
  bool nothing_in_hand = false;
  {
    MutexLock lock(mutex_);
    FoldHanded();
    if (!queue_.HasWork(now)) {
      StopLane(lane);
      return false;
    }
    if (options_.gate != nullptr && !options_.gate->Enter([weak = weak_from_this()] {
          if (const auto self = weak.lock()) self->Kick();
        })) {
      StopLane(lane);
      return false;
    }
    const size_t taken = queue_.Take(batch_max_, now, lane.batch, lane.expired);
    nothing_in_hand = taken == 0;
    if (batch_max_ == 1) {
      queue_.Handed(taken);
      folded_ += taken;
      handed_.fetch_add(taken);
    }
    ++busy_lanes_;
    if (batch_max_ == 1 && waiters_.load() > 0) changed_.NotifyAll();
  }
  if (options_.gate != nullptr && nothing_in_hand) options_.gate->Leave();
  return true;
}

void Subscriber::EndBatch() {
  MutexLock lock(mutex_);
  --busy_lanes_;
  if (ended_.load(std::memory_order_relaxed)) changed_.NotifyAll();
}

void Subscriber::Hand(Lane& lane, delivery::ParcelPtr parcel) {
  if (batch_max_ > 1) {
    const uint64_t handed = handed_.fetch_add(1) + 1;
    if (waiters_.load() > 0 && handed >= wake_at_.load(std::memory_order_relaxed)) WakeWaiters();
  }
  if (ended_.load()) {
    Outcome outcome;
    {
      MutexLock lock(mutex_);
      outcome = end_outcome_;
    }
    return Settle(*parcel, outcome, true);
  }
  const Event* event = Prepare(*parcel, lane.index);
  if (event == nullptr) return Settle(*parcel, Outcome::kDroppedCorrupt, true);
  OnHanded(handed_.load(std::memory_order_relaxed));
  Handing handing(*this, parcel, *event);
  bool deferred = false;
  const Outcome outcome = CallHandler(handing, &deferred);
  if (handing.deferred() == nullptr) return Settle(*parcel, outcome, true);
  if (!deferred) SettleDeferred(handing.deferred(), outcome);
}

Outcome Subscriber::CallHandler(Handing& handing, bool* deferred) {
  const Subscriber* const before = std::exchange(handling, this);
  Outcome outcome = Outcome::kRejected;
  try {
    const Verdict verdict = options_.handler(handing);
    *deferred = verdict == Verdict::kDeferred && handing.deferred() != nullptr;
    outcome = OutcomeOf(verdict);
  } catch (...) {
    // R21: a handler that throws has rejected the event.
  }
  handling = before;
  return outcome;
}

void Subscriber::Settle(const delivery::Parcel& parcel, Outcome outcome, bool was_handed) {
  outcomes_[static_cast<size_t>(outcome)].fetch_add(1, std::memory_order_relaxed);
  if (was_handed) {
    answered_.fetch_add(1, std::memory_order_release);
    if (options_.gate != nullptr) options_.gate->Leave();
  }
  if (outcome != Outcome::kDelivered || report_delivered_) OnOutcome(parcel, outcome);
}

void Subscriber::SettleDeferred(const std::shared_ptr<Deferred>& deferred, Outcome outcome) {
  if (deferred->settled.exchange(true)) return;
  {
    MutexLock lock(mutex_);
    deferred_.erase(deferred);
  }
  // The acknowledger may outlive the pool that the parcel returns to.
  const delivery::ParcelPtr parcel = std::move(deferred->parcel);
  Settle(*parcel, outcome, true);
  OnQuiet();
}

void Subscriber::End(Outcome outcome) {
  std::vector<delivery::ParcelPtr> rest;
  absl::flat_hash_set<std::shared_ptr<Deferred>> unanswered;
  {
    MutexLock lock(mutex_);
    if (ended_.exchange(true)) return;
    end_outcome_ = outcome;
    queue_.Close(rest);
    unanswered = deferred_;
    changed_.NotifyAll();
  }
  for (const delivery::ParcelPtr& parcel : rest) Settle(*parcel, outcome, false);
  for (const std::shared_ptr<Deferred>& deferred : unanswered) SettleDeferred(deferred, outcome);
  OnQuiet();
}

void Subscriber::AwaitHandlers() {
  MutexLock lock(mutex_);
  const size_t own = handling == this ? 1 : 0;
  while (busy_lanes_ > own) changed_.Wait(mutex_);
}

uint64_t Subscriber::InFlight() const {
  MutexLock lock(mutex_);
  const uint64_t waiting = queue_.occupancy() - queue_.reserved();
  return waiting + folded_ - answered_.load(std::memory_order_acquire);
}

Books Subscriber::GetBooks() const {
  Books books;
  {
    MutexLock lock(mutex_);
    books.routed = routed_;
  }
  for (size_t i = 0; i < kOutcomeCount; ++i) books.outcomes[i] = outcomes_[i].load(std::memory_order_relaxed);
  books.in_flight = InFlight();
  return books;
}

}  // namespace routebench::dispatch
