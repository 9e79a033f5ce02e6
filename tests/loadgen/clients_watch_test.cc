#include "loadgen/clients_watch.h"

#include <chrono>

#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

using std::chrono::seconds;

record::RunPlan PlanOf(uint32_t clients, double fan_out = 1) {
  record::RunPlan plan;
  plan.set_clients(clients);
  plan.set_fan_out(fan_out);
  return plan;
}

// In two seconds 20 clients made 10,000 exchanges each of 3 ms, and turned round in 1 ms.
TEST(ClosedLoopTest, TheLawHoldsWhereBothSidesSayTheSame) {
  const ClosedLoopMoment start{TimePoint(seconds(1)), 500, {400, 7'000, 9'000}};
  const ClosedLoopMoment end{
      TimePoint(seconds(3)), 10'500, {10'400, 7'000 + 30'000'000'000, 9'000 + 10'000'000'000}};
  const auto law = LawBetween(start, end, PlanOf(20));
  ASSERT_TRUE(law.has_value());
  EXPECT_EQ(law->window_ns(), 2'000'000'000u);
  EXPECT_DOUBLE_EQ(law->throughput_per_s(), 5'000);
  EXPECT_DOUBLE_EQ(law->round_trip_ns(), 3e6);
  EXPECT_DOUBLE_EQ(law->turn_round_ns(), 1e6);
  EXPECT_DOUBLE_EQ(law->clients_by_law(), 20);
  EXPECT_NEAR(law->gap(), 0, 1e-12);
}

// The published figure for such a system: 71,000 a second, "136 us", 100 clients.
TEST(ClosedLoopTest, TheGapShowsFiguresThatCannotBe) {
  const ClosedLoopMoment end{TimePoint(seconds(1)), 71'000, {71'000, 71'000 * 136'000ull, 0}};
  const auto law = LawBetween({}, end, PlanOf(100));
  ASSERT_TRUE(law.has_value());
  EXPECT_NEAR(law->clients_by_law(), 9.656, 1e-3);
  EXPECT_NEAR(law->gap(), -0.90344, 1e-5);
}

TEST(ClosedLoopTest, ARequestThatSeveralReceiveIsOneExchange) {
  const ClosedLoopMoment end{TimePoint(seconds(1)), 3'000, {1'000, 10'000'000'000, 0}};
  EXPECT_DOUBLE_EQ(LawBetween({}, end, PlanOf(10, 3))->throughput_per_s(), 1'000);
}

TEST(ClosedLoopTest, WhereNothingHappenedNothingIsKnown) {
  const ClosedLoopMoment moment{TimePoint(seconds(1)), 5, {5, 5, 5}};
  EXPECT_FALSE(LawBetween(moment, moment, PlanOf(10)).has_value());
  const ClosedLoopMoment later{TimePoint(seconds(2)), 5, {5, 5, 5}};
  EXPECT_FALSE(LawBetween(moment, later, PlanOf(10)).has_value());
}

}  // namespace
}  // namespace routebench::loadgen
