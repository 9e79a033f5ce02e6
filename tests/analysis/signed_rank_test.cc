#include "analysis/stats/signed_rank.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace routebench::stats {
namespace {

// Differences 1, 2, ..., n of which those with the given ranks are negative.
std::vector<double> WithNegative(int n, const std::vector<int>& negative) {
  std::vector<double> differences(static_cast<size_t>(n));
  std::iota(differences.begin(), differences.end(), 1.0);
  for (const int rank : negative) differences[static_cast<size_t>(rank - 1)] *= -1;
  return differences;
}

// Every assignment of signs, the slow way.
double EnumeratedP(const std::vector<double>& ranks, double positive) {
  double below = 0;
  double above = 0;
  const uint32_t assignments = 1U << ranks.size();
  for (uint32_t signs = 0; signs < assignments; ++signs) {
    double sum = 0;
    for (size_t i = 0; i < ranks.size(); ++i) sum += (signs >> i & 1) != 0 ? ranks[i] : 0;
    below += sum <= positive ? 1 : 0;
    above += sum >= positive ? 1 : 0;
  }
  return std::min(1.0, 2 * std::min(below, above) / assignments);
}

TEST(SignedRankP, MatchesTheTableOfCriticalValues) {
  // Two-sided 5 %: n = 12 rejects up to 13, n = 20 up to 52 (Wilcoxon & Wilcox 1964).
  EXPECT_LE(SignedRankP(WithNegative(12, {1, 12})), 0.05);       // rank sum 13
  EXPECT_GT(SignedRankP(WithNegative(12, {2, 12})), 0.05);       // 14
  EXPECT_LE(SignedRankP(WithNegative(20, {20, 19, 13})), 0.05);  // 52
  EXPECT_GT(SignedRankP(WithNegative(20, {20, 19, 14})), 0.05);  // 53
  EXPECT_LE(SignedRankP(WithNegative(8, {3})), 0.05);            // 3
  EXPECT_GT(SignedRankP(WithNegative(8, {4})), 0.05);            // 4
  EXPECT_LE(SignedRankP(WithNegative(12, {7})), 0.01);           // two-sided 1 %, n = 12: 7
  EXPECT_GT(SignedRankP(WithNegative(12, {8})), 0.01);
}

TEST(SignedRankP, IsExactAtTheExtreme) {
  for (int n = 1; n <= 20; ++n) EXPECT_DOUBLE_EQ(SignedRankP(WithNegative(n, {})), std::ldexp(2.0, -n)) << n;
}

TEST(SignedRankP, MatchesHollanderAndWolfesDepressionExample) {
  // Hollander & Wolfe, Nonparametric Statistical Methods, example 3.1: T+ = 5, one-sided p = 0.0195.
  const std::vector<double> d = {-0.952, 0.147, -1.022, -0.430, -0.620, -0.590, -0.490, 0.080, -0.010};
  EXPECT_NEAR(SignedRankP(d), 0.0390625, 1e-12);
  EXPECT_NEAR(*HodgesLehmann(d), -0.46, 1e-9);
  const auto interval = SignedRankInterval(d, 0.04);  // 96 %: (-.786, -.010)
  EXPECT_NEAR(interval->low, -0.786, 1e-9);
  EXPECT_NEAR(interval->high, -0.010, 1e-9);
}

TEST(SignedRankP, RanksTiesByTheirMiddle) {
  // |d| = 1, 1, 2, 3, 3, 3, 4: mid-ranks 1.5, 1.5, 3, 5, 5, 5, 7.
  const std::vector<double> ranks = {1.5, 1.5, 3, 5, 5, 5, 7};
  EXPECT_DOUBLE_EQ(SignedRankP(std::vector<double>{-1, 1, 2, 3, -3, 3, 4}), EnumeratedP(ranks, 21.5));
  EXPECT_DOUBLE_EQ(SignedRankP(std::vector<double>{1, 1, 2, 3, 3, 3, -4}), EnumeratedP(ranks, 21));
}

TEST(SignedRankP, KeepsTheRanksOfZerosAndDropsTheZeros) {
  const std::vector<double> ranks = {3, 4, 5, 6, 7};  // the two zeros hold ranks 1 and 2
  EXPECT_DOUBLE_EQ(SignedRankP(std::vector<double>{0, 0, 1, 2, 3, 4, 5}), EnumeratedP(ranks, 25));
  EXPECT_DOUBLE_EQ(SignedRankP(std::vector<double>{0, 0, 1, -2, 3, 4, 5}), EnumeratedP(ranks, 21));
}

TEST(SignedRankP, FindsNothingWhereThereIsNothing) {
  EXPECT_EQ(SignedRankP({}), 1);
  EXPECT_EQ(SignedRankP(std::vector<double>{0, 0, 0, 0}), 1);
  EXPECT_EQ(SignedRankP(std::vector<double>{3}), 1);
  EXPECT_EQ(SignedRankP(std::vector<double>{3, 4}), 0.5);
}

TEST(HodgesLehmann, IsTheMedianOfTheAveragesOfPairs) {
  EXPECT_FALSE(HodgesLehmann({}).has_value());
  EXPECT_EQ(HodgesLehmann(std::vector<double>{5}), 5);
  EXPECT_EQ(HodgesLehmann(std::vector<double>{1, 2}), 1.5);
  EXPECT_EQ(HodgesLehmann(std::vector<double>{1, 2, 9}), 3.5);  // 1 1.5 2 5 5.5 9
  EXPECT_EQ(HodgesLehmann(std::vector<double>{4, 4, 4, 4}), 4);
}

TEST(SignedRankInterval, IsUnboundedWhereFewDifferencesCannotBoundIt) {
  EXPECT_FALSE(SignedRankInterval({}, 0.05).has_value());
  for (int n = 1; n <= 5; ++n) {
    const auto interval = SignedRankInterval(WithNegative(n, {}), 0.05);
    EXPECT_TRUE(std::isinf(interval->low) && interval->low < 0) << n;
    EXPECT_TRUE(std::isinf(interval->high) && interval->high > 0) << n;
  }
  EXPECT_EQ(SignedRankInterval(WithNegative(6, {}), 0.05)->low, 1);
}

TEST(SignedRankInterval, OfAConstantIsThatConstant) {
  const std::vector<double> d(12, 0.25);
  const auto interval = SignedRankInterval(d, 0.05);
  EXPECT_EQ(interval->low, 0.25);
  EXPECT_EQ(interval->high, 0.25);
}

TEST(SignedRankInterval, ContainsZeroExactlyWhenTheTestDoesNotReject) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> noise(0.4, 1);
  int rejected = 0;
  for (int i = 0; i < 400; ++i) {
    std::vector<double> d(12);
    // Coarse values: ties and zeros are common.
    for (double& x : d) x = std::round(noise(random) * 4) / 4;
    const auto interval = SignedRankInterval(d, 0.05);
    const bool contains = interval->low <= 0 && interval->high >= 0;
    EXPECT_GE(contains, SignedRankP(d) > 0.05);
    if (interval->low < 0 && interval->high > 0) {
      EXPECT_GT(SignedRankP(d), 0.05);
    }
    rejected += contains ? 0 : 1;
  }
  EXPECT_GT(rejected, 20);
  EXPECT_LT(rejected, 380);
}

TEST(SignedRank, HoldsItsLevelAndCoverageOverManyCampaigns) {
  std::mt19937_64 random(20240607);
  // Symmetric and heavy-tailed, as run-to-run noise is: the difference of two exponentials.
  std::exponential_distribution<double> noise(1);
  constexpr int kCampaigns = 3000;
  constexpr double kShift = 0.3;
  int false_positives = 0;
  int covered = 0;
  for (int i = 0; i < kCampaigns; ++i) {
    std::vector<double> d(12);
    for (double& x : d) x = kShift + noise(random) - noise(random);
    const auto interval = SignedRankInterval(d, 0.05);
    covered += interval->low <= kShift && kShift <= interval->high ? 1 : 0;
    false_positives += SignedRankP(d, kShift) < 0.05 ? 1 : 0;
  }
  // n = 12 has no p-value between 0.0425 and 0.0522: the level of the test is 4.25 %. Three standard
  // errors: 1.1 %.
  EXPECT_NEAR(static_cast<double>(false_positives) / kCampaigns, 0.0425, 0.011);
  EXPECT_NEAR(static_cast<double>(covered) / kCampaigns, 0.9575, 0.011);
}

}  // namespace
}  // namespace routebench::stats
