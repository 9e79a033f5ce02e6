// Timers on the system's clock.
#ifndef ROUTEBENCH_EVENTS_DISPATCH_THREAD_TIMERS_H_
#define ROUTEBENCH_EVENTS_DISPATCH_THREAD_TIMERS_H_

#include <map>
#include <thread>
#include <utility>

#include "events/clock.h"
#include "events/mutex.h"

namespace routebench::dispatch {

// Runs callbacks on a thread of its own, which is started by the first Schedule. The destructor drops what
// has not run and waits for a callback that is running.
class ThreadTimers final : public Timers {
 public:
  ThreadTimers() = default;
  ~ThreadTimers() override;

  // Drops what has not run, waits for a callback that is running, and drops what is scheduled later.
  // Idempotent. Not from a callback.
  void Stop();

  TimerId Schedule(TimePoint due, absl::AnyInvocable<void()> callback) override;
  bool Cancel(TimerId id) override;

 private:
  void Work();

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  TimerId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::pair<TimePoint, TimerId>, absl::AnyInvocable<void()>> timers_ ABSL_GUARDED_BY(mutex_);
  std::map<TimerId, TimePoint> due_ ABSL_GUARDED_BY(mutex_);
  TimePoint wakes_at_ ABSL_GUARDED_BY(mutex_) = TimePoint::max();  // of the waiting thread
  std::thread thread_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace routebench::dispatch

#endif  // ROUTEBENCH_EVENTS_DISPATCH_THREAD_TIMERS_H_
