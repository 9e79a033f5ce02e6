#include "loadgen/pacer.h"

#include <thread>

#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

class PacerTest : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Pacer> pacer_ = MakePacer(GetParam()).value();
  std::atomic<bool> stop_{false};
};

TEST_P(PacerTest, NeverReturnsEarly) {
  for (int i = 0; i < 20; ++i) {
    const TimePoint due = Clock::System().Now() + std::chrono::microseconds(100 * i);
    pacer_->WaitUntil(due, stop_);
    EXPECT_GE(Clock::System().Now(), due);
  }
}

TEST_P(PacerTest, ReturnsAtOnceForThePast) {
  const TimePoint start = Clock::System().Now();
  for (int i = 0; i < 1000; ++i) pacer_->WaitUntil(start - std::chrono::hours(1), stop_);
  EXPECT_LT(Clock::System().Now() - start, std::chrono::seconds(5));
}

TEST_P(PacerTest, GivesUpWhenStopped) {
  std::thread stopper([this] { stop_ = true; });
  pacer_->WaitUntil(Clock::System().Now() + std::chrono::hours(1), stop_);
  stopper.join();
}

INSTANTIATE_TEST_SUITE_P(, PacerTest, ::testing::Values("sleep", "spin"),
                         [](const auto& it) { return std::string(it.param); });

TEST(MakePacerTest, RefusesOtherNames) {
  EXPECT_EQ(MakePacer("nap").status().message(), "--pacer is sleep or spin, not \"nap\"");
}

}  // namespace
}  // namespace routebench::loadgen
