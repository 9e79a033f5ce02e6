#include "loadgen/trace/replay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/loadgen/temporary_directory.h"

namespace routebench::loadgen {
namespace {

using routebench::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Line(const std::string& second, const std::string& type) {
  return R"({"specversion":"1.0","id":"a","source":"/s","type":")" + type + R"(","time":"2026-01-31T12:00:)" +
         second + "Z\"}\n";
}

std::vector<int64_t> DueTimes(const Schedule& schedule) {
  std::vector<int64_t> times;
  for (const PlannedEvent& event : schedule.events) times.push_back(event.due_ns);
  return times;
}

class ReplayTest : public ::testing::Test {
 protected:
  ReplayTest() {
    plan_.set_speed(1);
    plan_.set_publishers(1);
    plan_.set_warmup_ns(7);
  }
  absl::StatusOr<Trace> Read(const std::string& text) { return ReadTrace(directory_.Write("t.jsonl", text)); }

  TemporaryDirectory directory_;
  record::RunPlan plan_;
};

TEST_F(ReplayTest, KeepsTheDistancesInTime) {
  const Trace trace = Read(Line("00.000000001", "routebench.system.started") +
                           Line("00.000000003", "routebench.mcp.tool_call") +
                           Line("02.000000001", "routebench.mcp.tool_call"))
                          .value();
  const Schedule schedule = MakeReplaySchedule(trace, plan_).value();
  EXPECT_THAT(DueTimes(schedule), ElementsAre(0, 2, 2'000'000'000));
  EXPECT_EQ(schedule.events[1].trace_index, 1u);
  EXPECT_EQ(schedule.events[1].kind, EventKind::kToolCall);
  EXPECT_EQ(schedule.phases[schedule.events[1].phase], "measured");
  EXPECT_GT(schedule.end_ns, schedule.events.back().due_ns);
}

TEST_F(ReplayTest, DividesThemBySpeedAndSpreadsThemOverPublishers) {
  const Trace trace = Read(Line("00", "a") + Line("01", "a") + Line("03", "a")).value();
  plan_.set_speed(10);
  plan_.set_publishers(2);
  const Schedule schedule = MakeReplaySchedule(trace, plan_).value();
  EXPECT_THAT(DueTimes(schedule), ElementsAre(0, 100'000'000, 300'000'000));
  EXPECT_EQ(schedule.events[0].publisher, 0);
  EXPECT_EQ(schedule.events[1].publisher, 1);
  EXPECT_EQ(schedule.events[2].publisher, 0);
  const uint64_t hash = schedule.hash;
  plan_.set_speed(1);
  EXPECT_NE(MakeReplaySchedule(trace, plan_)->hash, hash);
}

TEST_F(ReplayTest, DescribesTheTraceInThePlan) {
  const Trace trace = Read(Line("00", "routebench.mcp.tool_call") + Line("01", "routebench.mcp.tool_call") +
                           Line("01", "routebench.system.started") + Line("02", "com.example.x"))
                          .value();
  ASSERT_TRUE(MakeReplaySchedule(trace, plan_).ok());
  EXPECT_EQ(plan_.pattern(), "replay");
  EXPECT_EQ(plan_.events(), 4u);
  EXPECT_EQ(plan_.warmup_ns(), 0u);
  EXPECT_NEAR(plan_.rate_per_s(), 2, 1e-6);
  ASSERT_EQ(plan_.mix_size(), 3);
  EXPECT_EQ(plan_.mix(0).category(), "mcp");
  EXPECT_EQ(plan_.mix(0).percent(), 50);
  EXPECT_EQ(plan_.mix(2).category(), "custom");
}

TEST_F(ReplayTest, CountsUnknownTypes) {
  const Trace trace =
      Read(Line("00", "a") + Line("01", "routebench.mcp.tool_call") + Line("02", "b")).value();
  EXPECT_EQ(trace.unknown_types, 2u);
  EXPECT_THAT(RemarksOn(trace), HasSubstr("2 events of unknown types"));
}

TEST_F(ReplayTest, SortsTimesThatAreOutOfOrderAndSaysSo) {
  const Trace trace =
      Read(Line("05", "a") + Line("07", "b") + Line("06", "c") + Line("06", "d") + Line("07", "e")).value();
  EXPECT_EQ(trace.out_of_order, 2u);
  EXPECT_EQ(trace.first_out_of_order, 3u);
  EXPECT_THAT(RemarksOn(trace), HasSubstr("first in line 3"));
  std::string names;
  for (const TraceEvent& it : trace.events) names += AttributesOf(it.event).custom_name;
  EXPECT_EQ(names, "acdbe");
}

TEST_F(ReplayTest, SharesEqualAttributes) {
  const Trace trace = Read(Line("00", "a") + Line("01", "b") + Line("02", "a")).value();
  EXPECT_EQ(trace.events[0].event.attributes, trace.events[2].event.attributes);
  EXPECT_NE(trace.events[0].event.attributes, trace.events[1].event.attributes);
}

TEST_F(ReplayTest, HasNothingToSayAboutAGoodTrace) {
  EXPECT_EQ(RemarksOn(Read(Line("00", "routebench.mcp.tool_call")).value()), "");
}

TEST_F(ReplayTest, RefusesATraceWithoutEventsOrWithABrokenLine) {
  EXPECT_THAT(std::string(Read("").status().message()), HasSubstr("holds no event"));
  EXPECT_THAT(std::string(Read(Line("00", "a") + "\n").status().message()), HasSubstr("line 2: "));
}

TEST_F(ReplayTest, RefusesAReplayOfMoreThanADay) {
  const Trace trace = Read(Line("00", "a") + Line("59", "a")).value();
  plan_.set_speed(0.0001);
  EXPECT_THAT(std::string(MakeReplaySchedule(trace, plan_).status().message()), HasSubstr("raise --speed"));
}

}  // namespace
}  // namespace routebench::loadgen
