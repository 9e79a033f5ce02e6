#include "analysis/stats/multiplicity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace routebench::stats {
namespace {

using ::testing::DoubleEq;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Holm, AdjustsStepByStep) {
  EXPECT_THAT(Holm(std::vector<double>{0.01, 0.04, 0.03, 0.005}),
              ElementsAre(DoubleEq(0.03), DoubleEq(0.06), DoubleEq(0.06), DoubleEq(0.02)));
}

TEST(Holm, NeverExceedsOne) {
  EXPECT_THAT(Holm(std::vector<double>{0.9, 0.8}), ElementsAre(1.0, 1.0));
  EXPECT_THAT(Holm(std::vector<double>{0.03}), ElementsAre(0.03));
  EXPECT_THAT(Holm({}), IsEmpty());
}

TEST(BenjaminiHochberg, MatchesTheWorkedExample) {
  // p.adjust(c(.01, .02, .03, .04, .05), "BH") is .05 for all.
  EXPECT_THAT(BenjaminiHochberg(std::vector<double>{0.01, 0.02, 0.03, 0.04, 0.05}),
              ::testing::Each(DoubleNear(0.05, 1e-12)));
  EXPECT_THAT(BenjaminiHochberg(std::vector<double>{0.5, 0.001, 0.04}),
              ElementsAre(DoubleNear(0.5, 1e-12), DoubleNear(0.003, 1e-12), DoubleNear(0.06, 1e-12)));
  EXPECT_THAT(BenjaminiHochberg({}), IsEmpty());
}

TEST(BonferroniLevel, DividesTheLevel) {
  EXPECT_DOUBLE_EQ(BonferroniLevel(0.05, 5), 0.01);
  EXPECT_DOUBLE_EQ(BonferroniLevel(0.05, 1), 0.05);
  EXPECT_DOUBLE_EQ(BonferroniLevel(0.05, 0), 0.05);
}

}  // namespace
}  // namespace routebench::stats
