#include "daemon/client/returning_subscription.h"

#include <utility>
#include <vector>

namespace routebench::daemon {
namespace {

thread_local const ReturningSubscription* running_here = nullptr;

void Settle(Acknowledger& acknowledger, Verdict verdict) {
  if (verdict == Verdict::kAck) {
    acknowledger.Acknowledge();
  } else if (verdict == Verdict::kRetry) {
    acknowledger.Retry();
  } else {
    acknowledger.Reject();
  }
}

}  // namespace

// Hands the event on; a deferred answer passes through the subscription.
class ReturningSubscription::Handing final : public Delivery {
 public:
  Handing(std::shared_ptr<ReturningSubscription> subscription, Delivery& delivery)
      : subscription_(std::move(subscription)), delivery_(delivery) {}

  const Event& event() const override { return delivery_.event(); }
  size_t following() const override { return delivery_.following(); }
  const StageStamps* stages() const override { return delivery_.stages(); }

  Acknowledger Defer() override {
    const EventHeader& header = event().header;
    return Acknowledger([subscription = subscription_, id = header.id, attempt = header.attempt,
                         inner = delivery_.Defer()](Verdict verdict) mutable {
      subscription->Answer(id, attempt, verdict);
      Settle(inner, verdict);
    });
  }

 private:
  const std::shared_ptr<ReturningSubscription> subscription_;
  Delivery& delivery_;
};

ReturningSubscription::ReturningSubscription(SubscriptionSpec spec, Handler handler, size_t window,
                                             std::function<void()> on_idle,
                                             std::function<void()> on_redelivery)
    : spec_(std::move(spec)),
      handler_(std::move(handler)),
      on_idle_(std::move(on_idle)),
      on_redelivery_(std::move(on_redelivery)),
      seen_(window) {}

bool ReturningSubscription::StartConnection(uint64_t connection) {
  MutexLock lock(mutex_);
  if (ended_ || running_ > 0) return false;
  connection_ = connection;
  return true;
}

void ReturningSubscription::EndConnection() {
  MutexLock lock(mutex_);
  connection_ = 0;
}

Handler ReturningSubscription::HandlerFor(uint64_t connection) {
  return [self = shared_from_this(), connection](Delivery& delivery) {
    return self->Hand(connection, delivery);
  };
}

Verdict ReturningSubscription::Hand(uint64_t connection, Delivery& delivery) {
  const EventHeader& header = delivery.event().header;
  const bool remembered = spec_.guarantee == Guarantee::kAtLeastOnce && !header.id.is_none();
  auto seen = Redeliveries::Seen::kNever;
  Verdict verdict = Verdict::kReject;
  {
    MutexLock lock(mutex_);
    // Nobody reads what is answered on a connection that has ended.
    if (ended_ || connection_ != connection) return Verdict::kReject;
    if (remembered) seen = seen_.Begin(header.id, header.attempt, &verdict);
    if (seen == Redeliveries::Seen::kNever) ++running_;
    if (seen == Redeliveries::Seen::kInHand) {
      seen_.AnswerToo(header.id, delivery.Defer());
      verdict = Verdict::kDeferred;
    }
  }
  if (seen != Redeliveries::Seen::kNever) {
    on_redelivery_();
    return verdict;
  }
  verdict = Call(delivery);
  if (remembered && verdict != Verdict::kDeferred) Answer(header.id, header.attempt, verdict);
  bool idle;
  {
    MutexLock lock(mutex_);
    --running_;
    idle = running_ == 0 && connection_ != connection;
    rested_.NotifyAll();
  }
  if (idle) on_idle_();
  return verdict;
}

Verdict ReturningSubscription::Call(Delivery& delivery) {
  const ReturningSubscription* const outer = std::exchange(running_here, this);
  Verdict verdict = Verdict::kReject;
  try {
    if (spec_.guarantee == Guarantee::kAtLeastOnce) {
      Handing handing(shared_from_this(), delivery);
      verdict = handler_(handing);
    } else {
      verdict = handler_(delivery);
    }
  } catch (...) {
    verdict = Verdict::kReject;  // R21
  }
  running_here = outer;
  return verdict;
}

void ReturningSubscription::Answer(const EventId& id, uint8_t attempt, Verdict verdict) {
  std::vector<Acknowledger> waiting;
  {
    MutexLock lock(mutex_);
    waiting = seen_.Answer(id, attempt, verdict);
  }
  for (Acknowledger& acknowledger : waiting) Settle(acknowledger, verdict);
}

void ReturningSubscription::End() {
  MutexLock lock(mutex_);
  ended_ = true;
}

void ReturningSubscription::AwaitHandlers() {
  if (running_here == this) return;
  MutexLock lock(mutex_);
  while (running_ > 0) rested_.Wait(mutex_);
}

}  // namespace routebench::daemon
