// Tells one watch's handler of the changes, one after another (R16, R26).
#ifndef ROUTEBENCH_EVENTS_DISPATCH_WATCHER_H_
#define ROUTEBENCH_EVENTS_DISPATCH_WATCHER_H_

#include <cstddef>
#include <thread>
#include <utility>

#include "events/control.h"
#include "events/delivery/ring.h"
#include "events/dispatch/worker_pool.h"
#include "events/mutex.h"

namespace routebench::dispatch {

// A task of whatever executor runs handlers. Thread-safe. Owned by shared_ptr, and refers to nothing but its
// handler: one that is stuck may outlive the router.
class Watcher final : public Task {
 public:
  // `present`: services that are there when the watch begins.
  Watcher(WatchHandler handler, size_t present)
      : handler_(std::move(handler)), capacity_(kMaxWatchBacklog + present) {}

  // Queues a change; beyond the capacity kLost, and nothing after it. True: schedule the task, once, under no
  // lock that the handler may take.
  [[nodiscard]] bool Push(ServiceChange change);

  // No call of the handler starts from now on.
  void End();
  // After End: returns when the handler does not run, at once when called from the handler.
  void Await();

  bool Run() override;

 private:
  const WatchHandler handler_;
  const size_t capacity_;

  Mutex mutex_;
  CondVar returned_;
  delivery::Ring<ServiceChange> waiting_ ABSL_GUARDED_BY(mutex_);
  bool active_ ABSL_GUARDED_BY(mutex_) = false;   // scheduled or running
  bool running_ ABSL_GUARDED_BY(mutex_) = false;  // the handler
  std::thread::id runner_ ABSL_GUARDED_BY(mutex_);
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace routebench::dispatch

#endif  // ROUTEBENCH_EVENTS_DISPATCH_WATCHER_H_
