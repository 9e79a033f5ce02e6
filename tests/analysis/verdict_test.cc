#include "analysis/stats/verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace routebench::stats {
namespace {

// Log ratios spread evenly from centre - spread to centre + spread.
std::vector<double> Spread(size_t n, double centre, double spread) {
  std::vector<double> d;
  for (size_t i = 0; i < n; ++i) {
    d.push_back(centre + spread * (2 * static_cast<double>(i) / static_cast<double>(n - 1) - 1));
  }
  return d;
}

Decision DecideLatency(const std::vector<double>& d, size_t family = 1) {
  const auto estimate = EstimateRatio(d, family);
  return Decide(*estimate, estimate->p * static_cast<double>(family), /*lower_is_better=*/true,
                kLatencyMargin);
}

TEST(EstimateRatio, NeedsABlock) { EXPECT_FALSE(EstimateRatio({}, 1).has_value()); }

TEST(EstimateRatio, IsTheExponentialOfTheEstimate) {
  const auto estimate = EstimateRatio(Spread(13, std::log(1.2), 0.1), 4);
  EXPECT_NEAR(estimate->ratio, 1.2, 1e-9);
  EXPECT_LT(estimate->interval_family.low, estimate->interval95.low);
  EXPECT_LT(estimate->interval95.low, estimate->interval90.low);
  EXPECT_GT(estimate->interval_family.high, estimate->interval95.high);
}

TEST(Decide, WithFewerThanTwelveBlocksIsExploratory) {
  EXPECT_EQ(DecideLatency(Spread(11, 1, 0.1)).verdict, Verdict::kExploratory);
  EXPECT_EQ(DecideLatency(Spread(12, 1, 0.1)).verdict, Verdict::kWorse);
}

TEST(Decide, FollowsTheMetricsDirection) {
  EXPECT_EQ(DecideLatency(Spread(12, -0.5, 0.1)).verdict, Verdict::kBetter);
  EXPECT_EQ(DecideLatency(Spread(12, 0.5, 0.1)).verdict, Verdict::kWorse);
  const auto more = EstimateRatio(Spread(12, 0.5, 0.1), 1);
  EXPECT_EQ(Decide(*more, more->p, /*lower_is_better=*/false, kCapacityAndCpuMargin).verdict,
            Verdict::kBetter);
}

TEST(Decide, CallsWhatLiesInsideTheMarginEquivalent) {
  const Decision around_one = DecideLatency(Spread(12, 0, 0.02));
  EXPECT_EQ(around_one.verdict, Verdict::kEquivalent);
  EXPECT_FALSE(around_one.equivalent_but_different);
  const Decision small = DecideLatency(Spread(12, 0.02, 0.005));
  EXPECT_EQ(small.verdict, Verdict::kEquivalent);
  EXPECT_TRUE(small.equivalent_but_different);
}

TEST(Decide, TreatsAllZeroDifferencesAsEquivalent) {
  EXPECT_EQ(DecideLatency(std::vector<double>(12, 0.0)).verdict, Verdict::kEquivalent);
}

TEST(Decide, IsTheSameWhicheverSideIsCalledA) {
  const double edge = std::log(1.05);
  EXPECT_EQ(DecideLatency(std::vector<double>(12, edge * 0.999)).verdict, Verdict::kEquivalent);
  EXPECT_EQ(DecideLatency(std::vector<double>(12, -edge * 0.999)).verdict, Verdict::kEquivalent);
  EXPECT_EQ(DecideLatency(std::vector<double>(12, edge * 1.001)).verdict, Verdict::kWorse);
  EXPECT_EQ(DecideLatency(std::vector<double>(12, -edge * 1.001)).verdict, Verdict::kBetter);
}

TEST(Decide, SaysHowManyFurtherBlocksItWouldTake) {
  const Decision wide = DecideLatency(Spread(12, 0, 0.4));
  EXPECT_EQ(wide.verdict, Verdict::kInconclusive);
  ASSERT_TRUE(wide.further_blocks.has_value());
  EXPECT_GT(*wide.further_blocks, 12u);
  const Decision wider = DecideLatency(Spread(12, 0, 0.8));
  EXPECT_GT(*wider.further_blocks, 3 * *wide.further_blocks);
  EXPECT_FALSE(DecideLatency(Spread(12, 0, 200)).further_blocks.has_value());
}

TEST(Decide, UsesTheAdjustedP) {
  const std::vector<double> d = {0.5, 0.5, 0.5, 0.6, 0.4, 0.3, 0.7, 0.5, -0.9, 0.5, -0.1, 0.2};
  EXPECT_EQ(DecideLatency(d, 1).verdict, Verdict::kWorse);
  EXPECT_EQ(DecideLatency(d, 20).verdict, Verdict::kInconclusive);
}

}  // namespace
}  // namespace routebench::stats
