#include "events/dispatch/thread_timers.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/gate.h"
#include "tests/support/patience.h"

namespace routebench::dispatch {
namespace {

using ::testing::ElementsAre;
using testing::Gate;

class ThreadTimersTest : public ::testing::Test {
 protected:
  static TimePoint Now() { return Clock::System().Now(); }
  static TimePoint Past(int milliseconds) { return Now() - std::chrono::milliseconds(milliseconds); }
  static TimePoint Never() { return Now() + std::chrono::hours(1000); }

  // The thread is in a callback from now on, until the gate lets it go.
  void Occupy() {
    timers_.Schedule(Past(1), [gate = gate_] { gate.Pass(); });
    ASSERT_TRUE(gate_.AwaitEntered(1));
  }
  void ScheduleNote(TimePoint due, int note) {
    timers_.Schedule(due, [this, note] { notes_.push_back(note); });
  }
  // Everything that is due before this call has run.
  [[nodiscard]] bool AwaitNotes() {
    const Gate last;
    last.Open();
    timers_.Schedule(Now(), [last] { last.Pass(); });
    return last.AwaitEntered(1);
  }

  const Gate gate_;
  std::vector<int> notes_;  // the thread's
  ThreadTimers timers_;
};

TEST_F(ThreadTimersTest, RunsInTheOrderOfDueTimes) {
  Occupy();
  ScheduleNote(Past(10), 3);
  ScheduleNote(Past(30), 1);
  ScheduleNote(Past(20), 2);
  gate_.Open();
  ASSERT_TRUE(AwaitNotes());
  EXPECT_THAT(notes_, ElementsAre(1, 2, 3));
}

TEST_F(ThreadTimersTest, RunsWhatIsDueTogetherInTheOrderOfTheCalls) {
  Occupy();
  const TimePoint due = Past(10);
  for (int i = 0; i < 5; ++i) ScheduleNote(due, i);
  gate_.Open();
  ASSERT_TRUE(AwaitNotes());
  EXPECT_THAT(notes_, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(ThreadTimersTest, RunsNothingBeforeItsTime) {
  const TimePoint due = Now() + std::chrono::milliseconds(5);
  std::atomic<int64_t> ran_at{0};
  timers_.Schedule(due, [&] {
    ran_at.store(ToNanos(Now()));
    gate_.Pass();
  });
  ASSERT_TRUE(gate_.AwaitEntered(1));
  EXPECT_GE(ran_at.load(), ToNanos(due));
  gate_.Open();
}

TEST_F(ThreadTimersTest, AnEarlierTimerDoesNotWaitForALaterOne) {
  timers_.Schedule(Never(), [] { ADD_FAILURE() << "runs"; });
  Occupy();  // the thread has slept towards the other by now, or not
  gate_.Open();
  ASSERT_TRUE(AwaitNotes());
  const Gate another;
  another.Open();
  timers_.Schedule(Now() + std::chrono::milliseconds(1), [another] { another.Pass(); });
  EXPECT_TRUE(another.AwaitEntered(1));
}

TEST_F(ThreadTimersTest, WhatIsCancelledNeverRuns) {
  Occupy();
  const TimerId id = timers_.Schedule(Past(10), [] { ADD_FAILURE() << "runs"; });
  EXPECT_TRUE(timers_.Cancel(id));
  EXPECT_FALSE(timers_.Cancel(id)) << "it exists no more";
  gate_.Open();
  ASSERT_TRUE(AwaitNotes());
}

TEST_F(ThreadTimersTest, WhatRunsOrHasRunCannotBeCancelled) {
  const TimerId id = timers_.Schedule(Past(1), [gate = gate_] { gate.Pass(); });
  ASSERT_TRUE(gate_.AwaitEntered(1));
  EXPECT_FALSE(timers_.Cancel(id));
  gate_.Open();
  ASSERT_TRUE(AwaitNotes());
  EXPECT_FALSE(timers_.Cancel(id));
  EXPECT_FALSE(timers_.Cancel(id + 1000));
}

TEST_F(ThreadTimersTest, ACallbackMayScheduleAndCancel) {
  const TimerId other = timers_.Schedule(Never(), [] { ADD_FAILURE() << "runs"; });
  const Gate done;
  done.Open();
  timers_.Schedule(Now(), [&, done] {
    EXPECT_TRUE(timers_.Cancel(other));
    timers_.Schedule(Past(1), [done] { done.Pass(); });
  });
  EXPECT_TRUE(done.AwaitEntered(1));
}

TEST_F(ThreadTimersTest, StopDropsWhatHasNotRunAndWaitsForWhatRuns) {
  Occupy();
  const auto held = std::make_shared<int>(0);
  timers_.Schedule(Past(10), [held] { ADD_FAILURE() << "runs"; });
  const TimerId later = timers_.Schedule(Never(), [held] { ADD_FAILURE() << "runs"; });
  EXPECT_EQ(held.use_count(), 3);
  std::thread opener([&] {
    // What is scheduled is dropped at once as soon as Stop has begun.
    const auto probe = std::make_shared<int>(0);
    for (bool stopping = false; !stopping; std::this_thread::yield()) {
      const TimerId id = timers_.Schedule(Never(), [probe] {});
      stopping = probe.use_count() == 1;
      timers_.Cancel(id);
    }
    gate_.Open();
  });
  timers_.Stop();
  EXPECT_EQ(gate_.passed(), 1u) << "Stop has waited";
  opener.join();
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(timers_.Cancel(later));
}

TEST_F(ThreadTimersTest, AfterStopNothingIsScheduled) {
  timers_.Stop();
  const auto held = std::make_shared<int>(0);
  const TimerId id = timers_.Schedule(Past(1), [held] { ADD_FAILURE() << "runs"; });
  EXPECT_EQ(held.use_count(), 1);
  EXPECT_FALSE(timers_.Cancel(id));
  timers_.Stop();
}

}  // namespace
}  // namespace routebench::dispatch
