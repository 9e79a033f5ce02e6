#include "loadgen/input.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loadgen/options.h"
#include "tests/loadgen/temporary_directory.h"

namespace routebench::loadgen {
namespace {

using routebench::testing::TemporaryDirectory;
using ::testing::HasSubstr;

std::string Line(int number, const char* type) {
  return absl::StrCat(R"({"specversion":"1.0","id":")", number, R"(","source":"/s","type":")", type,
                      R"(","time":"2026-01-31T12:00:0)", number, R"(Z"})", "\n");
}

class InputTest : public ::testing::Test {
 protected:
  record::RunPlan PlanOf(const std::string& trace = "") {
    RunOptions options;
    options.replay = trace;
    if (trace.empty()) {
      options.rate = "1k/s";
      options.duration = "200ms";
    }
    return MakePlan(options).value();
  }
  TemporaryDirectory directory_;
};

TEST_F(InputTest, APatternHasASampledEventForEveryArrival) {
  record::RunPlan plan = PlanOf();
  const Input input = ReadInput(plan).value();
  EXPECT_EQ(input.remarks, "");
  ASSERT_EQ(input.schedule.events.size(), 700u);
  for (size_t i = 0; i < input.schedule.events.size(); ++i) {
    const Event& event = input.corpus.events().at(input.corpus.EventOf(i));
    EXPECT_EQ(event.header.kind, input.schedule.events[i].kind);
    EXPECT_EQ(event.payload.encoded_size(), 512u);
  }
}

TEST_F(InputTest, BothProcessesGetTheSameSchedule) {
  record::RunPlan plan = PlanOf();
  record::RunPlan theirs = plan;
  EXPECT_EQ(ReadInput(plan)->schedule.hash, ReadSchedule(theirs)->hash);
  const std::string trace = directory_.Write("t.jsonl", Line(1, "routebench.filesystem.file_deleted") +
                                                            Line(2, "routebench.database.table_created"));
  record::RunPlan replay = PlanOf(trace);
  theirs = replay;
  EXPECT_EQ(ReadInput(replay)->schedule.hash, ReadSchedule(theirs)->hash);
  EXPECT_EQ(replay.SerializeAsString(), theirs.SerializeAsString());
}

TEST_F(InputTest, ATraceDecidesTheMixAndWhoTakesIt) {
  record::RunPlan plan =
      PlanOf(directory_.Write("t.jsonl", Line(1, "routebench.filesystem.file_deleted") +
                                             Line(3, "routebench.filesystem.file_deleted")));
  const Input input = ReadInput(plan).value();
  ASSERT_EQ(input.schedule.events.size(), 2u);
  EXPECT_EQ(input.schedule.events[1].due_ns - input.schedule.events[0].due_ns, 2'000'000'000);
  ASSERT_EQ(plan.mix_size(), 1);
  EXPECT_EQ(plan.mix(0).category(), "filesystem");
  for (const record::ServicePlan& service : plan.services())
    EXPECT_THAT(service.categories(), ::testing::ElementsAre("filesystem"));
}

TEST_F(InputTest, UnknownTypesAreCustomAndCounted) {
  record::RunPlan plan =
      PlanOf(directory_.Write("t.jsonl", Line(1, "com.example.a") + Line(2, "com.example.b") +
                                             Line(3, "routebench.system.log_rotated")));
  const Input input = ReadInput(plan).value();
  EXPECT_THAT(input.remarks, HasSubstr("2 events of unknown types are sent as custom events"));
  EXPECT_EQ(input.schedule.events[0].kind, EventKind::kCustom);
  EXPECT_EQ(input.schedule.events[2].kind, EventKind::kLogRotated);
}

TEST_F(InputTest, SaysWhatIsWrongWithATrace) {
  record::RunPlan plan = PlanOf(directory_ / "nothing");
  EXPECT_THAT(std::string(ReadInput(plan).status().message()), HasSubstr("nothing"));
  plan = PlanOf(directory_.Write("cut.jsonl", Line(1, "a.b") + R"({"specversion":)"));
  EXPECT_THAT(std::string(ReadInput(plan).status().message()), HasSubstr("cut.jsonl: line 2"));
  EXPECT_THAT(std::string(ReadSchedule(plan).status().message()), HasSubstr("cut.jsonl: line 2"));
}

}  // namespace
}  // namespace routebench::loadgen
