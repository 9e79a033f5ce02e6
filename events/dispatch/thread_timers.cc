#include "events/dispatch/thread_timers.h"

namespace routebench::dispatch {

ThreadTimers::~ThreadTimers() { Stop(); }

void ThreadTimers::Stop() {
  std::thread thread;
  std::map<std::pair<TimePoint, TimerId>, absl::AnyInvocable<void()>> dropped;  // destroyed outside the lock
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    thread = std::move(thread_);
    dropped.swap(timers_);
    due_.clear();
  }
  changed_.NotifyAll();
  if (thread.joinable()) thread.join();
}

TimerId ThreadTimers::Schedule(TimePoint due, absl::AnyInvocable<void()> callback) {
  MutexLock lock(mutex_);
  const TimerId id = ++last_id_;
  if (stopping_) return id;
  timers_.emplace(std::pair(due, id), std::move(callback));
  due_.emplace(id, due);
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  // Only a time that is earlier than all others needs the thread.
  if (due < wakes_at_) changed_.NotifyOne();
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
    wakes_at_ = timers_.empty() ? TimePoint::max() : timers_.begin()->first.first;
    if (wakes_at_ == TimePoint::max()) {
      changed_.Wait(mutex_);
      continue;
    }
    if (wakes_at_ > Clock::System().Now()) {
      changed_.WaitUntil(mutex_, wakes_at_);
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
