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
  const RunRecord record = MakeRecord({.backend = "daemon:unix", .lost = 30, .stages = true});
  ExpectGolden(RenderSummary(record), "run_summary.txt");
  ExpectGolden(RunToJson(record), "run.json");
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

TEST(RunText, SaysWhatWasAskedForAndHowItWent) {
  record::RunRecord record = MakeRecord({.backend = "daemon:unix"});
  record::RunPlan& plan = *record.mutable_plan();
  plan.set_addressing("to-group");
  plan.set_balancer("least-connections");
  for (const double weight : {1, 2, 4}) plan.add_weights(weight);
  plan.set_rules(20);
  plan.set_delivery("at-least-once");
  plan.set_exchange("request");
  plan.set_request_timeout_ns(1'000'000'000);
  plan.mutable_handler()->set_time_ns(20'000);
  plan.mutable_handler()->set_work("busy");
  plan.mutable_handler()->set_failures(0.01);
  plan.mutable_subscription()->set_attempts(3);
  plan.set_breaker("strict");
  record::BooksRecord& books = *record.mutable_books();
  books.set_probe_handed(20'400);
  books.set_probe_retries(400);
  books.set_probe_dead_lettered(200);
  books.set_breaker_openings(7);
  record::Cell& cell = *record.mutable_cells(0);
  cell.set_answered(9'990);
  cell.set_request_timeouts(8);
  cell.set_request_errors(2);
  const std::string text = RenderSummary(record);
  EXPECT_THAT(text,
              HasSubstr("to-group, least-connections; 20 rules; at-least-once; requests, 1.00 s for an "
                        "answer; handlers busy for 20.0 us; 1 % of the events fail; 3 attempts; breakers "
                        "strict\n"));
  EXPECT_THAT(text, HasSubstr("20,400 times handed, 400 of them again, 200 dead letters"));
  EXPECT_THAT(text, HasSubstr("opened 7 times"));
  EXPECT_THAT(text, HasSubstr("9,990 of 20,000 requests, 8 timeouts, 2 errors"));
  EXPECT_THAT(text, HasSubstr("round trip p50"));
  const std::string json = RunToJson(record);
  for (const char* key :
       {"\"addressing\": \"to-group\"", "\"balancer\": \"least-connections\"", "\"weights\": \"1,2,4\"",
        "\"rules\": 20", "\"exchange\": \"request\"", "\"handler_time_ns\": 20000", "\"attempts\": 3",
        "\"breaker\": \"strict\"", "\"retries\": 400", "\"dead_lettered\": 200", "\"breaker_openings\": 7",
        "\"answered\": 9990", "\"request_timeouts\": 8", "\"request_errors\": 2", "\"unanswered_share\": "}) {
    EXPECT_THAT(json, HasSubstr(key));
  }
}

}  // namespace
}  // namespace routebench::record
