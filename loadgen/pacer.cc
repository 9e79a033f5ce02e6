#include "loadgen/pacer.h"

#include <sys/prctl.h>
#include <time.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kLongestSleep = std::chrono::milliseconds(50);  // bounds how late `stop` is noticed

class SleepingPacer final : public Pacer {
 public:
  SleepingPacer() {
    prctl(PR_SET_TIMERSLACK, 1);  // nanoseconds; the default of 50 us would be added to every sleep
  }

  void WaitUntil(TimePoint due, const std::atomic<bool>& stop) override {
    for (TimePoint now = Clock::System().Now(); now < due; now = Clock::System().Now()) {
      if (stop.load(std::memory_order_relaxed)) return;
      const int64_t until = ToNanos(std::min(due, now + kLongestSleep));
      const timespec time{.tv_sec = until / 1'000'000'000, .tv_nsec = until % 1'000'000'000};
      clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
    }
  }
};

class SpinningPacer final : public Pacer {
 public:
  void WaitUntil(TimePoint due, const std::atomic<bool>& stop) override {
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
