// Outcomes on their way to the user's sink.
#ifndef ROUTEBENCH_DAEMON_CLIENT_OUTCOMES_H_
#define ROUTEBENCH_DAEMON_CLIENT_OUTCOMES_H_

#include <utility>
#include <vector>

#include "events/dispatch/worker_pool.h"
#include "events/mutex.h"
#include "events/router.h"

namespace routebench::daemon {

// A task of the pool, so that a sink may call the router: the reader never runs it. Thread-safe.
class Outcomes final : public dispatch::Task {
 public:
  // `sink` may be null: then nothing is kept.
  explicit Outcomes(OutcomeSink sink) : sink_(std::move(sink)) {}

  // Then schedule the task.
  void Add(const OutcomeReport& report) {
    if (sink_ == nullptr) return;
    MutexLock lock(mutex_);
    waiting_.push_back(report);
  }

  bool Run() override {
    Deliver();
    return false;
  }

  // Returns when the sink has been told of everything that was added before, at once when called from the
  // sink. Tells it from this thread what no other thread is telling it.
  void Deliver();

 private:
  const OutcomeSink sink_;
  Mutex mutex_;
  CondVar told_;
  std::vector<OutcomeReport> waiting_ ABSL_GUARDED_BY(mutex_);
  bool telling_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_OUTCOMES_H_
