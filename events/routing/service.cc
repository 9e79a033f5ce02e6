#include "events/routing/service.h"

namespace routebench::routing {

bool Service::Admit(const EventId& event, TimePoint now) {
  const std::optional<CircuitBreaker::Permit> permit = breaker->Admit(now);
  if (!permit.has_value()) return false;
  if (permit->probe) {
    MutexLock lock(mutex_);
    probe_ = Probe{event, *permit};
  }
  return true;
}

CircuitBreaker::Permit Service::TakePermit(const EventId& event) {
  MutexLock lock(mutex_);
  if (!probe_.has_value() || probe_->event != event) return breaker->Current();
  const CircuitBreaker::Permit permit = probe_->permit;
  probe_.reset();
  return permit;
}

void Service::Settle(const EventId& event, Outcome outcome, TimePoint now) {
  switch (outcome) {
    case Outcome::kBreakerOpen:  // it was not admitted
      return;
    case Outcome::kDelivered:
      return breaker->Succeeded(TakePermit(event), now);
    case Outcome::kRejected:
    case Outcome::kTimedOut:
    case Outcome::kDeadLettered:
    case Outcome::kDroppedCorrupt:
    case Outcome::kLostWithPeer:
      return breaker->Failed(TakePermit(event), now);
    default:
      return breaker->Abandoned(TakePermit(event));
  }
}

void Service::Fail(const EventId& event, TimePoint now) { breaker->Failed(TakePermit(event), now); }

}  // namespace routebench::routing
