#include "events/dispatch/thread_timers.h"

namespace routebench::dispatch {

ThreadTimers::~ThreadTimers() {
  std::thread thread;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    thread = std::move(thread_);
  }
  changed_.NotifyAll();
  if (thread.joinable()) thread.join();
}

TimerId ThreadTimers::Schedule(TimePoint due, absl::AnyInvocable<void()> callback) {
  MutexLock lock(mutex_);
  const TimerId id = ++last_id_;
  timers_.emplace(std::pair(due, id), std::move(callback));
  due_.emplace(id, due);
  if (!thread_.joinable() && !stopping_) thread_ = std::thread([this] { Work(); });
  if (due < sleeping_until_) changed_.NotifyAll();
  return id;
}

bool ThreadTimers::Cancel(TimerId id) {
  absl::AnyInvocable<void()> dropped;  // destroyed outside the lock: it may own anything
  MutexLock lock(mutex_);
  const auto due = due_.find(id);
  if (due == due_.end()) return false;
  auto node = timers_.extract(std::pair(due->second, id));
  dropped = std::move(node.mapped());
  due_.erase(due);
  return true;
}

// A cancelled timer may leave the thread asleep until it would have been due, so that setting and cancelling
// deadlines far ahead wakes nobody.
void ThreadTimers::Work() {
  mutex_.Lock();
  while (!stopping_) {
    if (timers_.empty()) {
      sleeping_until_ = TimePoint::max();
      changed_.Wait(mutex_);
      continue;
    }
    const TimePoint due = timers_.begin()->first.first;
    if (due > std::chrono::steady_clock::now()) {
      sleeping_until_ = due;
      changed_.WaitUntil(mutex_, due);
      continue;
    }
    auto node = timers_.extract(timers_.begin());
    due_.erase(node.key().second);
    mutex_.Unlock();
    node.mapped()();
    node.mapped() = nullptr;
    mutex_.Lock();
  }
  mutex_.Unlock();
}

}  // namespace routebench::dispatch
