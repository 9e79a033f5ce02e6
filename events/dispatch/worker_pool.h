// Where handlers run: a pool of threads, or the thread that asks.
#ifndef ROUTEBENCH_EVENTS_DISPATCH_WORKER_POOL_H_
#define ROUTEBENCH_EVENTS_DISPATCH_WORKER_POOL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "events/clock.h"
#include "events/wait.h"

namespace routebench::dispatch {

// Work that the pool runs, never concurrently with itself. Schedule it whenever there may be something to do.
class Task {
 public:
  virtual ~Task() = default;
  // On a thread of the pool, under no lock. True: there is more to do, run again after what else is waiting.
  virtual bool Run() = 0;

 private:
  friend class WorkerPool;
  enum class State : uint8_t { kIdle, kQueued, kRunning, kRunAgain };
  State state_ = State::kIdle;  // under the pool's lock
};

// Runs tasks. Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  // Runs `task` soon, and once more if it is running right now. If A happens before Schedule, then A happens
  // before the run that follows. Call it under no lock that the task takes.
  virtual void Schedule(std::shared_ptr<Task> task) = 0;
};

// Runs a task inside Schedule, in the thread that calls it. Never schedule a task that is running.
class InlineExecutor final : public Executor {
 public:
  void Schedule(std::shared_ptr<Task> task) override {
    while (task->Run()) {
    }
  }
};

// How an idle thread waits for work. Implementations are thread-safe. WakeOne makes one Wait return, a
// running or a future one (wake-ups are counted, not lost); Wait may also return without one. Inside Wait an
// implementation may do work of its own (read a socket) and call Schedule: the first task scheduled so is run
// by that very thread, without waking another.
class IdleWait {
 public:
  virtual ~IdleWait() = default;
  virtual void Wait() = 0;
  virtual void WakeOne() = 0;
};

// Waits for WakeOne and nothing else.
std::unique_ptr<IdleWait> MakeWakeUpWait(WaitPolicy policy);

struct WorkerPoolOptions {
  uint32_t threads = 2;
  // Tasks that may run at once; fewer than `threads` leaves the others to Wait, so that what is done in there
  // goes on even when every running handler is stuck.
  uint32_t running = 2;
  std::string name = "handler";  // of the threads, at most 15 bytes
};

// Fair: tasks run in the order in which they were scheduled. Schedule never blocks; what is scheduled after
// Stop is dropped.
class WorkerPool final : public Executor {
 public:
  WorkerPool(const WorkerPoolOptions& options, std::unique_ptr<IdleWait> wait);
  // Stops with a deadline of zero.
  ~WorkerPool() override;
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void Schedule(std::shared_ptr<Task> task) override;

  // Starts no further task and waits at most `deadline` of real time for the running ones. True: every thread
  // has ended. A thread that is stuck in a task is left to itself and ends when the task returns; what it
  // uses stays alive. Idempotent; not from a thread of the pool.
  bool Stop(Duration deadline);

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace routebench::dispatch

#endif  // ROUTEBENCH_EVENTS_DISPATCH_WORKER_POOL_H_
