#include "events/routing/circuit_breaker.h"

namespace routebench::routing {

using State = CircuitBreaker::State;

CircuitBreakerOptions CircuitBreakerOptions::Lenient() {
  return {.consecutive_failures = 10,
          .minimum_requests = 50,
          .error_rate = 0.75,
          .window = std::chrono::seconds(30),
          .open_timeout = std::chrono::seconds(2),
          .successes_to_close = 1};
}

CircuitBreakerOptions CircuitBreakerOptions::Strict() {
  return {.consecutive_failures = 3,
          .minimum_requests = 10,
          .error_rate = 0.25,
          .window = std::chrono::seconds(10),
          .open_timeout = std::chrono::seconds(15),
          .successes_to_close = 5};
}

absl::Status Validate(const CircuitBreakerOptions& options) {
  if (options.consecutive_failures == 0 || options.minimum_requests == 0 || options.successes_to_close == 0) {
    return absl::InvalidArgumentError("a circuit breaker's counts are at least 1");
  }
  if (!(options.error_rate > 0 && options.error_rate <= 1)) {
    return absl::InvalidArgumentError("a circuit breaker's error rate is above 0 and at most 1");
  }
  if (options.window < Duration(CircuitBreaker::kBuckets) || options.open_timeout <= Duration::zero()) {
    return absl::InvalidArgumentError("a circuit breaker's window and open timeout are positive");
  }
  return absl::OkStatus();
}

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
  return Permit{word_.load(std::memory_order_relaxed) >> 3};
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
