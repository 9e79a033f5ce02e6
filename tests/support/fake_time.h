// Time that stands still until a test moves it: a Clock and the Timers that go with it.
#ifndef ROUTEBENCH_TESTS_SUPPORT_FAKE_TIME_H_
#define ROUTEBENCH_TESTS_SUPPORT_FAKE_TIME_H_

#include <map>
#include <utility>

#include "events/clock.h"
#include "events/mutex.h"

namespace routebench::testing {

// Thread-safe. Callbacks run inside Advance, on its thread, in the order of their due times, each seeing the
// clock at its own due time; callbacks that they schedule within the advance run in the same advance. A due
// time in the past runs at the next Advance, also one of zero.
class FakeTime final : public Clock, public Timers {
 public:
  explicit FakeTime(TimePoint start = FromNanos(1'000'000'000'000)) : now_(start) {}

  TimePoint Now() const override {
    MutexLock lock(mutex_);
    return now_;
  }

  // Since the beginning of the epoch as much as Now has come: 00:16:40 at first.
  std::chrono::system_clock::time_point WallTime() const override {
    return std::chrono::system_clock::time_point(Now().time_since_epoch());
  }

  TimerId Schedule(TimePoint due, absl::AnyInvocable<void()> callback) override {
    MutexLock lock(mutex_);
    const TimerId id = ++last_id_;
    timers_.emplace(std::pair(due, id), std::move(callback));
    return id;
  }

  bool Cancel(TimerId id) override {
    MutexLock lock(mutex_);
    for (auto it = timers_.begin(); it != timers_.end(); ++it) {
      if (it->first.second != id) continue;
      timers_.erase(it);
      return true;
    }
    return false;
  }

  void Advance(Duration by) {
    mutex_.Lock();
    const TimePoint end = now_ + by;
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      auto next = timers_.extract(timers_.begin());
      if (next.key().first > now_) now_ = next.key().first;
      mutex_.Unlock();
      next.mapped()();
      mutex_.Lock();
    }
    now_ = end;
    mutex_.Unlock();
  }

 private:
  mutable Mutex mutex_;
  TimePoint now_ ABSL_GUARDED_BY(mutex_);
  TimerId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::pair<TimePoint, TimerId>, absl::AnyInvocable<void()>> timers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_SUPPORT_FAKE_TIME_H_
