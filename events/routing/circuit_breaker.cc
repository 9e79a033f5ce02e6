#include "events/routing/circuit_breaker.h"

namespace routebench::routing {

using State = CircuitBreaker::State;

CircuitBreaker::CircuitBreaker(const CircuitBreakerOptions& options) : options_(options) {}

bool CircuitBreaker::WouldAdmit(TimePoint now) const {
  const uint64_t word = word_.load(std::memory_order_acquire);
  switch (static_cast<State>(word & kStateMask)) {
    case State::kClosed:
      return true;
    case State::kOpen:
      return ToNanos(now) >= open_until_.load(std::memory_order_acquire);
    case State::kHalfOpen:
      break;
  }
  return (word & kProbing) == 0;
}

std::optional<CircuitBreaker::Permit> CircuitBreaker::Admit(TimePoint now) {
  const uint64_t word = word_.load(std::memory_order_acquire);
  if (static_cast<State>(word & kStateMask) == State::kClosed) return Permit{word >> 3};
  if (!WouldAdmit(now)) return std::nullopt;
  MutexLock lock(mutex_);
  if (!WouldAdmit(now)) return std::nullopt;  // another probe was faster
  if (state() == State::kOpen) probes_in_a_row_ = 0;
  if (state() != State::kClosed) Become(State::kHalfOpen, true);
  return Permit{word_.load(std::memory_order_relaxed) >> 3, state() != State::kClosed};
}

CircuitBreaker::Permit CircuitBreaker::Current() const {
  const uint64_t word = word_.load(std::memory_order_acquire);
  return Permit{static_cast<State>(word & kStateMask) == State::kClosed ? word >> 3 : UINT64_MAX};
}

void CircuitBreaker::Answered(Permit permit, bool success, TimePoint now) {
  MutexLock lock(mutex_);
  if (permit.generation != word_.load(std::memory_order_relaxed) >> 3) return;
  if (state() == State::kClosed) {
    Count(success, now);
    if (!success && MustOpen(now)) Open(now);
  } else if (!success) {
    Open(now);
  } else if (++probes_in_a_row_ < options_.successes_to_close) {
    Become(State::kHalfOpen, false);
  } else {
    buckets_.fill({});
    failures_in_a_row_ = 0;
    Become(State::kClosed, false);
  }
}

void CircuitBreaker::Abandoned(Permit permit) {
  MutexLock lock(mutex_);
  if (permit.generation != word_.load(std::memory_order_relaxed) >> 3) return;
  if (state() == State::kHalfOpen) Become(State::kHalfOpen, false);
}

void CircuitBreaker::Count(bool success, TimePoint now) {
  const int64_t number = ToNanos(now) / (options_.window.count() / static_cast<int64_t>(kBuckets));
  Bucket& bucket = buckets_[static_cast<size_t>(number) % kBuckets];
  if (bucket.number < number) bucket = {.number = number};
  ++bucket.answers;
  if (!success) ++bucket.failures;
  failures_in_a_row_ = success ? 0 : failures_in_a_row_ + 1;
}

bool CircuitBreaker::MustOpen(TimePoint now) const {
  if (failures_in_a_row_ >= options_.consecutive_failures) return true;
  const int64_t number = ToNanos(now) / (options_.window.count() / static_cast<int64_t>(kBuckets));
  uint64_t answers = 0;
  uint64_t failures = 0;
  for (const Bucket& bucket : buckets_) {
    if (bucket.number <= number - static_cast<int64_t>(kBuckets)) continue;
    answers += bucket.answers;
    failures += bucket.failures;
  }
  return answers >= options_.minimum_requests &&
         static_cast<double>(failures) >= options_.error_rate * static_cast<double>(answers);
}

void CircuitBreaker::Become(State state, bool probing) {
  const uint64_t generation = (word_.load(std::memory_order_relaxed) >> 3) + 1;
  word_.store(generation << 3 | (probing ? kProbing : 0) | static_cast<uint64_t>(state),
              std::memory_order_release);
}

void CircuitBreaker::Open(TimePoint now) {
  open_until_.store(ToNanos(After(now, options_.open_timeout)), std::memory_order_release);
  openings_.fetch_add(1, std::memory_order_relaxed);
  Become(State::kOpen, false);
}

}  // namespace routebench::routing
