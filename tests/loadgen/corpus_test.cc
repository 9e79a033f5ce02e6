#include "loadgen/corpus.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

Schedule ScheduleOf(std::vector<std::pair<EventKind, uint32_t>> shapes, int rounds = 1) {
  Schedule schedule;
  schedule.phases = {"warmup", "measured"};
  for (int i = 0; i < rounds; ++i) {
    for (const auto& [kind, bytes] : shapes) {
      PlannedEvent planned;
      planned.kind = kind;
      planned.payload_bytes = bytes;
      schedule.events.push_back(planned);
    }
  }
  return schedule;
}

TEST(CorpusTest, EveryPlannedEventHasABodyOfItsKindAndSize) {
  const Schedule schedule =
      ScheduleOf({{EventKind::kFileMoved, 200}, {EventKind::kToolCall, 512}, {EventKind::kCustom, 64}}, 50);
  const Corpus corpus = Corpus::ForSchedule(schedule, 7).value();
  for (size_t i = 0; i < schedule.events.size(); ++i) {
    const Event& event = corpus.events().at(corpus.EventOf(i));
    ASSERT_EQ(event.header.kind, schedule.events[i].kind);
    ASSERT_EQ(event.payload.encoded_size(), schedule.events[i].payload_bytes);
    ASSERT_NE(event.attributes, nullptr);
    EXPECT_FALSE(event.attributes->source.id.empty());
    EXPECT_EQ(event.attributes->custom_name.empty(), schedule.events[i].kind != EventKind::kCustom);
  }
}

TEST(CorpusTest, NeighboursOfOneKindDiffer) {
  const Schedule schedule = ScheduleOf({{EventKind::kRecordUpdated, 512}}, 4);
  const Corpus corpus = Corpus::ForSchedule(schedule, 7).value();
  std::set<const void*> bodies;
  for (size_t i = 0; i < 4; ++i) bodies.insert(&corpus.events()[corpus.EventOf(i)].payload.message());
  EXPECT_EQ(bodies.size(), 4u);
}

TEST(CorpusTest, EventsOfACategoryShareTheirAttributes) {
  const Schedule schedule = ScheduleOf({{EventKind::kFileMoved, 200}, {EventKind::kFileCreated, 200}}, 2);
  const Corpus corpus = Corpus::ForSchedule(schedule, 7).value();
  for (size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(corpus.events()[corpus.EventOf(i)].attributes, corpus.events()[corpus.EventOf(0)].attributes);
  }
}

TEST(CorpusTest, LargeBodiesHaveFewVariants) {
  constexpr uint32_t kBytes = uint32_t{8} << 20;
  const Schedule schedule = ScheduleOf({{EventKind::kCustom, kBytes}}, 100);
  const Corpus corpus = Corpus::ForSchedule(schedule, 7).value();
  EXPECT_LE(corpus.events().size() * kBytes, Corpus::kMaxBytes);
}

TEST(CorpusTest, AnUnreachableSizeNamesTheNearest) {
  const auto corpus = Corpus::ForSchedule(ScheduleOf({{EventKind::kFileMoved, 10}}), 7);
  ASSERT_FALSE(corpus.ok());
  EXPECT_THAT(std::string(corpus.status().message()), ::testing::HasSubstr("83"));
}

TEST(CorpusTest, ATraceKeepsItsEvents) {
  Schedule schedule = ScheduleOf({{EventKind::kFileMoved, 200}}, 3);
  for (uint32_t i = 0; i < 3; ++i) schedule.events[i].trace_index = 2 - i;
  std::vector<Event> events(3);
  for (uint64_t i = 0; i < 3; ++i) events[i].header.sequence = i;
  const Corpus corpus = Corpus::OfTrace(schedule, std::move(events));
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(corpus.events()[corpus.EventOf(i)].header.sequence, 2 - i);
}

}  // namespace
}  // namespace routebench::loadgen
