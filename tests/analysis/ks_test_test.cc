#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "analysis/stats/ks_test.h"

namespace routebench::stats {
namespace {

double Uniform(double x) { return std::clamp(x, 0.0, 1.0); }

TEST(KolmogorovSmirnov, MeasuresTheLargestDistance) {
  EXPECT_DOUBLE_EQ(KolmogorovSmirnov({0.5}, Uniform).distance, 0.5);
  EXPECT_DOUBLE_EQ(KolmogorovSmirnov({0.1, 0.2}, Uniform).distance, 0.8);
  EXPECT_DOUBLE_EQ(KolmogorovSmirnov({0.2, 0.1}, Uniform).distance, 0.8);
  EXPECT_EQ(KolmogorovSmirnov({}, Uniform).p, 1);
}

TEST(KolmogorovSmirnov, MatchesTheTableOfCriticalValues) {
  // Values i/n shifted so that the distance is exactly d. Critical at 5 %: n = 20: 0.294, n = 100: 0.134.
  const auto p_at = [](int n, double d) {
    std::vector<double> values;
    for (int i = 0; i < n; ++i) values.push_back(std::min(1.0, static_cast<double>(i) / n + d));
    return KolmogorovSmirnov(values, Uniform).p;
  };
  EXPECT_NEAR(p_at(20, 0.294), 0.05, 0.003);
  EXPECT_NEAR(p_at(100, 0.134), 0.05, 0.003);
  EXPECT_NEAR(p_at(20, 0.352), 0.01, 0.002);
}

TEST(KolmogorovSmirnov, HoldsItsLevel) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform;
  int rejected = 0;
  for (int i = 0; i < 2000; ++i) {
    std::vector<double> values(50);
    for (double& value : values) value = uniform(random);
    rejected += KolmogorovSmirnov(values, Uniform).p < 0.05 ? 1 : 0;
  }
  EXPECT_NEAR(rejected / 2000.0, 0.05, 0.015);
}

TEST(KolmogorovSmirnov, FindsAnotherDistribution) {
  std::mt19937_64 random(5);
  std::exponential_distribution<double> exponential(1);
  std::vector<double> values(300);
  for (double& value : values) value = exponential(random);
  EXPECT_LT(KolmogorovSmirnov(values, [](double x) { return 1 - std::exp(-1.5 * x); }).p, 0.01);
  EXPECT_GT(KolmogorovSmirnov(values, [](double x) { return 1 - std::exp(-x); }).p, 0.01);
}

}  // namespace
}  // namespace routebench::stats
