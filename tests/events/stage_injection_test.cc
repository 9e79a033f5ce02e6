#include "events/stage_injection.h"

#include <atomic>
#include <thread>

#include "gtest/gtest.h"

namespace routebench {
namespace {

using std::chrono::milliseconds;

TEST(StageInjection, IsReadAsItIsWritten) {
  const StageInjection injection{
      .delays = {{StageMark::kRouted, Duration(20'000)}, {StageMark::kHandled, Duration(0)}},
      .freezes = {{StageMark::kWritten, milliseconds(1000), milliseconds(500)}}};
  const std::string text = "delay:routed:20000,delay:handled:0,freeze:written:1000000000:500000000";
  EXPECT_EQ(ToText(injection), text);
  const auto read = ParseStageInjection(text);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, injection);
  EXPECT_TRUE(ParseStageInjection("")->empty());
}

TEST(StageInjection, OtherTextIsRefused) {
  for (const char* const text :
       {"routed:20000", "delay:routed", "delay:routed:20us", "delay:routed:-1", "delay:due:5",
        "delay:nowhere:5", "delay:routed:5:5", "freeze:routed:5", "freeze:routed:5:", "delay:routed:5,", ",",
        "stop:routed:5", "delay:routed:99999999999999999", "freeze:routed:5:5:5"}) {
    EXPECT_FALSE(ParseStageInjection(text).ok()) << text;
  }
}

Duration TimeToPass(InjectingHooks& hooks, StageMark mark) {
  const TimePoint start = Clock::System().Now();
  hooks.Pass(mark);
  return Clock::System().Now() - start;
}

TEST(InjectingHooks, DelaysEveryEventAtItsMark) {
  InjectingHooks hooks(
      {.delays = {{StageMark::kRouted, milliseconds(20)}, {StageMark::kRouted, milliseconds(5)}}});
  EXPECT_GE(TimeToPass(hooks, StageMark::kRouted), milliseconds(25));
  EXPECT_GE(TimeToPass(hooks, StageMark::kRouted), milliseconds(25));
}

// Nothing is said of how little time the others take: only that it is not the long time.
TEST(InjectingHooks, OtherMarksPass) {
  constexpr Duration kLong = std::chrono::minutes(10);
  InjectingHooks hooks({.delays = {{StageMark::kRouted, kLong}},
                        .freezes = {{StageMark::kQueued, kLong, kLong}, {StageMark::kHandled, {}, kLong}}});
  EXPECT_LT(TimeToPass(hooks, StageMark::kSent), kLong);
  EXPECT_LT(TimeToPass(hooks, StageMark::kQueued), kLong) << "its time has not come";
}

TEST(InjectingHooks, AFreezeHoldsEverybodyUpToItsEndAndThenNobody) {
  constexpr Duration kLength = milliseconds(40);
  InjectingHooks hooks({.freezes = {{StageMark::kHandled, {}, kLength}}});
  const TimePoint start = Clock::System().Now();
  std::thread other([&] { hooks.Pass(StageMark::kHandled); });
  hooks.Pass(StageMark::kHandled);
  other.join();
  EXPECT_GE(Clock::System().Now() - start, kLength);
  constexpr int kMany = 1000;
  for (int i = 0; i < kMany; ++i) hooks.Pass(StageMark::kHandled);
  EXPECT_LT(Clock::System().Now() - start, kMany * kLength) << "it holds for ever";
}

}  // namespace
}  // namespace routebench
