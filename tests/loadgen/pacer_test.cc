#include "loadgen/pacer.h"

#include <sched.h>

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

TEST_P(PacerTest, WaitedForNoProcessorWhereItCameInTime) {
  Duration waited = Duration::max();
  for (int i = 0; i < 10'000 && waited != Duration::zero(); ++i)
    waited = pacer_->WaitUntil(Clock::System().Now() + std::chrono::microseconds(50), stop_);
  EXPECT_EQ(waited, Duration::zero());
}

// Two threads that keep one processor busy, so that either has to wait for it.
TEST_P(PacerTest, SaysHowLongItWaitedForAProcessor) {
  cpu_set_t former;
  sched_getaffinity(0, sizeof former, &former);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
  std::atomic<bool> over{false};
  std::thread competitor([&over] {  // on the same processor: threads inherit that
    while (!over) {
    }
  });
  const TimePoint deadline = Clock::System().Now() + std::chrono::seconds(20);
  Duration waited{};
  TimePoint due{};
  while (waited == Duration::zero() && due < deadline) {
    due = Clock::System().Now() + std::chrono::milliseconds(1);
    waited = pacer_->WaitUntil(due, stop_);
  }
  const TimePoint end = Clock::System().Now();
  over = true;
  competitor.join();
  sched_setaffinity(0, sizeof former, &former);
  EXPECT_GT(waited, Duration::zero());
  EXPECT_LE(waited, end - due + std::chrono::milliseconds(1));
}

INSTANTIATE_TEST_SUITE_P(, PacerTest, ::testing::Values("sleep", "spin"),
                         [](const auto& it) { return std::string(it.param); });

TEST(MakePacerTest, RefusesOtherNames) {
  EXPECT_EQ(MakePacer("nap").status().message(), "--pacer is sleep or spin, not \"nap\"");
}

}  // namespace
}  // namespace routebench::loadgen
