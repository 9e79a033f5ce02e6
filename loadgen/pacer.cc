#include "loadgen/pacer.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "loadgen/run_queue.h"

namespace routebench::loadgen {
namespace {

using std::chrono::microseconds;

constexpr Duration kLongestSleep = std::chrono::milliseconds(50);  // bounds how late `stop` is noticed
constexpr Duration kLongestSpin = microseconds(10);                // less than a sleep costs
constexpr Duration kShortestSleep = microseconds(1);
constexpr Duration kInTime = microseconds(20);

// How much too late sleeps end: their lower quartile, followed in small steps. What ends earlier than it is
// early, and is waited out; the quartile is small enough for that to be short.
class WakeUpLatency {
 public:
  Duration value() const { return value_; }
  void Learn(Duration latency) {
    value_ = latency > value_ ? std::min(value_ + kStep, kMost) : std::max(value_ - 3 * kStep, Duration());
  }

 private:
  static constexpr Duration kStep = std::chrono::nanoseconds(500);
  static constexpr Duration kMost = microseconds(200);
  Duration value_{};
};

// What both have in common: where the time of a late call went.
class AccountingPacer : public Pacer {
 public:
  Duration WaitUntil(TimePoint due, const std::atomic<bool>& stop) final {
    if (Clock::System().Now() >= due) return Duration::zero();
    const Duration before = queued_.Read();
    Wait(due, stop);
    return Clock::System().Now() - due > kInTime ? queued_.Read() - before : Duration::zero();
  }

 private:
  virtual void Wait(TimePoint due, const std::atomic<bool>& stop) = 0;
  const RunQueueDelay queued_;
};

class SleepingPacer final : public AccountingPacer {
 public:
  SleepingPacer() {
    prctl(PR_SET_TIMERSLACK, 1);  // nanoseconds; the default of 50 us would be added to every sleep
  }

 private:
  void Wait(TimePoint due, const std::atomic<bool>& stop) override {
    for (TimePoint now = Clock::System().Now(); now < due; now = Clock::System().Now()) {
      if (stop.load(std::memory_order_relaxed)) return;
      if (due - now <= kLongestSpin) continue;
      SleepUntil(std::clamp(due - latency_.value(), now + kShortestSleep, now + kLongestSleep));
    }
  }

  void SleepUntil(TimePoint end) {
    const int64_t nanos = ToNanos(end);
    const timespec time{.tv_sec = nanos / 1'000'000'000, .tv_nsec = nanos % 1'000'000'000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
    latency_.Learn(Clock::System().Now() - end);
  }

  WakeUpLatency latency_;
};

class SpinningPacer final : public AccountingPacer {
  void Wait(TimePoint due, const std::atomic<bool>& stop) override {
    while (Clock::System().Now() < due) {
      if (stop.load(std::memory_order_relaxed)) return;
    }
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Pacer>> MakePacer(const std::string& name) {
  if (name == "sleep") return std::make_unique<SleepingPacer>();
  if (name == "spin") return std::make_unique<SpinningPacer>();
  return absl::InvalidArgumentError(absl::StrCat("--pacer is sleep or spin, not \"", name, "\""));
}

}  // namespace routebench::loadgen
