#include "events/wait.h"

#include "gtest/gtest.h"
#include "tests/support/fake_time.h"

namespace routebench {
namespace {

constexpr Duration kBudget = std::chrono::microseconds(10);

TEST(WaitPolicy, HasTheNamesThatPeopleType) {
  for (const WaitPolicy policy : {WaitPolicy::kBlock, WaitPolicy::kAdaptive, WaitPolicy::kSpin}) {
    EXPECT_EQ(ParseWaitPolicy(Name(policy)), policy);
  }
  EXPECT_EQ(Name(WaitPolicy::kAdaptive), "adaptive");
  EXPECT_EQ(ParseWaitPolicy("busy"), std::nullopt);
  EXPECT_EQ(ParseWaitPolicy(""), std::nullopt);
}

TEST(Patience, WhoBlocksLooksOnce) {
  const testing::FakeTime time;
  Patience patience(WaitPolicy::kBlock, false, kBudget, time);
  patience.Begin();
  EXPECT_FALSE(patience.LookAgain());
}

TEST(Patience, WhoSpinsNeverSleeps) {
  testing::FakeTime time;
  Patience patience(WaitPolicy::kSpin, true, kBudget, time);
  patience.Begin();
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(patience.LookAgain());
    time.Advance(kBudget);
  }
}

TEST(Patience, WhoAdaptsLooksForTheBudgetAndForNoLonger) {
  testing::FakeTime time;
  Patience patience(WaitPolicy::kAdaptive, false, kBudget, time);
  for (int wait = 0; wait < 3; ++wait) {
    patience.Begin();
    EXPECT_TRUE(patience.LookAgain()) << "from its first look on";
    time.Advance(kBudget - Duration(1));
    EXPECT_TRUE(patience.LookAgain());
    time.Advance(Duration(1));
    EXPECT_FALSE(patience.LookAgain());
    EXPECT_FALSE(patience.LookAgain());
  }
}

TEST(WakeUpCost, IsMeasuredOnce) {
  EXPECT_GT(WakeUpCost(), Duration::zero());
  EXPECT_EQ(WakeUpCost(), WakeUpCost());
}

TEST(AvailableProcessors, AreAtLeastOne) { EXPECT_GE(AvailableProcessors(), 1u); }

}  // namespace
}  // namespace routebench
