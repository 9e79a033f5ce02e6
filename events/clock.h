// Time and timers as every room sees them. Tests replace both with one fake (tests/support/fake_time.h).
#ifndef ROUTEBENCH_EVENTS_CLOCK_H_
#define ROUTEBENCH_EVENTS_CLOCK_H_

#include <chrono>
#include <cstdint>

#include "absl/functional/any_invocable.h"

namespace routebench {

// Nanoseconds of CLOCK_MONOTONIC: one kernel, one clock, so instants of different processes of one boot
// compare.
using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

constexpr TimePoint FromNanos(int64_t nanos) { return TimePoint(Duration(nanos)); }
constexpr int64_t ToNanos(TimePoint time) { return time.time_since_epoch().count(); }

// `time + duration`, or the end of time where that cannot be said.
constexpr TimePoint After(TimePoint time, Duration duration) {
  return duration > TimePoint::max() - time ? TimePoint::max() : time + duration;
}

// `to - from`, or the longest duration of its sign where that cannot be said: one of them may be a time that
// a peer made up.
constexpr Duration Elapsed(TimePoint from, TimePoint to) {
  int64_t nanos;
  if (!__builtin_sub_overflow(ToNanos(to), ToNanos(from), &nanos)) return Duration(nanos);
  return from < to ? Duration::max() : Duration::min();
}

// Thread-safe. Never blocks; Now never goes backwards.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint Now() const = 0;
  // The time of day and the date, which may be set, also backwards. For what is said in hours, nothing else.
  virtual std::chrono::system_clock::time_point WallTime() const { return std::chrono::system_clock::now(); }

  // CLOCK_MONOTONIC itself. Lives for ever.
  static const Clock& System();
};

using TimerId = uint64_t;

// Runs callbacks when their time has come. Thread-safe.
//
// A callback runs once, on a thread of the implementation's choosing, never inside Schedule or Cancel of the
// same thread, and never under a lock of the implementation; it must be short and must not block. Callbacks
// run in the order of their due times; a due time in the past means "as soon as possible".
class Timers {
 public:
  virtual ~Timers() = default;
  virtual TimerId Schedule(TimePoint due, absl::AnyInvocable<void()> callback) = 0;

  // True: the callback has not run and never will. False: it has run, is running, or never existed.
  virtual bool Cancel(TimerId id) = 0;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_CLOCK_H_
