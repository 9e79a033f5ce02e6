// One run as text and as JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "analysis/record/json.h"
#include "analysis/record/summary.h"
#include "golden.h"
#include "sample_record.h"

namespace routebench::record {
namespace {

using ::routebench::testing::ExpectGolden;
using ::routebench::testing::MakeRecord;
using ::testing::HasSubstr;

TEST(RunText, IsTheGoldenOne) {
  ExpectGolden(RenderSummary(MakeRecord({.backend = "daemon:unix", .lost = 30})), "run_summary.txt");
  ExpectGolden(RunToJson(MakeRecord({.backend = "daemon:unix", .lost = 30})), "run.json");
}

TEST(RunToJson, IsFlatWithIntegersAsNumbers) {
  const auto json = nlohmann::json::parse(RunToJson(MakeRecord({.lost = 30})));
  for (const auto& [key, value] : json.items()) EXPECT_FALSE(value.is_structured()) << key;
  EXPECT_EQ(json["schema"], "routebench.run.v1");
  EXPECT_TRUE(json["response_p99_ns"].is_number_integer());
  EXPECT_EQ(json["outcome_dropped_queue_full"], 30);
  EXPECT_EQ(json["missing"], 30);
  EXPECT_EQ(json["valid"], true);
}

TEST(RunToJson, LeavesUnknownFiguresOut) {
  RunRecord record = MakeRecord({.lost = 300});
  record.mutable_processes(0)->clear_proportional_bytes();
  const auto json = nlohmann::json::parse(RunToJson(record));
  EXPECT_FALSE(json.contains("response_p99_ns"));
  EXPECT_FALSE(json.contains("wire_bytes_per_event"));
  EXPECT_FALSE(json.contains("pss_bytes"));
  EXPECT_FALSE(json.contains("publisher_receiver_pss_bytes"));
  EXPECT_TRUE(json.contains("publisher_receiver_cpu_user_ns"));
}

TEST(RunToJson, NumbersProcessesOfOneRole) {
  RunRecord record = MakeRecord({});
  *record.add_processes() = record.processes(0);
  const auto json = nlohmann::json::parse(RunToJson(record));
  EXPECT_TRUE(json.contains("publisher_receiver_2_pid"));
}

TEST(RunToJson, SurvivesTextThatIsNotUtf8) {
  RunRecord record = MakeRecord({});
  record.mutable_environment()->set_host("\xff\xfe");
  EXPECT_FALSE(nlohmann::json::parse(RunToJson(record), nullptr, false).is_discarded());
}

TEST(RenderSummary, SaysWhyARunIsInvalid) {
  RunRecord record = MakeRecord({});
  record.mutable_gates(0)->set_passed(false);
  record.mutable_gates(0)->set_finding("90 % of the load was offered");
  EXPECT_THAT(RenderSummary(record), HasSubstr("INVALID    offered_load: 90 % of the load was offered"));
}

TEST(RenderSummary, OfAnEmptyRecordHasReasonsInPlaceOfFigures) {
  EXPECT_THAT(RenderSummary(RunRecord()), HasSubstr("p99 nothing was offered"));
}

}  // namespace
}  // namespace routebench::record
