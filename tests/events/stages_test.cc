#include "events/stages.h"

#include <set>

#include "gtest/gtest.h"
#include "tests/support/fake_time.h"

namespace routebench {
namespace {

using testing::FakeTime;

size_t CountSampled(const StageClock& clock, EventIdGenerator ids, size_t events) {
  size_t sampled = 0;
  for (size_t i = 0; i < events; ++i) sampled += clock.Samples(ids.Next()) ? 1 : 0;
  return sampled;
}

TEST(StageSampling, TakesOneInN) {
  const FakeTime time;
  constexpr size_t kEvents = 256'000;
  for (const uint64_t seed : {1, 2, 3}) {
    const StageClock clock(time, 128, nullptr);
    const size_t sampled = CountSampled(clock, EventIdGenerator(seed), kEvents);
    // Six standard deviations of a binomial around 2,000.
    EXPECT_GT(sampled, 1732u) << seed;
    EXPECT_LT(sampled, 2268u) << seed;
  }
}

TEST(StageSampling, AllOrNone) {
  const FakeTime time;
  EXPECT_EQ(CountSampled(StageClock(time, 1, nullptr), EventIdGenerator(5), 100'000), 100'000u);
  EXPECT_EQ(CountSampled(StageClock(time, 0, nullptr), EventIdGenerator(5), 100'000), 0u);
}

// A party that samples less takes some of those that another takes, and equal ones take the same.
TEST(StageSampling, IsDecidedByTheIdAlone) {
  const FakeTime time;
  const FakeTime other_time(FromNanos(5));
  const StageClock one(time, 8, nullptr);
  const StageClock same(other_time, 8, nullptr);
  const StageClock fewer(time, 64, nullptr);
  EventIdGenerator ids(7);
  for (int i = 0; i < 10'000; ++i) {
    const EventId id = ids.Next();
    EXPECT_EQ(one.Samples(id), same.Samples(id));
    EXPECT_TRUE(one.Samples(id) || !fewer.Samples(id));
  }
}

TEST(StageClock, StampsWhatIsSampled) {
  FakeTime time(FromNanos(1000));
  const StageClock clock(time, 1, nullptr);
  EventHeader header;
  header.due = FromNanos(400);
  StageStamps storage;
  StageStamps* const stages = clock.Begin(header, storage);
  ASSERT_EQ(stages, &storage);
  time.Advance(Duration(5));
  clock.Reach(StageMark::kRouted, stages);
  clock.Reach(StageMark::kRouted, nullptr);
  EXPECT_EQ(stages->of(StageMark::kDue), FromNanos(400));
  EXPECT_EQ(stages->of(StageMark::kSent), FromNanos(1000));
  EXPECT_EQ(stages->of(StageMark::kRouted), FromNanos(1005));
  EXPECT_FALSE(stages->has(StageMark::kEncoded));
  EXPECT_FALSE(stages->has(StageMark::kHandled));
  EXPECT_TRUE(stages->monotone());

  const StageClock off(time, 0, nullptr);
  EXPECT_EQ(off.Begin(header, storage), nullptr);
}

TEST(StageClock, HooksComeBeforeTheStampAndForEveryEvent) {
  class Hooks final : public StageHooks {
   public:
    explicit Hooks(FakeTime& time) : time_(time) {}
    void Pass(StageMark mark) override {
      passed.insert(mark);
      time_.Advance(Duration(7));
    }
    std::multiset<StageMark> passed;

   private:
    FakeTime& time_;
  };
  FakeTime time(FromNanos(0));
  Hooks hooks(time);
  const StageClock clock(time, 1, &hooks);
  StageStamps storage;
  StageStamps* const stages = clock.Begin({}, storage);
  clock.Reach(StageMark::kQueued, stages);
  clock.ReachAgain(StageMark::kQueued, stages);
  clock.Reach(StageMark::kQueued, nullptr);
  EXPECT_EQ(stages->of(StageMark::kSent), FromNanos(7));
  EXPECT_EQ(stages->of(StageMark::kQueued), FromNanos(14));
  EXPECT_EQ(hooks.passed,
            (std::multiset<StageMark>{StageMark::kSent, StageMark::kQueued, StageMark::kQueued}));
  EXPECT_EQ(StageClock(time, 0, &hooks).Begin({}, storage), nullptr);
  EXPECT_EQ(hooks.passed.count(StageMark::kSent), 2u);
}

TEST(StageStamps, MonotoneLooksAtWhatIsThere) {
  StageStamps stages;
  stages.nanos.fill(StageStamps::kNone);
  EXPECT_TRUE(stages.monotone());
  stages.Set(StageMark::kSent, FromNanos(5));
  stages.Set(StageMark::kHandled, FromNanos(5));
  EXPECT_TRUE(stages.monotone());
  stages.Set(StageMark::kRouted, FromNanos(6));
  EXPECT_FALSE(stages.monotone());
}

TEST(StageMarks, HaveNamesThatAreRead) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kStageMarkCount; ++i) {
    const auto mark = static_cast<StageMark>(i);
    names.insert(Name(mark));
    EXPECT_EQ(ParseStageMark(Name(mark)), mark);
  }
  EXPECT_EQ(names.size(), kStageMarkCount);
  EXPECT_EQ(Name(StageMark::kDue), "due");
  EXPECT_EQ(Name(StageMark::kHandled), "handled");
  EXPECT_FALSE(ParseStageMark("Routed").has_value());
  EXPECT_FALSE(ParseStageMark("").has_value());
}

}  // namespace
}  // namespace routebench
