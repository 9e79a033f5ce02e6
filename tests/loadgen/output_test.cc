#include "loadgen/output.h"

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loadgen/input.h"
#include "loadgen/options.h"
#include "loadgen/workload/services.h"
#include "tests/analysis/sample_record.h"

namespace routebench::loadgen {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PrintPlanTest : public ::testing::Test {
 protected:
  std::string Print(const RunOptions& options, bool json) {
    record::RunPlan plan = MakePlan(options).value();
    const Input input = ReadInput(plan).value();
    plan.set_events(input.schedule.events.size());
    plan.set_fan_out(FanOut(input.schedule, plan));
    std::ostringstream out;
    PrintPlan(plan, input.schedule, json, out);
    return out.str();
  }
};

TEST_F(PrintPlanTest, SaysWhatTheFlagsAmountTo) {
  RunOptions options;
  options.pattern = "burst";
  options.rate = "1k/s";
  options.duration = "2s";
  options.payload = "512B..4KiB";
  options.mix = "filesystem=75,database=25";
  options.services = 2;  // one for each
  const std::string text = Print(options, false);
  EXPECT_THAT(text, HasSubstr("pattern     burst, even arrivals, open loop, seed 1"));
  EXPECT_THAT(text, HasSubstr("1k/s for 2 s after 500 ms of warm-up: 2500 events by 1 publisher\n"));
  EXPECT_THAT(text, HasSubstr("512 B to 4 KiB, encoded"));
  EXPECT_THAT(text, HasSubstr("deliveries  2500 expected, fan-out 1.00"));
  EXPECT_THAT(text, HasSubstr("queues      4096 events each, block when full, fifo order"));
  EXPECT_THAT(text, HasSubstr("mix         filesystem  75.0 %"));
  EXPECT_THAT(text, HasSubstr("takes database"));
}

TEST_F(PrintPlanTest, SaysWhoReceivesAndWhatHandlersDo) {
  RunOptions options;
  EXPECT_THAT(Print(options, false),
              HasSubstr("addressing  to-all, 0 rules\ndelivery    at-most-once, one-way\n"
                        "handlers    0 % fail\n"));
  options.addressing = "to-group";
  options.balancer = "weighted-random";
  options.weights = "1,2";
  options.rules = 7;
  options.delivery = "at-least-once";
  options.exchange = "request";
  options.handler_time = "20us";
  options.handler_failures = "1%";
  options.retry = 3;
  options.delivery_timeout = "50ms";
  options.breaker = "strict";
  options.concurrency = 2;
  options.expire_after = "100ms";
  const std::string text = Print(options, false);
  EXPECT_THAT(text, HasSubstr("addressing  to-group, weighted-random, weights 1,2, 7 rules\n"));
  EXPECT_THAT(text, HasSubstr("delivery    at-least-once, requests, 1 s for an answer\n"));
  EXPECT_THAT(text,
              HasSubstr("handlers    1 % fail, busy for 20 us, 3 attempts, the second after 1 ms, timeout "
                        "50 ms, 2 at once, breakers strict, events expire after 100 ms\n"));
  const auto json = nlohmann::json::parse(Print(options, true));
  EXPECT_EQ(json["addressing"], "to-group");
  EXPECT_EQ(json["weights"], "1,2");
  EXPECT_EQ(json["handler_failures_share"], 0.01);
  EXPECT_EQ(json["fan_out"], 1.0) << "one of each group";
}

TEST_F(PrintPlanTest, CutsALongListOfServices) {
  RunOptions options;
  options.services = 40;
  EXPECT_THAT(Print(options, false), HasSubstr("and 28 more"));
  options.services = 12;
  EXPECT_THAT(Print(options, false), Not(HasSubstr("more")));
}

TEST_F(PrintPlanTest, IsOneObjectAsJson) {
  RunOptions options;
  options.rate = "1k/s";
  options.duration = "2s";
  const auto json = nlohmann::json::parse(Print(options, true));
  EXPECT_EQ(json["schema"], "routebench.plan.v1");
  EXPECT_EQ(json["events"], 2500);
  EXPECT_EQ(json["duration_ns"], 2'000'000'000);
  EXPECT_EQ(json["schedule_hash"].get<std::string>().size(), 16u);
}

TEST(PrintRunTest, IsASummaryOrJson) {
  const record::RunRecord record = routebench::testing::MakeRecord({});
  std::ostringstream text, json;
  PrintRun(record, false, text);
  PrintRun(record, true, json);
  EXPECT_THAT(text.str(), HasSubstr("response"));
  EXPECT_EQ(nlohmann::json::parse(json.str())["schema"], "routebench.run.v1");
}

TEST(ProgressLineTest, IsSilentWhenToldToBe) {
  std::ostringstream err;
  {
    ProgressLine line(err, /*quiet=*/true);
    line.Show(std::chrono::seconds(1), std::chrono::seconds(3), 10, 30);
  }
  EXPECT_EQ(err.str(), "");
}

}  // namespace
}  // namespace routebench::loadgen
