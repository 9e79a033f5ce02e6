#include "analysis/record/stages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "analysis/record/histogram.h"
#include "analysis/record/run_record.h"
#include "events/stages.h"
#include "sample_record.h"

namespace routebench::record {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Deliveries with responses from 1 to `count` us, every `step`-th of them sampled, its response shared out
// among the stages as `share` says.
RunRecord RunOf(uint64_t count, uint64_t step, const std::function<uint64_t(uint64_t)>& share) {
  RunRecord run = routebench::testing::MakeRecord({.events = 2 * count});
  run.clear_cells();
  run.mutable_plan()->set_stage_sampling(static_cast<uint32_t>(step));
  StageRecord& stages = *run.mutable_stages();
  for (const char* const mark : {"due", "sent", "routed", "handled"}) stages.add_marks(mark);
  Histogram response;
  double sum = 0;
  double squares = 0;
  for (uint64_t us = 1; us <= count; ++us) {
    const uint64_t nanos = us * 1000;
    response.Record(static_cast<int64_t>(nanos));
    if (us % step != 0) continue;
    const uint64_t routed = share(nanos);
    for (const uint64_t stage : {uint64_t{100}, routed, nanos - routed - 100}) stages.add_stage_ns(stage);
    stages.set_deliveries(stages.deliveries() + 1);
    sum += static_cast<double>(nanos);
    squares += static_cast<double>(nanos) * static_cast<double>(nanos);
  }
  stages.set_response_sum_ns(sum);
  stages.set_response_sum_of_squares(squares);
  Cell& cell = *run.add_cells();
  cell.set_phase("steady");
  cell.set_category("database");
  cell.set_offered(count);
  cell.set_expected(count);
  cell.set_delivered(count);
  response.ToData(cell.mutable_response());
  response.ToData(cell.mutable_service());
  response.ToData(cell.mutable_self_lag());
  response.ToData(cell.mutable_blocked());
  return run;
}

uint64_t Tenth(uint64_t nanos) { return nanos / 10; }

TEST(TabulateStages, MeansOfTheBandsSumToTheirResponse) {
  const RunRecord run = RunOf(10'000, 2, Tenth);
  ASSERT_TRUE(CheckRunRecord(run).ok()) << CheckRunRecord(run);
  const StageTable table = TabulateStages({&run});
  EXPECT_EQ(table.one_in, 2u);
  EXPECT_EQ(table.deliveries, 5000u);
  EXPECT_THAT(table.stages, ElementsAre("sent", "routed", "handled"));
  ASSERT_THAT(table.bands, SizeIs(2));
  const StageBand& middle = table.bands[0];
  EXPECT_EQ(middle.name, "p50");
  EXPECT_NEAR(static_cast<double>(middle.samples), 500, 45);  // the limits are edges of buckets
  EXPECT_NEAR(middle.response_ns, 5.0e6, 0.05e6);
  ASSERT_THAT(middle.mean_ns, SizeIs(3));
  EXPECT_DOUBLE_EQ(middle.mean_ns[0], 100);
  EXPECT_NEAR(middle.mean_ns[1], middle.response_ns / 10, 1);
  EXPECT_NEAR(middle.mean_ns[0] + middle.mean_ns[1] + middle.mean_ns[2], middle.response_ns, 1e-3);
  EXPECT_NEAR(middle.share(1), 0.1, 1e-6);
  const StageBand& tail = table.bands[1];
  EXPECT_EQ(tail.name, "p99");
  EXPECT_NEAR(tail.response_ns, 9.9e6, 0.05e6);
}

// What makes the slow ones slow need not be what the others spend their time with.
TEST(TabulateStages, TheTailHasSharesOfItsOwn) {
  const RunRecord run =
      RunOf(10'000, 1, [](uint64_t nanos) { return nanos > 9'000'000 ? nanos - 1000 : nanos / 10; });
  const StageTable table = TabulateStages({&run});
  EXPECT_NEAR(table.bands[0].share(1), 0.1, 1e-6);
  EXPECT_GT(table.bands[1].share(1), 0.99);
}

TEST(TabulateStages, TooFewSamplesHaveNoFigures) {
  const RunRecord run = RunOf(10'000, 50, Tenth);
  const StageTable table = TabulateStages({&run});
  EXPECT_TRUE(table.bands[0].known());
  EXPECT_FALSE(table.bands[1].known());
  EXPECT_GT(table.bands[1].samples, 0u);
  // Runs of one arm count together.
  std::vector<const RunRecord*> runs(20, &run);
  EXPECT_TRUE(TabulateStages(runs).bands[1].known());
}

TEST(TabulateStages, WhatWasNotDeliveredHasNoBand) {
  RunRecord run = RunOf(10'000, 1, Tenth);
  run.mutable_cells(0)->set_expected(10'200);
  run.mutable_cells(0)->set_offered(10'200);
  const StageTable table = TabulateStages({&run});
  EXPECT_TRUE(table.bands[0].known());
  EXPECT_EQ(table.bands[1].samples, 0u);
  EXPECT_FALSE(table.bands[1].known());
}

TEST(TabulateStages, WithoutSamplesThereIsNoTable) {
  const RunRecord run = routebench::testing::MakeRecord({});
  EXPECT_TRUE(TabulateStages({&run}).empty());
  EXPECT_TRUE(TabulateStages({}).empty());
}

TEST(TabulateStages, ComparesTheMeans) {
  const RunRecord good = RunOf(10'000, 1, Tenth);
  StageTable table = TabulateStages({&good});
  EXPECT_EQ(table.check, SampleCheck::kAgrees);
  EXPECT_NEAR(table.difference, 0, 1e-9);
  EXPECT_THAT(SamplingText(table), HasSubstr("agrees"));

  RunRecord slow = good;
  slow.mutable_stages()->set_response_sum_ns(good.stages().response_sum_ns() * 1.05);
  slow.mutable_stages()->set_response_sum_of_squares(good.stages().response_sum_of_squares() * 1.05 * 1.05);
  table = TabulateStages({&slow});
  EXPECT_EQ(table.check, SampleCheck::kDiffers);
  EXPECT_NEAR(table.difference, 0.05, 1e-6);
  EXPECT_THAT(SamplingText(table), HasSubstr("DIFFERS"));

  const RunRecord few = RunOf(10'000, 100, Tenth);
  table = TabulateStages({&few});
  EXPECT_EQ(table.check, SampleCheck::kTooFew);
  EXPECT_GT(table.standard_error, 0.02);
  EXPECT_THAT(SamplingText(table), HasSubstr("not enough samples"));

  // Ten deliveries of an event are one observation.
  RunRecord fanned = good;
  const double alone = TabulateStages({&good}).standard_error;
  fanned.mutable_plan()->set_fan_out(10);
  EXPECT_NEAR(TabulateStages({&fanned}).standard_error, alone * 3.1623, alone * 0.01);
}

TEST(CheckStages, RefusesWhatDoesNotFitTogether) {
  const RunRecord good = RunOf(100, 1, Tenth);
  EXPECT_TRUE(CheckStages(good.stages()).ok());
  EXPECT_TRUE(CheckStages(StageRecord()).ok());
  const auto refuses = [&](const std::function<void(StageRecord&)>& damage) {
    StageRecord stages = good.stages();
    damage(stages);
    RunRecord run = good;
    *run.mutable_stages() = stages;
    EXPECT_FALSE(CheckRunRecord(run).ok());
    return !CheckStages(stages).ok();
  };
  EXPECT_TRUE(refuses([](StageRecord& s) { s.set_marks(1, "nowhere"); }));
  EXPECT_TRUE(refuses([](StageRecord& s) { s.set_marks(1, "handled"); }));
  EXPECT_TRUE(refuses([](StageRecord& s) { s.set_marks(0, "sent"); }));
  EXPECT_TRUE(refuses([](StageRecord& s) { s.mutable_marks()->RemoveLast(); }));
  EXPECT_TRUE(refuses([](StageRecord& s) { s.clear_marks(); }));
  EXPECT_TRUE(refuses([](StageRecord& s) { s.add_stage_ns(1); }));
  EXPECT_TRUE(refuses([](StageRecord& s) { s.set_deliveries(99); }));
  EXPECT_TRUE(refuses([](StageRecord& s) { s.set_stage_ns(5, uint64_t{1} << 60); }));
  EXPECT_TRUE(refuses([](StageRecord& s) { s.set_response_sum_ns(-1); }));
  EXPECT_TRUE(refuses(
      [](StageRecord& s) { s.set_response_sum_of_squares(std::numeric_limits<double>::quiet_NaN()); }));
}

TEST(InjectionText, SaysWhatWasDoneToTheRun) {
  RunPlan plan;
  EXPECT_THAT(InjectionText(plan), IsEmpty());
  InjectedDelay& delay = *plan.add_injected_delays();
  delay.set_mark("routed");
  delay.set_delay_ns(20'000);
  InjectedFreeze& freeze = *plan.add_injected_freezes();
  freeze.set_mark("handled");
  freeze.set_at_ns(1'000'000'000);
  freeze.set_for_ns(200'000'000);
  EXPECT_EQ(InjectionText(plan), "INJECTED: 20.0 us before routed, handled frozen for 200 ms at 1.00 s");
}

TEST(StageMarkNames, AreThoseOfTheStageClock) {
  ASSERT_EQ(StageMarkNames().size(), kStageMarkCount);
  for (size_t i = 0; i < kStageMarkCount; ++i) {
    EXPECT_EQ(StageMarkNames()[i], std::string(Name(static_cast<StageMark>(i))));
  }
}

}  // namespace
}  // namespace routebench::record
