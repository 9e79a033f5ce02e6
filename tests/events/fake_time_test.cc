#include "tests/support/fake_time.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FakeTimeTest : public ::testing::Test {
 protected:
  TimerId At(int64_t nanos, const std::string& name) {
    return time_.Schedule(FromNanos(nanos), [this, name] {
      ran_.push_back(name + "@" + std::to_string(ToNanos(time_.Now())));
    });
  }
  FakeTime time_{FromNanos(100)};
  std::vector<std::string> ran_;
};

TEST_F(FakeTimeTest, StandsStillUntilItIsAdvanced) {
  EXPECT_EQ(time_.Now(), FromNanos(100));
  time_.Advance(Duration(7));
  EXPECT_EQ(time_.Now(), FromNanos(107));
}

TEST_F(FakeTimeTest, RunsCallbacksInOrderEachAtItsOwnTime) {
  At(130, "c");
  At(110, "a");
  At(120, "b");
  time_.Advance(Duration(20));
  EXPECT_THAT(ran_, ElementsAre("a@110", "b@120"));
  EXPECT_EQ(time_.Now(), FromNanos(120));
  time_.Advance(Duration(100));
  EXPECT_THAT(ran_, ElementsAre("a@110", "b@120", "c@130"));
}

TEST_F(FakeTimeTest, SameTimeRunsInTheOrderOfScheduling) {
  At(110, "first");
  At(110, "second");
  time_.Advance(Duration(10));
  EXPECT_THAT(ran_, ElementsAre("first@110", "second@110"));
}

TEST_F(FakeTimeTest, PastTimeRunsAtTheNextAdvanceAndDoesNotTurnBackTheClock) {
  At(50, "late");
  EXPECT_THAT(ran_, IsEmpty());
  time_.Advance(Duration(0));
  EXPECT_THAT(ran_, ElementsAre("late@100"));
}

TEST_F(FakeTimeTest, CallbackScheduledInsideTheAdvanceRunsInIt) {
  time_.Schedule(FromNanos(110), [this] { At(115, "nested"); });
  time_.Advance(Duration(20));
  EXPECT_THAT(ran_, ElementsAre("nested@115"));
  EXPECT_EQ(time_.Now(), FromNanos(120));
}

TEST_F(FakeTimeTest, CancelledCallbackNeverRuns) {
  const TimerId id = At(110, "cancelled");
  EXPECT_TRUE(time_.Cancel(id));
  EXPECT_FALSE(time_.Cancel(id));
  time_.Advance(Duration(100));
  EXPECT_THAT(ran_, IsEmpty());
}

TEST_F(FakeTimeTest, CancelAnswersFalseOnceTheCallbackRunsOrHasRun) {
  TimerId id = 0;
  bool inside = true;
  id = time_.Schedule(FromNanos(110), [&] { inside = time_.Cancel(id); });
  time_.Advance(Duration(10));
  EXPECT_FALSE(inside);
  EXPECT_FALSE(time_.Cancel(id));
  EXPECT_FALSE(time_.Cancel(12345));
}

TEST(SystemClock, GoesForward) {
  const TimePoint first = Clock::System().Now();
  EXPECT_LE(first, Clock::System().Now());
  EXPECT_GT(ToNanos(first), 0);
}

}  // namespace
}  // namespace routebench::testing
