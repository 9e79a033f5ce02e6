#include "loadgen/behaviour.h"

#include "gtest/gtest.h"
#include "tests/support/fake_time.h"

namespace routebench::loadgen {
namespace {

using std::chrono::milliseconds;

uint64_t CountFailing(double share, uint64_t events) {
  Behaviour behaviour;
  behaviour.failures = share;
  uint64_t failing = 0;
  EventHeader header;
  header.publisher = 3;
  for (header.sequence = 1; header.sequence <= events; ++header.sequence)
    failing += behaviour.Fails(header) ? 1 : 0;
  return failing;
}

TEST(BehaviourTest, TheShareOfFailuresIsKept) {
  EXPECT_EQ(CountFailing(0, 1'000), 0u);
  EXPECT_EQ(CountFailing(1, 1'000), 1'000u);
  // Four standard deviations of a fair draw.
  EXPECT_NEAR(static_cast<double>(CountFailing(0.01, 100'000)), 1'000, 126);
}

TEST(BehaviourTest, TheSameEventFailsInEveryAttempt) {
  Behaviour behaviour;
  behaviour.failures = 0.5;
  EventHeader header;
  header.publisher = 1;
  for (header.sequence = 1; header.sequence <= 100; ++header.sequence) {
    EventHeader again = header;
    again.attempt = 2;
    again.due = again.created = FromNanos(12'345);
    EXPECT_EQ(behaviour.Fails(header), behaviour.Fails(again)) << header.sequence;
  }
}

TEST(BehaviourTest, PublishersFailDifferently) {
  Behaviour behaviour;
  behaviour.failures = 0.5;
  uint64_t equal = 0;
  for (uint64_t sequence = 1; sequence <= 1'000; ++sequence) {
    EventHeader one;
    one.publisher = 1;
    one.sequence = sequence;
    EventHeader other = one;
    other.publisher = 2;
    equal += behaviour.Fails(one) == behaviour.Fails(other) ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(equal), 500, 64);
}

TEST(BehaviourTest, VerdictsFollowTheAttempts) {
  Behaviour behaviour;
  EXPECT_EQ(behaviour.VerdictOf(false), Verdict::kAck);
  EXPECT_EQ(behaviour.VerdictOf(true), Verdict::kReject);
  behaviour.attempts = 3;
  EXPECT_EQ(behaviour.VerdictOf(false), Verdict::kAck);
  EXPECT_EQ(behaviour.VerdictOf(true), Verdict::kRetry);
}

// Blocking and computing both last as long as they should; only the one uses its processor.
TEST(BehaviourTest, SpendsItsTime) {
  for (const bool sleeps : {false, true}) {
    Behaviour behaviour;
    behaviour.time = milliseconds(20);
    behaviour.sleeps = sleeps;
    timespec before, after;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    const TimePoint start = Clock::System().Now();
    behaviour.SpendTime(Clock::System());
    EXPECT_GE(Clock::System().Now() - start, milliseconds(20));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    const auto used = (after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec;
    if (sleeps) {
      EXPECT_LT(used, 10'000'000);
    } else {
      EXPECT_GT(used, 0);
    }
  }
}

TEST(BehaviourTest, TakesWhatThePlanSays) {
  record::RunPlan plan;
  plan.mutable_handler()->set_time_ns(20'000);
  plan.mutable_handler()->set_work("sleep");
  plan.mutable_handler()->set_failures(0.25);
  plan.mutable_subscription()->set_attempts(4);
  plan.mutable_subscription()->set_delivery_timeout_ns(7'000);
  plan.mutable_subscription()->set_concurrency(5);
  const Behaviour behaviour = BehaviourOf(plan);
  EXPECT_EQ(behaviour.time, Duration(20'000));
  EXPECT_TRUE(behaviour.sleeps);
  EXPECT_EQ(behaviour.failures, 0.25);
  EXPECT_EQ(behaviour.attempts, 4u);
  EXPECT_EQ(behaviour.delivery_timeout, Duration(7'000));
  EXPECT_EQ(behaviour.concurrency, 5u);
}

}  // namespace
}  // namespace routebench::loadgen
