#include "events/dispatch/subscriber.h"

#include <algorithm>
#include <utility>

namespace routebench::dispatch {
namespace {

using delivery::Admission;
using delivery::ParcelPtr;

// Large enough to amortise the lock, small enough that other subscriptions get their turn soon.
constexpr size_t kBatch = 64;
constexpr int kBatchesPerTurn = 4;

// A blocked publisher is woken when a quarter of the places is free, not for each of them: one wake-up costs
// as much as handing out some hundred events. Behind slow handlers it is woken for what there is.
constexpr size_t kWakeShare = 4;
constexpr Duration kPatience = std::chrono::microseconds(200);

// The subscriptions whose lanes this thread is running, the innermost first: several where handlers run in
// the thread that publishes.
struct Running {
  const Subscriber* subscriber;
  const Running* outer;
};
thread_local const Running* running_here = nullptr;

bool IsRunningHere(const Subscriber* subscriber) {
  for (const Running* running = running_here; running != nullptr; running = running->outer) {
    if (running->subscriber == subscriber) return true;
  }
  return false;
}

size_t BatchMax(const SubscriberOptions& options) {
  if (options.spec.batch.most > 1) return options.spec.batch.most;
  const bool one_by_one = options.spec.order == QueueOrder::kPriority ||
                          options.spec.full_policy == FullPolicy::kDropOldest ||
                          options.spec.concurrency > 1 || options.gate != nullptr;
  return one_by_one ? 1 : kBatch;
}

// Before it is decided whether a failure is final.
Outcome OutcomeOf(Verdict verdict, bool retries) {
  switch (verdict) {
    case Verdict::kAck:
      return Outcome::kDelivered;
    case Verdict::kRetry:
      return retries ? Outcome::kDeadLettered : Outcome::kRejected;
    default:
      return Outcome::kRejected;
  }
}

Outcome OutcomeOf(Admission admission) {
  switch (admission) {
    case Admission::kRejected:
      return Outcome::kDroppedQueueFull;
    case Admission::kDropped:
      return Outcome::kDroppedNewest;
    default:
      return Outcome::kDroppedOldest;
  }
}

}  // namespace

// A publisher that waits for a place. Lives on its stack; under the subscription's mutex.
struct Subscriber::Waiter {
  uint64_t ticket;
  TimePoint since;
  CondVar changed;
  bool granted = false;
  bool late = false;
};

// An event whose answer comes later. Under the subscription's mutex.
struct Subscriber::Deferred {
  explicit Deferred(Lane& hands) : lane(&hands) {}

  Lane* const lane;
  ParcelPtr parcel;  // from the handler's return to the answer
  bool answered = false;
  Verdict verdict = Verdict::kReject;
  std::pair<TimePoint, uint64_t> timeout;  // its key among the timeouts
};

class Subscriber::Handing final : public Delivery {
 public:
  Handing(Subscriber& subscriber, Lane& lane, const Event& event, const StageStamps* stages, size_t following)
      : subscriber_(subscriber), lane_(lane), event_(event), stages_(stages), following_(following) {}

  const Event& event() const override { return event_; }

  Acknowledger Defer() override {
    deferred_ = std::make_shared<Deferred>(lane_);
    return Acknowledger([weak = subscriber_.weak_from_this(), deferred = deferred_](Verdict verdict) {
      if (const auto subscriber = weak.lock()) subscriber->Answer(deferred, verdict);
    });
  }

  size_t following() const override { return following_; }
  const StageStamps* stages() const override { return stages_; }

  const std::shared_ptr<Deferred>& deferred() const { return deferred_; }

 private:
  Subscriber& subscriber_;
  Lane& lane_;
  const Event& event_;
  const StageStamps* const stages_;
  const size_t following_;
  std::shared_ptr<Deferred> deferred_;
};

Subscriber::Subscriber(SubscriberOptions options, std::weak_ptr<Executor> executor, const Clock& clock,
                       Timers& timers)
    : options_(std::move(options)),
      batch_max_(BatchMax(options_)),
      executor_(std::move(executor)),
      clock_(clock),
      timers_(timers),
      stage_clock_(clock, 0, options_.stage_hooks),
      queue_({.capacity = options_.spec.capacity,
              .full_policy = options_.spec.full_policy,
              .order = options_.spec.order}),
      paused_(options_.spec.paused),
      resting_lanes_(options_.spec.concurrency) {
  for (uint32_t i = 0; i < options_.spec.concurrency; ++i) {
    Lane& lane = lanes_.emplace_back();
    lane.owner = this;
    lane.index = i;
  }
}

Subscriber::~Subscriber() = default;

// ---- The publishers' side.

// Reading the clock is worth its price only for the rare event that is to be held.
TimePoint Subscriber::NowFor(const delivery::Parcel& parcel) const {
  return parcel.header().not_before == TimePoint{} ? TimePoint{} : clock_.Now();
}

Admission Subscriber::Offer(ParcelPtr&& parcel) {
  const TimePoint now = NowFor(*parcel);
  delivery::OfferResult result;
  Outcome outcome = Outcome::kDelivered;
  Lane* lane;
  {
    MutexLock lock(mutex_);
    if (queue_.full()) MakeRoom(TimePoint{});
    if (!waiters_.empty()) return Admission::kFull;
    result = queue_.Offer(std::move(parcel), now);
    if (result.admission == Admission::kFull) {
      parcel = std::move(result.evicted);
      return Admission::kFull;
    }
    ++books_.routed;
    if (result.evicted != nullptr) {
      outcome = result.admission == Admission::kClosed ? end_outcome_ : OutcomeOf(result.admission);
      ++books_.of(outcome);
    }
    lane = LaneToStart();
    if (now != TimePoint{}) ArmHeldTimer();
  }
  ScheduleLane(lane);
  if (result.evicted != nullptr) Tell(*result.evicted, outcome);
  return result.admission;
}

bool Subscriber::Reserve() {
  MutexLock lock(mutex_);
  if (queue_.full()) MakeRoom(TimePoint{});
  return queue_.closed() || (waiters_.empty() && queue_.Reserve());
}

void Subscriber::CancelReservation() {
  MutexLock lock(mutex_);
  if (queue_.closed()) return;
  queue_.CancelReservation();
  MakeRoom(TimePoint{});
}

void Subscriber::OfferReserved(ParcelPtr parcel) {
  const TimePoint now = NowFor(*parcel);
  ParcelPtr late;
  Outcome outcome;
  Lane* lane;
  {
    MutexLock lock(mutex_);
    ++books_.routed;
    outcome = end_outcome_;
    if (queue_.closed()) {
      ++books_.of(outcome);
      late = std::move(parcel);
    } else {
      queue_.OfferReserved(std::move(parcel), now);
    }
    lane = LaneToStart();
    if (now != TimePoint{}) ArmHeldTimer();
  }
  ScheduleLane(lane);
  if (late != nullptr) Tell(*late, outcome);
}

void Subscriber::Refuse(const delivery::Parcel& parcel, Outcome outcome) {
  {
    MutexLock lock(mutex_);
    ++books_.routed;
    ++books_.of(outcome);
  }
  Tell(parcel, outcome);
}

bool Subscriber::AwaitPlace(TimePoint deadline) {
  if (Reserve()) return true;
  Waiter self;
  self.since = clock_.Now();
  if (self.since >= deadline) return false;
  TimerId timer;
  {
    MutexLock lock(mutex_);
    if (queue_.closed()) return true;
    self.ticket = ++last_ticket_;
    waiters_.push_back(&self);
    attention_.fetch_add(kOneWaiter);
    MakeRoom(self.since);
    if (self.granted) return true;
    timer = timers_.Schedule(deadline, [weak = weak_from_this(), ticket = self.ticket] {
      if (const auto subscriber = weak.lock()) subscriber->GiveUpWaiting(ticket);
    });
    while (!self.granted && !self.late) self.changed.Wait(mutex_);
  }
  timers_.Cancel(timer);
  return self.granted;
}

void Subscriber::GiveUpWaiting(uint64_t ticket) {
  MutexLock lock(mutex_);
  const auto waiter =
      std::find_if(waiters_.begin(), waiters_.end(), [&](const Waiter* w) { return w->ticket == ticket; });
  if (waiter == waiters_.end()) return;
  (*waiter)->granted = queue_.Reserve();
  (*waiter)->late = true;
  (*waiter)->changed.NotifyOne();
  waiters_.erase(waiter);
  attention_.fetch_sub(kOneWaiter);
}

// Notices what a lane has handed out meanwhile, and gives places to those who waited longest.
void Subscriber::MakeRoom(TimePoint now) {
  if (batch_max_ > 1) Fold(lanes_.front());
  if (waiters_.empty()) return;
  const size_t free = options_.spec.capacity - std::min(options_.spec.capacity, queue_.occupancy());
  const bool more_will_be_free = !paused_ && queue_.ready() + queue_.out() > 0;
  if (free * kWakeShare < options_.spec.capacity && more_will_be_free &&
      now - waiters_.front()->since < kPatience) {
    return;
  }
  while (!waiters_.empty() && queue_.Reserve()) {
    waiters_.front()->granted = true;
    waiters_.front()->changed.NotifyOne();
    waiters_.pop_front();
    attention_.fetch_sub(kOneWaiter);
  }
}

// ---- Lanes.

// To be scheduled once the lock is released: a thread woken under it would only wait for it. Null: none is
// needed.
Subscriber::Lane* Subscriber::LaneToStart() {
  if (batched()) ArmBatchTimer();
  if (resting_lanes_ == 0 || queue_.ready() == 0) return nullptr;
  if ((paused_ || batched()) && !MayHand()) return nullptr;
  const auto lane = std::find_if(lanes_.begin(), lanes_.end(), [](const Lane& l) { return !l.active; });
  lane->active = true;
  --resting_lanes_;
  return &*lane;
}

void Subscriber::ScheduleLane(Lane* lane) {
  if (lane == nullptr) return;
  if (const auto executor = executor_.lock())
    executor->Schedule(std::shared_ptr<Task>(shared_from_this(), lane));
}

void Subscriber::ArmHeldTimer() {
  const auto due = queue_.NextHeld();
  if (!due.has_value() || *due >= held_timer_due_) return;
  held_timer_due_ = *due;
  timers_.Schedule(*due, [weak = weak_from_this(), due = *due] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    Lane* lane = nullptr;
    {
      MutexLock lock(self->mutex_);
      if (self->held_timer_due_ == due) self->held_timer_due_ = TimePoint::max();
      if (self->queue_.closed()) return;
      self->queue_.ReleaseHeld(due);
      lane = self->LaneToStart();
      self->ArmHeldTimer();
    }
    self->ScheduleLane(lane);
  });
}

// What is ready is for a handler now.
bool Subscriber::MayHand() const {
  const bool enough = batch_due_ ? queue_.ready() > 0 : queue_.ready() >= options_.spec.batch.most;
  return enough && !paused_;
}

bool Subscriber::HasWork(TimePoint now) {
  if (!paused_ && !batched()) return queue_.HasWork(now);
  if (queue_.timed()) queue_.ReleaseHeld(now);
  return MayHand();
}

// Its first event is there: the batch is due after the interval, unless it is taken before.
void Subscriber::ArmBatchTimer() {
  if (paused_ || batch_timer_set_ || batch_due_ || queue_.ready() == 0) return;
  batch_timer_set_ = true;
  timers_.Schedule(After(clock_.Now(), options_.spec.batch.interval),
                   [weak = weak_from_this(), batch = batches_] {
                     if (const auto self = weak.lock()) self->OnBatchDue(batch);
                   });
}

void Subscriber::OnBatchDue(uint64_t batch) {
  Lane* lane;
  {
    MutexLock lock(mutex_);
    if (queue_.closed() || batch != batches_) return;
    batch_timer_set_ = false;
    batch_due_ = true;
    lane = LaneToStart();
  }
  ScheduleLane(lane);
}

void Subscriber::Pause() {
  MutexLock lock(mutex_);
  paused_ = true;
  MakeRoom(TimePoint{});
  AwaitRest();
}

void Subscriber::Resume() {
  Lane* lane;
  {
    MutexLock lock(mutex_);
    paused_ = false;
    lane = LaneToStart();
  }
  ScheduleLane(lane);
}

bool Subscriber::RunLane(Lane& lane) {
  const Running running{this, running_here};
  running_here = &running;
  bool again = true;
  for (int i = 0; i < kBatchesPerTurn && again; ++i) again = TakeBatch(lane) && HandBatch(lane);
  if (again) {
    MutexLock lock(mutex_);
    Fold(lane);
    PauseLane(lane);
  }
  running_here = running.outer;
  return again;
}

bool Subscriber::TakeBatch(Lane& lane) {
  bool pass_on = false;
  bool taken = false;
  bool hook = false;
  Lane* another = nullptr;
  lane.batch.clear();
  lane.expired.clear();
  {
    MutexLock lock(mutex_);
    Fold(lane);
    const bool from_gate = std::exchange(lane.at_gate, false);
    const TimePoint now = queue_.timed() && !queue_.closed() ? clock_.Now() : TimePoint{};
    if (queue_.closed() || !HasWork(now)) {
      pass_on = from_gate;
      RestLane(lane);
      hook = EnterHook();
    } else if (EnterGate(lane)) {
      taken = true;
      if (!std::exchange(lane.running, true)) ++running_lanes_;
      const size_t count = queue_.Take(batch_max_, now, lane.batch, lane.expired);
      ++batches_;
      batch_timer_set_ = batch_due_ = false;
      if (batched()) ArmBatchTimer();
      in_hand_ += count;
      lane.batch_start = lane.folded_answered;
      books_.of(Outcome::kExpired) += lane.expired.size();
      if (batch_max_ == 1 && count == 1) {
        lane.progress.fetch_add(1);
        Fold(lane);
      }
      MakeRoom(now);
      another = LaneToStart();
    }
  }
  if (pass_on) options_.gate->WakeNext();
  ScheduleLane(another);
  if (hook) CallOnQuiet();
  if (!taken) return false;
  for (const ParcelPtr& parcel : lane.expired) Tell(*parcel, Outcome::kExpired);
  if (lane.batch.empty()) LeaveGate();
  return true;
}

bool Subscriber::EnterGate(Lane& lane) {
  if (options_.gate == nullptr) return true;
  const bool entered = options_.gate->Enter([weak = weak_from_this(), &lane] {
    const auto self = weak.lock();
    if (self != nullptr) self->ScheduleLane(&lane);
    return self != nullptr;
  });
  if (!entered) {
    lane.at_gate = true;  // stays active: offers do not start it, the gate will
    PauseLane(lane);
  }
  return entered;
}

void Subscriber::LeaveGate() {
  if (options_.gate != nullptr) options_.gate->Leave();
}

void Subscriber::RestLane(Lane& lane) {
  lane.active = false;
  ++resting_lanes_;
  MakeRoom(TimePoint{});
  ArmHeldTimer();
  PauseLane(lane);
}

void Subscriber::PauseLane(Lane& lane) {
  if (std::exchange(lane.running, false)) --running_lanes_;
  NoteProgress();
}

// Tells those who wait for the end, or for a pause.
void Subscriber::NoteProgress() {
  if (queue_.closed() || paused_) changed_.NotifyAll();
}

// Abandon waits for those who have entered, and nobody enters any more.
bool Subscriber::EnterHook() {
  if (!abandoned_) in_hook_.fetch_add(1);
  return !abandoned_;
}

void Subscriber::CallOnQuiet() {
  OnQuiet();
  if (in_hook_.fetch_sub(1) != 1 || (attention_.load() & kEnded) == 0) return;
  MutexLock lock(mutex_);
  changed_.NotifyAll();
}

bool Subscriber::QuietLocked() {
  if (late_lanes_ > 0) {
    for (Lane& lane : lanes_) Fold(lane);
  }
  return queue_.held() + queue_.ready() + in_hand_ + deferred_.size() + failing_ == 0 && telling_ == 0 &&
         running_lanes_ == late_lanes_;
}

bool Subscriber::Quiet() {
  MutexLock lock(mutex_);
  return QuietLocked();
}

Books Subscriber::GetBooks() {
  MutexLock lock(mutex_);
  for (Lane& lane : lanes_) Fold(lane);
  Books books = books_;
  books.in_flight = queue_.held() + queue_.ready() + in_hand_ + deferred_.size() + failing_;
  return books;
}

void Subscriber::Fold(Lane& lane) {
  const uint64_t progress = lane.progress.load();
  const uint64_t handed = (progress + 1) / 2;
  const uint64_t answered = progress / 2;
  queue_.Handed(handed - lane.folded_handed);
  lane.folded_handed = handed;
  const uint64_t newly_answered = answered - lane.folded_answered;
  lane.folded_answered = answered;
  in_hand_ -= newly_answered;
  books_.of(Outcome::kDelivered) += newly_answered - std::exchange(lane.unusual, 0);
}

// ---- One event.

// False: the lane has been abandoned in a handler.
bool Subscriber::HandBatch(Lane& lane) {
  for (size_t i = 0; i < lane.batch.size(); ++i) {
    if (i + 2 < lane.batch.size()) delivery::Prefetch(*lane.batch[i + 2]);
    if (Hand(lane, i)) {
      lane.batch[i].reset();
      continue;
    }
    MutexLock lock(mutex_);
    lane.batch.clear();
    return false;
  }
  return true;
}

bool Subscriber::Hand(Lane& lane, size_t index) {
  const ParcelPtr& parcel = lane.batch[index];
  const bool expired = ExpiredInHand(*parcel);
  const Event* const event = expired ? nullptr : Prepare(*parcel, lane.index);
  if (batch_max_ > 1) lane.progress.store(lane.progress.load(std::memory_order_relaxed) + 1);
  if (attention_.load() != 0) {
    if (const auto ended = Attend()) return SettleHanded(lane, *parcel, *ended);
  }
  if (expired) return SettleHanded(lane, *parcel, Outcome::kExpired);
  if (event == nullptr) return SettleHanded(lane, *parcel, Outcome::kDroppedCorrupt);
  OnHanded(*parcel);
  if (options_.spec.delivery_timeout > Duration::zero()) StartTimeout(lane);
  const StageStamps* const stages = StagesAtHandler(lane, *parcel);
  Handing handing(*this, lane, *event, stages, batched() ? lane.batch.size() - 1 - index : 0);
  return Finish(lane, parcel, CallHandler(handing), handing.deferred());
}

// A copy of the lane's own: other subscriptions may share the parcel.
const StageStamps* Subscriber::StagesAtHandler(Lane& lane, const delivery::Parcel& parcel) const {
  StageStamps* stages = nullptr;
  if (parcel.stages() != nullptr) [[unlikely]] {
    lane.stages = *parcel.stages();
    stages = &lane.stages;
  }
  stage_clock_.Reach(StageMark::kHandled, stages);
  return stages;
}

// What was alive when the lane took it can expire in its hands. (Not in a batch that the handler counts on.)
bool Subscriber::ExpiredInHand(const delivery::Parcel& parcel) const {
  return batch_max_ > 1 && !batched() && parcel.header().time_to_live > Duration::zero() &&
         parcel.header().ExpiredAt(clock_.Now());
}

// What becomes of the event when the subscription has ended.
std::optional<Outcome> Subscriber::Attend() {
  MutexLock lock(mutex_);
  if (queue_.closed()) return end_outcome_;
  MakeRoom(clock_.Now());
  return std::nullopt;
}

Verdict Subscriber::CallHandler(Handing& handing) const {
  try {
    return options_.handler(handing);
  } catch (...) {
    return Verdict::kReject;  // R21
  }
}

bool Subscriber::Finish(Lane& lane, const ParcelPtr& parcel, Verdict verdict,
                        const std::shared_ptr<Deferred>& deferred) {
  TimePoint due = TimePoint::max();
  if (options_.spec.delivery_timeout > Duration::zero()) {
    if (const auto late = EndTimeout(lane, deferred, &due)) return *late;
  }
  Outcome outcome = OutcomeOf(verdict, options_.spec.retry.has_value());
  if (deferred != nullptr) {
    MutexLock lock(mutex_);
    if (verdict == Verdict::kDeferred && !deferred->answered && !queue_.closed()) {
      uint64_t handing = lane.progress.load(std::memory_order_relaxed);
      if (!lane.progress.compare_exchange_strong(handing, handing + 1)) return false;
      ++lane.unusual;
      deferred->parcel = parcel;
      deferred_.insert(deferred);
      if (due != TimePoint::max()) StartTimeout(deferred, due);
      return true;
    }
    if (verdict == Verdict::kDeferred) {
      outcome =
          deferred->answered ? OutcomeOf(deferred->verdict, options_.spec.retry.has_value()) : end_outcome_;
    }
    deferred->answered = true;  // an answer that comes now comes too late
  }
  return SettleHanded(lane, *parcel, outcome);
}

// False: Abandon has settled it already.
bool Subscriber::SettleHanded(Lane& lane, const delivery::Parcel& parcel, Outcome outcome) {
  uint64_t handing = lane.progress.load(std::memory_order_relaxed) | 1;
  if (outcome == Outcome::kDelivered) {
    if (!lane.progress.compare_exchange_strong(handing, handing + 1)) return false;
  } else {
    MutexLock lock(mutex_);
    if (!lane.progress.compare_exchange_strong(handing, handing + 1)) return false;
    ++lane.unusual;
    Book(outcome);
  }
  Settle(parcel, outcome);
  LeaveGate();
  return true;
}

bool Subscriber::Fails(Outcome outcome) const {
  return options_.spec.retry.has_value() &&
         (outcome == Outcome::kDeadLettered || outcome == Outcome::kTimedOut);
}

// An event has got this outcome; one that has failed is in flight until Settle has decided.
void Subscriber::Book(Outcome outcome) {
  if (Fails(outcome)) {
    ++failing_;
  } else {
    ++books_.of(outcome);
  }
}

// After Book: tells of the outcome, or finds out what becomes of an event that has failed.
void Subscriber::Settle(const delivery::Parcel& parcel, Outcome outcome) {
  if (!Fails(outcome)) return Tell(parcel, outcome);
  Retry retry = OnFailure(parcel, outcome == Outcome::kTimedOut ? outcome : Outcome::kRejected);
  {
    MutexLock lock(mutex_);
    --failing_;
    if (retry.parcel != nullptr && !queue_.closed()) {
      queue_.Hold(std::move(retry.parcel), retry.due);
      return ArmHeldTimer();
    }
    outcome = retry.parcel != nullptr ? end_outcome_ : retry.outcome;
    ++books_.of(outcome);
  }
  Tell(parcel, outcome);
}

void Subscriber::Tell(const delivery::Parcel& parcel, Outcome outcome) {
  if (outcome != Outcome::kDelivered || report_delivered_) OnOutcome(parcel, outcome);
}

void Subscriber::Answer(const std::shared_ptr<Deferred>& deferred, Verdict verdict) {
  const Outcome outcome = OutcomeOf(verdict, options_.spec.retry.has_value());
  ParcelPtr parcel;
  {
    MutexLock lock(mutex_);
    if (std::exchange(deferred->answered, true)) return;
    deferred->verdict = verdict;
    if (deferred->parcel == nullptr) {  // its handler has not returned yet, and is in time
      deferred->lane->due = TimePoint::max();
      return;
    }
    parcel = std::move(deferred->parcel);
    deferred_.erase(deferred);
    timeouts_.erase(deferred->timeout);
    Book(outcome);
    ++telling_;
  }
  Settle(*parcel, outcome);
  LeaveGate();
  FinishTelling();
}

// ---- Timeouts.

void Subscriber::StartTimeout(Lane& lane) {
  MutexLock lock(mutex_);
  lane.due = After(clock_.Now(), options_.spec.delivery_timeout);
  ArmTimeout(lane.due);
}

void Subscriber::StartTimeout(const std::shared_ptr<Deferred>& deferred, TimePoint due) {
  deferred->timeout = {due, ++last_timeout_};
  timeouts_.emplace(deferred->timeout, deferred);
  ArmTimeout(due);
}

// The handler has returned, and `due` is when its event's time is over. What Finish answers where that was
// before.
std::optional<bool> Subscriber::EndTimeout(Lane& lane, const std::shared_ptr<Deferred>& deferred,
                                           TimePoint* due) {
  bool abandoned;
  {
    MutexLock lock(mutex_);
    *due = std::exchange(lane.due, TimePoint::max());
    if (!std::exchange(lane.late, false)) return std::nullopt;
    if (deferred != nullptr) deferred->answered = true;
    abandoned = lane.abandoned;
    if (!abandoned) --late_lanes_;
  }
  LeaveGate();  // it was in hand until now
  return !abandoned;
}

void Subscriber::ArmTimeout(TimePoint due) {
  if (due >= timeout_timer_due_) return;
  timeout_timer_due_ = due;
  timers_.Schedule(due, [weak = weak_from_this(), due] {
    if (const auto self = weak.lock()) self->OnTimeout(due);
  });
}

void Subscriber::OnTimeout(TimePoint due) {
  std::vector<ParcelPtr> late;
  size_t in_gate = 0;
  {
    MutexLock lock(mutex_);
    if (timeout_timer_due_ == due) timeout_timer_due_ = TimePoint::max();
    if (queue_.closed()) return;
    TimePoint next = TimePoint::max();
    for (Lane& lane : lanes_) {
      if (lane.due <= due) {
        if (ParcelPtr parcel = TimeOutLane(lane)) late.push_back(std::move(parcel));
      }
      next = std::min(next, lane.due);
    }
    for (auto it = timeouts_.begin(); it != timeouts_.end() && it->first.first <= due;
         it = timeouts_.erase(it)) {
      const std::shared_ptr<Deferred> deferred = it->second;
      deferred->answered = true;
      late.push_back(std::move(deferred->parcel));
      deferred_.erase(deferred);
      ++in_gate;
    }
    if (!timeouts_.empty()) next = std::min(next, timeouts_.begin()->first.first);
    if (next != TimePoint::max()) ArmTimeout(next);
    for (size_t i = 0; i < late.size(); ++i) Book(Outcome::kTimedOut);
    ++telling_;
  }
  for (const ParcelPtr& parcel : late) Settle(*parcel, Outcome::kTimedOut);
  for (size_t i = 0; i < in_gate; ++i) LeaveGate();
  FinishTelling();
}

// The event with the lane's handler; null: it is just being answered.
ParcelPtr Subscriber::TimeOutLane(Lane& lane) {
  lane.due = TimePoint::max();
  uint64_t progress = lane.progress.load();
  if (progress % 2 == 0 || !lane.progress.compare_exchange_strong(progress, progress + 1)) return nullptr;
  ++lane.unusual;
  lane.late = true;
  ++late_lanes_;
  return lane.batch[progress / 2 - lane.batch_start];
}

void Subscriber::FinishTelling() {
  bool hook;
  {
    MutexLock lock(mutex_);
    --telling_;
    NoteProgress();
    hook = EnterHook();
  }
  if (hook) CallOnQuiet();
}

// ---- The end.

void Subscriber::End(Outcome outcome) {
  std::vector<ParcelPtr> rest;
  size_t in_gate;
  {
    MutexLock lock(mutex_);
    if (queue_.closed()) return;
    end_outcome_ = outcome;
    queue_.Close(rest);
    in_gate = deferred_.size();
    for (const auto& deferred : deferred_) {
      deferred->answered = true;
      rest.push_back(std::move(deferred->parcel));
    }
    deferred_.clear();
    timeouts_.clear();
    for (Waiter* waiter : waiters_) {
      waiter->granted = true;
      waiter->changed.NotifyOne();
    }
    waiters_.clear();
    attention_.store(kEnded);
    books_.of(outcome) += rest.size();
    ++telling_;
  }
  TellOfRest(rest, in_gate);
}

void Subscriber::TellOfRest(const std::vector<ParcelPtr>& rest, size_t in_gate) {
  Outcome outcome;
  {
    MutexLock lock(mutex_);
    outcome = end_outcome_;
  }
  for (const ParcelPtr& parcel : rest) Tell(*parcel, outcome);
  for (size_t i = 0; i < in_gate; ++i) LeaveGate();
  FinishTelling();
}

void Subscriber::AwaitHandlers() {
  MutexLock lock(mutex_);
  AwaitRest();
}

void Subscriber::AwaitRest() {
  if (IsRunningHere(this)) return;
  while (running_lanes_ > 0) changed_.Wait(mutex_);
}

void Subscriber::Abandon() {
  std::vector<ParcelPtr> rest;
  {
    MutexLock lock(mutex_);
    for (Lane& lane : lanes_) {
      // Outside a handler it rests soon, since it sees that the subscription has ended.
      while (lane.running && !AbandonLane(lane, rest)) changed_.Wait(mutex_);
    }
    ++telling_;
  }
  TellOfRest(rest, rest.size());
  MutexLock lock(mutex_);
  abandoned_ = true;
  while (telling_ > 0 || in_hook_.load() > 0) changed_.Wait(mutex_);
}

// False: no handler runs there.
bool Subscriber::AbandonLane(Lane& lane, std::vector<ParcelPtr>& rest) {
  uint64_t progress = lane.progress.load();
  if (!lane.late && (progress % 2 == 0 || !lane.progress.compare_exchange_strong(progress, progress + 1))) {
    return false;
  }
  lane.abandoned = true;
  if (lane.late) --late_lanes_;
  const size_t current = progress / 2 - lane.batch_start;  // the first that is not answered
  const size_t count = lane.batch.size() - current;
  for (size_t i = current; i < lane.batch.size(); ++i) {
    const bool is_read = i == current && !lane.late;  // by the handler
    rest.push_back(is_read ? lane.batch[i] : std::move(lane.batch[i]));
  }
  lane.progress.store(2 * (progress / 2 + count));
  lane.unusual += count;
  books_.of(end_outcome_) += count;
  Fold(lane);
  lane.running = false;
  --running_lanes_;
  return true;
}

}  // namespace routebench::dispatch
