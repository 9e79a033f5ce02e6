#include "events/dispatch/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "events/delivery/ring.h"
#include "events/mutex.h"

namespace routebench::dispatch {
namespace {

// Whose threads take part in an exchange inside one process: the one that waits, and the one that publishes.
constexpr uint32_t kParties = 2;

class WakeUpWait final : public IdleWait {
 public:
  explicit WakeUpWait(WaitPolicy policy)
      : looks_(policy != WaitPolicy::kBlock), patience_(policy, kParties) {}

  void Wait() override {
    if (looks_ && !looking_.exchange(true)) {
      if (LookForWake()) return;
    }
    MutexLock lock(mutex_);
    sleepers_.fetch_add(1);
    while (!TakeWake()) condition_.Wait(mutex_);
    sleepers_.fetch_sub(1);
  }

  // Everything here is sequentially consistent: of a wake-up and whoever stops looking, or goes to sleep, one
  // sees the other.
  void WakeOne() override {
    wakes_.fetch_add(1);
    if (!looking_.load()) WakeSleeper();
  }

 private:
  bool TakeWake() {
    uint32_t wakes = wakes_.load();
    while (wakes > 0 && !wakes_.compare_exchange_weak(wakes, wakes - 1)) {
    }
    return wakes > 0;
  }

  bool LookForWake() {
    patience_.Begin();
    bool woken = TakeWake();
    while (!woken && patience_.LookAgain()) woken = TakeWake();
    looking_.store(false);
    // Wake-ups that were left to this thread: all of them but one are for others, whether it has had one or
    // not.
    for (uint32_t left = wakes_.load(); left > 0; --left) WakeSleeper();
    return woken;
  }

  void WakeSleeper() {
    if (sleepers_.load() == 0) return;
    { MutexLock lock(mutex_); }
    condition_.NotifyOne();
  }

  const bool looks_;
  Patience patience_;  // of the thread that looks
  std::atomic<uint32_t> wakes_{0};
  std::atomic<bool> looking_{false};
  std::atomic<uint32_t> sleepers_{0};
  Mutex mutex_;
  CondVar condition_;
};

}  // namespace

std::unique_ptr<IdleWait> MakeWakeUpWait(WaitPolicy policy) { return std::make_unique<WakeUpWait>(policy); }

// Shared with the threads, so that one that is stuck in a handler can outlive the pool.
class WorkerPool::Core {
 public:
  Core(const WorkerPoolOptions& options, std::unique_ptr<IdleWait> wait)
      : running_limit_(std::max(1u, options.running)), alive_(options.threads), wait_(std::move(wait)) {}

  void Schedule(std::shared_ptr<Task> task);
  void Work();
  bool Stop(Duration deadline);

 private:
  void WaitForWork(std::shared_ptr<Task>& last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunNext(std::shared_ptr<Task>& last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether there is work that an idle thread should be woken for, by the caller. One wakes the next: whoever
  // schedules pays for one wake-up at most, and nobody for a thread that finds nothing left.
  bool MustWake() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !queue_.empty() && running_ < running_limit_ && waking_ <= reading_ && idle_ > waking_;
  }

  // The pool inside whose IdleWait::Wait this thread is, while it may still pick up a task by itself.
  static thread_local Core* waiting_in_;

  const uint32_t running_limit_;
  Mutex mutex_;
  CondVar ended_;
  delivery::Ring<std::shared_ptr<Task>> queue_ ABSL_GUARDED_BY(mutex_);
  uint32_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  uint32_t waking_ ABSL_GUARDED_BY(mutex_) = 0;   // of the idle ones, those that are about to look
  uint32_t reading_ ABSL_GUARDED_BY(mutex_) = 0;  // of these, those that have work of their own to do first
  uint32_t alive_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  const std::unique_ptr<IdleWait> wait_;
};

thread_local WorkerPool::Core* WorkerPool::Core::waiting_in_ = nullptr;

void WorkerPool::Core::Schedule(std::shared_ptr<Task> task) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    if (stopping_) return;
    if (task->state_ == Task::State::kRunning) task->state_ = Task::State::kRunAgain;
    if (task->state_ != Task::State::kIdle) return;
    task->state_ = Task::State::kQueued;
    queue_.PushBack(std::move(task));
    if (!MustWake()) return;
    ++waking_;
    wake = waiting_in_ != this;
    if (!wake) {
      ++reading_;
      waiting_in_ = nullptr;
    }
  }
  if (wake) wait_->WakeOne();
}

void WorkerPool::Core::WaitForWork(std::shared_ptr<Task>& last) {
  ++idle_;
  mutex_.Unlock();
  last.reset();
  waiting_in_ = this;
  wait_->Wait();
  const bool has_scheduled = std::exchange(waiting_in_, nullptr) == nullptr;
  mutex_.Lock();
  --idle_;
  if (waking_ > 0) --waking_;
  if (has_scheduled) --reading_;
}

// `last` takes the task, so that the end of its life is not under the lock.
void WorkerPool::Core::RunNext(std::shared_ptr<Task>& last) {
  std::shared_ptr<Task> task = queue_.PopFront();
  task->state_ = Task::State::kRunning;
  ++running_;
  const bool wake = MustWake();
  if (wake) ++waking_;
  mutex_.Unlock();
  if (wake) wait_->WakeOne();
  last.reset();
  const bool more = task->Run();
  mutex_.Lock();
  --running_;
  if ((more || task->state_ == Task::State::kRunAgain) && !stopping_) {
    task->state_ = Task::State::kQueued;
    queue_.PushBack(std::move(task));
  } else {
    task->state_ = Task::State::kIdle;
    last = std::move(task);
  }
}

void WorkerPool::Core::Work() {
  std::shared_ptr<Task> last;
  mutex_.Lock();
  while (!stopping_) {
    if (queue_.empty() || running_ >= running_limit_) {
      WaitForWork(last);
    } else {
      RunNext(last);
    }
  }
  --alive_;
  ended_.NotifyAll();
  mutex_.Unlock();
}

bool WorkerPool::Core::Stop(Duration deadline) {
  const TimePoint end = std::chrono::steady_clock::now() + deadline;
  std::vector<std::shared_ptr<Task>> dropped;  // their lives end outside the lock
  uint32_t to_wake = 0;
  {
    MutexLock lock(mutex_);
    if (std::exchange(stopping_, true)) return alive_ == 0;
    to_wake = alive_;
    while (!queue_.empty()) dropped.push_back(queue_.PopFront());
  }
  while (to_wake-- > 0) wait_->WakeOne();
  MutexLock lock(mutex_);
  // Threads that run no task end promptly; only the others are worth a deadline.
  while (alive_ > running_) ended_.Wait(mutex_);
  while (alive_ > 0 && ended_.WaitUntil(mutex_, end)) {
  }
  return alive_ == 0;
}

WorkerPool::WorkerPool(const WorkerPoolOptions& options, std::unique_ptr<IdleWait> wait)
    : core_(std::make_shared<Core>(options, std::move(wait))) {
  for (uint32_t i = 0; i < options.threads; ++i) {
    std::thread thread([core = core_] { core->Work(); });
    pthread_setname_np(thread.native_handle(), options.name.substr(0, 15).c_str());
    thread.detach();
  }
}

WorkerPool::~WorkerPool() { Stop(Duration::zero()); }

void WorkerPool::Schedule(std::shared_ptr<Task> task) { core_->Schedule(std::move(task)); }

bool WorkerPool::Stop(Duration deadline) { return core_->Stop(deadline); }

}  // namespace routebench::dispatch
