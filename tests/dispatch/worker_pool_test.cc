#include "events/dispatch/worker_pool.h"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "events/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gate.h"
#include "tests/support/patience.h"

namespace routebench::dispatch {
namespace {

using testing::AwaitUnder;
using ::testing::ElementsAre;
using testing::Gate;

// What happened, in order.
class Diary {
 public:
  void Note(int what) {
    MutexLock lock(mutex_);
    notes_.push_back(what);
    changed_.NotifyAll();
  }
  // All of them once there are `count`; fewer when they do not come.
  std::vector<int> Await(size_t count) {
    MutexLock lock(mutex_);
    AwaitUnder(mutex_, changed_, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return notes_.size() >= count; });
    return notes_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<int> notes_ ABSL_GUARDED_BY(mutex_);
};

class Work final : public Task {
 public:
  explicit Work(std::function<bool()> run) : run_(std::move(run)) {}
  bool Run() override { return run_(); }

 private:
  const std::function<bool()> run_;
};

std::shared_ptr<Work> MakeWork(std::function<bool()> run) { return std::make_shared<Work>(std::move(run)); }

std::shared_ptr<Work> Noting(Diary& diary, int what) {
  return MakeWork([&diary, what] {
    diary.Note(what);
    return false;
  });
}

std::shared_ptr<Work> Passing(const Gate& gate) {
  return MakeWork([gate] {
    gate.Pass();
    return false;
  });
}

class WorkerPoolTest : public ::testing::TestWithParam<WaitPolicy> {
 protected:
  static WorkerPool MakePool(uint32_t threads) {
    return WorkerPool({threads, threads, "test"}, MakeWakeUpWait(GetParam()));
  }
};
INSTANTIATE_TEST_SUITE_P(Waits, WorkerPoolTest,
                         ::testing::Values(WaitPolicy::kBlock, WaitPolicy::kAdaptive, WaitPolicy::kSpin),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST_P(WorkerPoolTest, RunsTasksInTheOrderInWhichTheyWereScheduled) {
  Diary diary;
  const Gate gate;
  WorkerPool pool = MakePool(1);
  pool.Schedule(Passing(gate));
  ASSERT_TRUE(gate.AwaitEntered(1));
  for (int i = 0; i < 5; ++i) pool.Schedule(Noting(diary, i));
  gate.Open();
  EXPECT_THAT(diary.Await(5), ElementsAre(0, 1, 2, 3, 4));
}

TEST_P(WorkerPoolTest, ATaskWithMoreToDoRunsAgainAfterWhatElseIsWaiting) {
  Diary diary;
  const Gate gate;
  WorkerPool pool = MakePool(1);
  pool.Schedule(Passing(gate));
  ASSERT_TRUE(gate.AwaitEntered(1));
  pool.Schedule(MakeWork([&diary, turns = 0]() mutable {
    diary.Note(100 + turns);
    return ++turns < 3;
  }));
  pool.Schedule(Noting(diary, 1));
  pool.Schedule(Noting(diary, 2));
  gate.Open();
  EXPECT_THAT(diary.Await(5), ElementsAre(100, 1, 2, 101, 102));
}

TEST_P(WorkerPoolTest, WhatWaitsAlreadyRunsOnce) {
  Diary diary;
  const Gate gate;
  WorkerPool pool = MakePool(1);
  pool.Schedule(Passing(gate));
  ASSERT_TRUE(gate.AwaitEntered(1));
  const auto task = Noting(diary, 1);
  for (int i = 0; i < 3; ++i) pool.Schedule(task);
  pool.Schedule(Noting(diary, 2));
  pool.Schedule(Noting(diary, 3));
  gate.Open();
  EXPECT_THAT(diary.Await(3), ElementsAre(1, 2, 3));
}

TEST_P(WorkerPoolTest, WhatIsScheduledWhileItRunsRunsOnceMoreAndNeverTwiceAtATime) {
  Diary diary;
  const Gate gate;
  std::atomic<int> inside{0};
  WorkerPool pool = MakePool(2);
  const auto task = MakeWork([&] {
    diary.Note(++inside);
    gate.Pass();
    --inside;
    return false;
  });
  pool.Schedule(task);
  ASSERT_TRUE(gate.AwaitEntered(1));
  for (int i = 0; i < 3; ++i) pool.Schedule(task);
  // The other thread is free to run it, and has had its turn once it has run this.
  pool.Schedule(Noting(diary, 7));
  EXPECT_THAT(diary.Await(2), ElementsAre(1, 7));
  gate.Let(1);
  ASSERT_TRUE(gate.AwaitEntered(2));
  gate.Let(1);
  pool.Schedule(Noting(diary, 8));
  EXPECT_THAT(diary.Await(4), ElementsAre(1, 7, 1, 8));
  EXPECT_TRUE(pool.Stop(testing::kPatience));
  EXPECT_EQ(gate.passed(), 2u);
}

// Waits as a test says, and counts.
class ScriptedWait final : public IdleWait {
 public:
  // `in_wait` runs in each Wait, before it blocks.
  struct State {
    Mutex mutex;
    CondVar changed;
    uint64_t waits ABSL_GUARDED_BY(mutex) = 0;
    uint64_t wakes ABSL_GUARDED_BY(mutex) = 0;
    uint64_t used ABSL_GUARDED_BY(mutex) = 0;
    std::function<void(uint64_t)> in_wait;
  };
  explicit ScriptedWait(std::shared_ptr<State> state) : state_(std::move(state)) {}

  void Wait() override {
    uint64_t number;
    {
      MutexLock lock(state_->mutex);
      number = ++state_->waits;
      state_->changed.NotifyAll();
    }
    if (state_->in_wait != nullptr) {
      state_->in_wait(number);
      if (number == 1) return;
    }
    MutexLock lock(state_->mutex);
    while (state_->used >= state_->wakes) state_->changed.Wait(state_->mutex);
    ++state_->used;
  }
  void WakeOne() override {
    MutexLock lock(state_->mutex);
    ++state_->wakes;
    state_->changed.NotifyAll();
  }

 private:
  const std::shared_ptr<State> state_;
};

bool AwaitWaits(ScriptedWait::State& state, uint64_t count) {
  MutexLock lock(state.mutex);
  return AwaitUnder(state.mutex, state.changed,
                    [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return state.waits >= count; });
}

TEST(WorkerPool, RunsNoMoreTasksAtOnceThanAllowedAndLeavesTheOthersToWait) {
  const auto state = std::make_shared<ScriptedWait::State>();
  auto wait = std::make_unique<ScriptedWait>(state);
  ScriptedWait* const waiting = wait.get();
  WorkerPool pool({.threads = 3, .running = 2, .name = "test"}, std::move(wait));
  ASSERT_TRUE(AwaitWaits(*state, 3));
  const Gate gate;
  for (int i = 0; i < 3; ++i) pool.Schedule(Passing(gate));
  ASSERT_TRUE(gate.AwaitEntered(2));
  uint64_t waits;
  {
    MutexLock lock(state->mutex);
    waits = state->waits;
  }
  waiting->WakeOne();  // the third looks for work, and waits again
  ASSERT_TRUE(AwaitWaits(*state, waits + 1));
  EXPECT_EQ(gate.entered(), 2u);
  gate.Let(1);
  EXPECT_TRUE(gate.AwaitEntered(3));
  gate.Open();
  EXPECT_TRUE(pool.Stop(testing::kPatience));
}

TEST(WorkerPool, WhatAThreadSchedulesWhileItWaitsItRunsItselfAndWakesNobody) {
  const auto state = std::make_shared<ScriptedWait::State>();
  Diary diary;
  std::thread::id waiter;
  std::thread::id runner;
  std::atomic<WorkerPool*> pool{nullptr};
  state->in_wait = [&](uint64_t number) {
    if (number != 1) return;
    pool.wait(nullptr);
    waiter = std::this_thread::get_id();
    pool.load()->Schedule(MakeWork([&] {
      runner = std::this_thread::get_id();
      MutexLock lock(state->mutex);
      diary.Note(static_cast<int>(state->wakes));
      return false;
    }));
  };
  WorkerPool made({.threads = 1, .running = 1, .name = "test"}, std::make_unique<ScriptedWait>(state));
  pool.store(&made);
  pool.notify_one();
  EXPECT_THAT(diary.Await(1), ElementsAre(0));
  EXPECT_TRUE(made.Stop(testing::kPatience));
  EXPECT_EQ(waiter, runner);
}

TEST_P(WorkerPoolTest, StopWaitsForWhatRunsAndDropsWhatWaits) {
  const Gate gate;
  const auto dropped = MakeWork([] {
    ADD_FAILURE() << "runs after Stop";
    return false;
  });
  WorkerPool pool = MakePool(1);
  pool.Schedule(Passing(gate));
  ASSERT_TRUE(gate.AwaitEntered(1));
  pool.Schedule(dropped);
  EXPECT_EQ(dropped.use_count(), 2);
  EXPECT_FALSE(pool.Stop(Duration::zero())) << "a task is stuck";
  EXPECT_EQ(dropped.use_count(), 1);
  gate.Open();
  const auto late = MakeWork([] { return false; });
  pool.Schedule(late);
  EXPECT_EQ(late.use_count(), 1);
}

TEST_P(WorkerPoolTest, StopReturnsOnceTheLastTaskHasEnded) {
  const Gate gate;
  WorkerPool pool = MakePool(2);
  for (int i = 0; i < 2; ++i) pool.Schedule(Passing(gate));
  ASSERT_TRUE(gate.AwaitEntered(2));
  std::thread opener([&] { gate.Open(); });
  EXPECT_TRUE(pool.Stop(testing::kPatience));
  EXPECT_EQ(gate.passed(), 2u);
  opener.join();
}

TEST_P(WorkerPoolTest, AThreadThatIsStuckKeepsItsTaskAliveBeyondThePool) {
  const Gate gate;
  Diary diary;
  struct Farewell {
    explicit Farewell(Diary& said) : diary(said) {}
    ~Farewell() { diary.Note(1); }
    Diary& diary;
  };
  {
    WorkerPool pool = MakePool(1);
    pool.Schedule(MakeWork([gate, farewell = std::make_shared<Farewell>(diary)] {
      gate.Pass();
      return true;
    }));
    ASSERT_TRUE(gate.AwaitEntered(1));
  }
  EXPECT_THAT(diary.Await(0), ElementsAre());
  gate.Open();
  EXPECT_THAT(diary.Await(1), ElementsAre(1));
  EXPECT_EQ(gate.entered(), 1u) << "nothing runs again after Stop";
}

// Each task needs a thread of its own; and in the end all threads are woken at once.
TEST_P(WorkerPoolTest, LosesNoWakeUp) {
  for (int round = 0; round < 200; ++round) {
    WorkerPool pool = MakePool(4);
    for (int i = 0; i < 5; ++i) {
      const Gate gate;
      for (int task = 0; task < 4; ++task) pool.Schedule(Passing(gate));
      ASSERT_TRUE(gate.AwaitEntered(4)) << "round " << round;
      gate.Open();
    }
    ASSERT_TRUE(pool.Stop(testing::kPatience));
  }
}

TEST(InlineExecutor, RunsInTheCallUntilThereIsNothingMore) {
  int runs = 0;
  InlineExecutor executor;
  executor.Schedule(MakeWork([&] { return ++runs < 3; }));
  EXPECT_EQ(runs, 3);
}

}  // namespace
}  // namespace routebench::dispatch
