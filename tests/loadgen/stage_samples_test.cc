#include "loadgen/stage_samples.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

constexpr int64_t kDue = 1'000'000;

StageStamps StampsOf(int64_t sent, int64_t routed, int64_t queued, int64_t handled) {
  StageStamps stages;
  stages.nanos.fill(StageStamps::kNone);
  stages.Set(StageMark::kDue, FromNanos(kDue));
  stages.Set(StageMark::kSent, FromNanos(kDue + sent));
  stages.Set(StageMark::kRouted, FromNanos(kDue + routed));
  stages.Set(StageMark::kQueued, FromNanos(kDue + queued));
  stages.Set(StageMark::kHandled, FromNanos(kDue + handled));
  return stages;
}

void Add(StageSamples& samples, const StageStamps& stages, int64_t response, bool measured = true) {
  EventHeader header;
  header.due = FromNanos(kDue);
  samples.Add(stages, header, FromNanos(kDue + response), measured);
}

record::StageRecord RecordOf(const StageSamples& samples) {
  record::StageRecord stages;
  samples.ToRecord(&stages);
  return stages;
}

TEST(StageSamples, KeepsWhatEndedWithEachMark) {
  StageSamples samples;
  Add(samples, StampsOf(10, 15, 40, 100), 100);
  const record::StageRecord stages = RecordOf(samples);
  EXPECT_EQ(std::vector<std::string>(stages.marks().begin(), stages.marks().end()),
            (std::vector<std::string>{"due", "sent", "routed", "queued", "handled"}));
  EXPECT_EQ(std::vector<uint64_t>(stages.stage_ns().begin(), stages.stage_ns().end()),
            (std::vector<uint64_t>{10, 5, 25, 60}));
  EXPECT_EQ(stages.deliveries(), 1u);
  EXPECT_EQ(stages.violations(), 0u);
  EXPECT_DOUBLE_EQ(stages.response_sum_ns(), 100);
  EXPECT_DOUBLE_EQ(stages.response_sum_of_squares(), 10'000);
}

TEST(StageSamples, TheWarmUpIsCheckedAndNotCounted) {
  StageSamples samples;
  Add(samples, StampsOf(10, 15, 40, 100), 100, false);
  EXPECT_EQ(RecordOf(samples).deliveries(), 0u);
  Add(samples, StampsOf(10, 5, 40, 100), 100, false);
  EXPECT_EQ(samples.violations(), 1u);
}

TEST(StageSamples, ViolationsAreCountedAndNothingElse) {
  StageSamples samples;
  Add(samples, StampsOf(10, 15, 40, 100), 100);
  Add(samples, StampsOf(10, 41, 40, 100), 100);  // out of order
  Add(samples, StampsOf(10, 15, 40, 100), 101);  // not its response
  Add(samples, StampsOf(-1, 15, 40, 100), 100);  // sent before it was due
  StageStamps other = StampsOf(10, 15, 40, 100);
  other.nanos[static_cast<size_t>(StageMark::kQueued)] = StageStamps::kNone;  // other marks than the first
  Add(samples, other, 100);
  other = StampsOf(10, 15, 40, 100);
  other.Set(StageMark::kDue, FromNanos(kDue - 1));  // not the event's due time
  Add(samples, other, 100);
  other = StampsOf(10, 15, 40, 100);
  other.nanos[static_cast<size_t>(StageMark::kHandled)] = StageStamps::kNone;
  Add(samples, other, 100);
  EXPECT_EQ(samples.violations(), 6u);
  EXPECT_EQ(RecordOf(samples).deliveries(), 1u);
  EXPECT_EQ(RecordOf(samples).stage_ns_size(), 4);
}

TEST(StageSamples, KeepsABoundedChoiceOfAllWhateverIsMerged) {
  constexpr int kSets = 3;
  constexpr int64_t kEach = 20'000;
  StageSamples all(100);
  for (int set = 0; set < kSets; ++set) {
    StageSamples samples(static_cast<uint64_t>(set));
    for (int64_t i = 0; i < kEach; ++i) {
      const int64_t number = set * kEach + i;
      Add(samples, StampsOf(0, 0, 0, number), number);
    }
    all.Merge(samples);
  }
  const record::StageRecord stages = RecordOf(all);
  EXPECT_EQ(stages.deliveries(), static_cast<uint64_t>(kSets * kEach));
  ASSERT_EQ(stages.stage_ns_size(), static_cast<int>(4 * StageSamples::kMost));
  // Each third has its share, within six standard deviations of a draw without replacement.
  std::array<int, kSets> of_set{};
  for (int i = 3; i < stages.stage_ns_size(); i += 4)
    ++of_set[static_cast<size_t>(stages.stage_ns(i)) / static_cast<size_t>(kEach)];
  for (const int count : of_set) EXPECT_NEAR(count, static_cast<double>(StageSamples::kMost) / kSets, 240);
}

TEST(StageSamples, SetsWithOtherMarksDoNotMerge) {
  StageSamples one(1);
  StageSamples other(2);
  Add(one, StampsOf(10, 15, 40, 100), 100);
  StageStamps fewer = StampsOf(10, 15, 40, 100);
  fewer.nanos[static_cast<size_t>(StageMark::kQueued)] = StageStamps::kNone;
  Add(other, fewer, 100);
  one.Merge(other);
  EXPECT_EQ(one.violations(), 1u);
  EXPECT_EQ(RecordOf(one).deliveries(), 1u);
}

}  // namespace
}  // namespace routebench::loadgen
