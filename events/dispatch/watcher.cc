#include "events/dispatch/watcher.h"

namespace routebench::dispatch {

bool Watcher::Push(ServiceChange change) {
  MutexLock lock(mutex_);
  if (ended_ || lost_) return false;
  if (waiting_.size() >= capacity_)
    change = {.kind = ServiceChange::Kind::kLost, .sequence = change.sequence};
  lost_ = change.kind == ServiceChange::Kind::kLost;
  waiting_.PushBack(std::move(change));
  return !std::exchange(active_, true);
}

void Watcher::End() {
  MutexLock lock(mutex_);
  ended_ = true;
  while (!waiting_.empty()) waiting_.PopFront();
}

void Watcher::Await() {
  MutexLock lock(mutex_);
  while (running_ && runner_ != std::this_thread::get_id()) returned_.Wait(mutex_);
}

bool Watcher::Run() {
  ServiceChange change;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty()) {
      active_ = false;
      return false;
    }
    change = waiting_.PopFront();
    running_ = true;
    runner_ = std::this_thread::get_id();
  }
  try {
    handler_(change);
  } catch (...) {  // the handler's own affair
  }
  MutexLock lock(mutex_);
  running_ = false;
  returned_.NotifyAll();
  return true;
}

}  // namespace routebench::dispatch
