#include "analysis/report/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "absl/strings/str_cat.h"
#include "analysis/report/comparison.h"
#include "analysis/report/stage_rows.h"
#include "sample_record.h"

namespace routebench::report {
namespace {

using ::routebench::testing::MakeRecord;
using ::routebench::testing::SampleRun;
using stats::Verdict;
using Runs = std::vector<Run>;  // inside a test, Run is GoogleTest's
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

Run MakeRun(const SampleRun& sample) {
  Run run;
  run.record = MakeRecord(sample);
  run.arm = sample.backend;
  run.path = absl::StrCat(sample.pattern, "-", sample.block, "-", sample.backend, ".run");
  run.invalid = record::InvalidReasons(run.record);
  return run;
}

// `blocks` blocks; in each the daemon takes `factor` times as long, give or take a few percent.
std::vector<Run> Campaign(uint32_t blocks, double factor, const std::string& pattern = "steady",
                          uint32_t planned = 12) {
  std::vector<Run> runs;
  for (uint32_t block = 1; block <= blocks; ++block) {
    const double noise = 1 + 0.01 * static_cast<double>(block % 5);
    runs.push_back(MakeRun({.pattern = pattern, .block = block, .planned_blocks = planned, .scale = noise}));
    runs.push_back(MakeRun({.backend = "daemon:unix",
                            .pattern = pattern,
                            .block = block,
                            .planned_blocks = planned,
                            .scale = factor * (2 - noise)}));
  }
  return runs;
}

const Comparison& Find(const CellReport& cell, const std::string& name) {
  for (const Comparison& comparison : cell.comparisons) {
    if (comparison.metric.name == name) return comparison;
  }
  ADD_FAILURE() << name;
  return cell.comparisons.front();
}

std::string ErrorOf(std::vector<Run> runs) {
  const auto report = BuildReport(std::move(runs));
  return report.ok() ? "" : std::string(report.status().message());
}

void Invalidate(Run& run) {
  run.record.mutable_gates(0)->set_passed(false);
  run.record.mutable_gates(0)->set_finding("too little was offered");
  run.invalid = record::InvalidReasons(run.record);
}

TEST(BuildReport, TabulatesTheStagesOfEachArm) {
  Runs runs;
  for (uint32_t block = 1; block <= 2; ++block) {
    runs.push_back(MakeRun({.block = block, .stages = true}));
    runs.push_back(MakeRun({.backend = "daemon:unix", .block = block, .stages = true}));
  }
  const auto report = BuildReport(std::move(runs));
  ASSERT_TRUE(report.ok()) << report.status();
  const CellReport& cell = report->cells[0];
  ASSERT_THAT(cell.stages, SizeIs(2));
  EXPECT_THAT(cell.stages[0].stages, ElementsAre("sent", "routed", "queued", "handled"));
  EXPECT_THAT(cell.stages[1].stages, ElementsAre("sent", "routed", "queued", "written", "handled"));
  EXPECT_EQ(cell.stages[0].deliveries, 2000u);
  EXPECT_NEAR(cell.stages[1].bands[0].share(3), 0.1, 1e-4);
  const std::vector<StageRow> rows = StageRows(cell);
  ASSERT_THAT(rows, SizeIs(7));
  EXPECT_EQ(rows[3].until, "written");
  EXPECT_EQ(rows[3].figures[0], "-");
  EXPECT_THAT(rows[3].figures[2], HasSubstr("(10.0 %)"));
}

TEST(BuildReport, NamesWhatWasInjected) {
  Runs runs = {MakeRun({}), MakeRun({.backend = "daemon:unix"})};
  record::InjectedDelay& delay = *runs[1].record.mutable_plan()->add_injected_delays();
  delay.set_mark("routed");
  delay.set_delay_ns(20'000);
  const auto report = BuildReport(std::move(runs));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->notes,
              ElementsAre("steady: runs of daemon:unix are not real ones. INJECTED: 20.0 us before routed"));
}

TEST(BuildReport, FindsASlowerDaemonWorse) {
  const auto report = BuildReport(Campaign(12, 1.5));
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_THAT(report->cells, SizeIs(1));
  const CellReport& cell = report->cells[0];
  EXPECT_EQ(cell.a, "coordinator");
  EXPECT_EQ(cell.b, "daemon:unix");
  EXPECT_EQ(cell.blocks, 12u);
  const Comparison& p99 = Find(cell, "response_p99_ns");
  EXPECT_TRUE(p99.primary);
  EXPECT_EQ(p99.verdict, Verdict::kWorse);
  EXPECT_NEAR(*p99.improvement, -0.45, 0.04);
  EXPECT_LT(p99.improvement_low, *p99.improvement);
  EXPECT_GT(p99.improvement_high, *p99.improvement);
  EXPECT_TRUE(report->worse());
  EXPECT_FALSE(report->inconclusive());
  EXPECT_THAT(report->recommendation, HasSubstr("daemon:unix is worse than coordinator"));
}

TEST(BuildReport, FindsAFasterDaemonBetterWithAPositiveSign) {
  const auto report = BuildReport(Campaign(12, 0.5));
  const Comparison& p99 = Find(report->cells[0], "response_p99_ns");
  EXPECT_EQ(p99.verdict, Verdict::kBetter);
  EXPECT_NEAR(*p99.improvement, 0.5, 0.03);
  EXPECT_FALSE(report->worse());
}

TEST(BuildReport, GivesVerdictsToPrimaryMetricsOnly) {
  const auto report = BuildReport(Campaign(12, 3));
  for (const Comparison& comparison : report->cells[0].comparisons) {
    EXPECT_EQ(comparison.verdict == Verdict::kExploratory, !comparison.primary) << comparison.metric.name;
  }
}

TEST(BuildReport, CallsFewBlocksExploratory) {
  const auto unplanned = BuildReport(Campaign(3, 3, "spike", 3));
  EXPECT_FALSE(Find(unplanned->cells[0], "response_p99_ns").primary);
  EXPECT_THAT(unplanned->recommendation, HasSubstr("all figures are exploratory"));
  const auto broken_off = BuildReport(Campaign(11, 3));
  const Comparison& p99 = Find(broken_off->cells[0], "response_p99_ns");
  EXPECT_EQ(p99.verdict, Verdict::kExploratory);
  EXPECT_THAT(p99.note, HasSubstr("11 of 12 planned blocks are usable"));
  EXPECT_TRUE(broken_off->inconclusive());
}

TEST(BuildReport, NeedsEnoughEventsBeyondAQuantile) {
  Runs runs;
  for (uint32_t block = 1; block <= 12; ++block) {
    runs.push_back(MakeRun({.block = block, .events = 2000}));
    runs.push_back(MakeRun({.backend = "daemon:unix", .block = block, .scale = 2, .events = 2000}));
  }
  const Comparison p99 = Find(BuildReport(runs)->cells[0], "response_p99_ns");
  EXPECT_EQ(p99.verdict, Verdict::kExploratory);
  EXPECT_THAT(p99.note, HasSubstr("only 20 events of a run lie beyond"));
}

TEST(BuildReport, CountsWhatWasNotDeliveredAsSlowerThanAll) {
  Runs runs;
  for (uint32_t block = 1; block <= 12; ++block) {
    runs.push_back(MakeRun({.block = block}));
    // Faster, because it drops one event in fifty.
    runs.push_back(MakeRun({.backend = "daemon:unix", .block = block, .scale = 0.5, .lost = 400}));
  }
  const auto report = BuildReport(runs);
  const Comparison& p99 = Find(report->cells[0], "response_p99_ns");
  EXPECT_EQ(p99.verdict, Verdict::kWorse);
  EXPECT_TRUE(std::isinf(*p99.improvement));
  EXPECT_EQ(p99.b, "not delivered");
  EXPECT_THAT(report->cells[0].books[1].losses, HasSubstr("4,800 dropped_queue_full"));
}

TEST(BuildReport, CountsTheLossesOfTheBaselineAlike) {
  Runs runs;
  for (uint32_t block = 1; block <= 12; ++block) {
    runs.push_back(MakeRun({.block = block, .lost = 400}));
    runs.push_back(MakeRun({.backend = "daemon:unix", .block = block, .scale = 2}));
  }
  const auto report = BuildReport(runs);
  EXPECT_EQ(Find(report->cells[0], "response_p99_ns").verdict, Verdict::kBetter);
}

TEST(BuildReport, KeepsInvalidRunsAndNeverUsesThem) {
  Runs runs = Campaign(13, 1.5, "steady", 13);
  Invalidate(runs[1]);
  runs[1].record.mutable_cells(0)->set_phase("nonsense");
  const auto report = BuildReport(runs);
  const CellReport& cell = report->cells[0];
  EXPECT_EQ(report->invalid, 1u);
  EXPECT_EQ(cell.blocks, 12u);
  ASSERT_THAT(cell.invalid, SizeIs(1));
  EXPECT_THAT(cell.invalid[0].reasons, HasSubstr("too little was offered"));
  EXPECT_EQ(cell.books[1].runs, 12u);
}

TEST(BuildReport, UsesTheRepetitionOfAnInvalidRun) {
  Runs runs = Campaign(12, 1.5);
  auto again = runs[1];
  Invalidate(runs[1]);
  again.record.set_started_unix_ns(again.record.started_unix_ns() + 1);
  runs.push_back(again);
  EXPECT_EQ(BuildReport(runs)->cells[0].blocks, 12u);
}

TEST(BuildReport, SaysInvalidWhenAnArmHasNoValidRun) {
  Runs runs = Campaign(12, 1.5);
  for (auto& run : runs) {
    if (run.arm == "daemon:unix") Invalidate(run);
  }
  const auto report = BuildReport(runs);
  EXPECT_EQ(Find(report->cells[0], "response_p99_ns").verdict, Verdict::kInvalid);
  EXPECT_THAT(report->lacking(), ElementsAre("steady has no valid pair of runs"));
}

TEST(BuildReport, AnInvalidRunMattersWhereItIsMissing) {
  Runs spare = Campaign(13, 1.5, "steady", 13);
  Invalidate(spare[5]);
  EXPECT_THAT(BuildReport(spare)->lacking(), IsEmpty());
  Runs needed = Campaign(12, 1.5);
  Invalidate(needed[5]);
  EXPECT_THAT(
      BuildReport(needed)->lacking(),
      ElementsAre("steady has no verdict on response p99 (11 of 12 planned blocks are usable; a verdict "
                  "needs 12)"));
  Runs exploratory = Campaign(2, 1.5, "spike", 2);
  Invalidate(exploratory[0]);
  EXPECT_THAT(BuildReport(exploratory)->lacking(), IsEmpty());
  Invalidate(exploratory[3]);
  EXPECT_THAT(BuildReport(exploratory)->lacking(), ElementsAre("spike has no valid pair of runs"));
  EXPECT_THAT(BuildReport(Campaign(3, 1.5))->lacking(), IsEmpty()) << "broken off, and nothing invalid";
}

TEST(BuildReport, CorrectsForSeveralPrimaryMetrics) {
  Runs runs = Campaign(12, 1.5);
  for (auto& run : Campaign(12, 1.0, "burst")) runs.push_back(run);
  const auto both = BuildReport(runs);
  const auto one = BuildReport(Campaign(12, 1.5));
  EXPECT_EQ(both->cells[0].name, "burst");
  const Comparison& among_two = Find(both->cells[1], "response_p99_ns");
  const Comparison& alone = Find(one->cells[0], "response_p99_ns");
  EXPECT_DOUBLE_EQ(among_two.adjusted_p, 2 * alone.adjusted_p);
  EXPECT_LE(among_two.improvement_low, alone.improvement_low);
}

TEST(BuildReport, PairsRunsWithoutACampaignByTheirOrder) {
  Runs runs;
  for (int i = 0; i < 3; ++i) {
    runs.push_back(MakeRun({.block = 0}));
    runs.back().record.set_started_unix_ns(100 - i);
    runs.push_back(MakeRun({.backend = "daemon:unix", .block = 0, .scale = 2}));
  }
  const auto report = BuildReport(runs);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->cells[0].blocks, 3u);
  EXPECT_EQ(report->cells[0].planned_blocks, 0u);
}

TEST(BuildReport, ShowsTheGeneratorsFloorAndDoesNotCompareIt) {
  Runs runs = Campaign(12, 1.5);
  runs.push_back(MakeRun({.backend = "null", .scale = 0.01}));
  const auto report = BuildReport(runs);
  ASSERT_THAT(report->cells, SizeIs(1));
  EXPECT_EQ(Find(report->cells[0], "cpu_per_event_ns").floor, "50.0 ns");
  EXPECT_FALSE(Find(BuildReport(Campaign(12, 1.5))->cells[0], "cpu_per_event_ns").floor.has_value());
}

TEST(BuildReport, ReadsWhichResourceGrew) {
  const auto report = BuildReport(Campaign(12, 1.0));
  EXPECT_THAT(report->cells[0].reading_text, HasSubstr("Largest change per event: CPU of the daemon, +"));
}

TEST(BuildReport, ComparesUnequalWaitsOnDemandAndSaysSo) {
  Runs runs = Campaign(12, 1.5);
  for (auto& run : runs) {
    if (run.arm != "coordinator") run.record.mutable_plan()->set_wait_policy("adaptive");
  }
  EXPECT_THAT(ErrorOf(runs), HasSubstr("--allow-unequal-waits"));
  const auto report = BuildReport(runs, "coordinator", Waits::kMayDiffer);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->notes, Contains(HasSubstr("waited by different policies")));
  EXPECT_THAT(BuildReport(Campaign(12, 1.5), "coordinator", Waits::kMayDiffer)->notes,
              ::testing::Not(Contains(HasSubstr("waited"))));
}

TEST(BuildReport, RefusesWhatHasNothingToCompare) {
  EXPECT_THAT(ErrorOf({}), HasSubstr("no run record"));
  EXPECT_THAT(ErrorOf({MakeRun({})}), HasSubstr("steady is left out: it was run with coordinator only"));
  EXPECT_THAT(ErrorOf({MakeRun({.backend = "null"})}), HasSubstr("null backend only"));
}

TEST(BuildReport, RefusesWhatMustNotBeCompared) {
  const auto with = [](auto change) {
    Runs runs = Campaign(2, 1.5);
    change(runs[3].record);
    return ErrorOf(runs);
  };
  EXPECT_THAT(with([](auto& record) { record.mutable_plan()->set_wait_policy("spin"); }),
              HasSubstr("their wait policies differ (block, spin)"));
  EXPECT_THAT(with([](auto& record) { record.mutable_environment()->set_host("other"); }),
              HasSubstr("different machines"));
  EXPECT_THAT(with([](auto& record) { record.mutable_plan()->set_rate_per_s(1); }),
              HasSubstr("their plans differ"));
  EXPECT_THAT(with([](auto& record) { record.mutable_plan()->set_addressing("to-group"); }),
              HasSubstr("their plans differ"));
  EXPECT_THAT(with([](auto& record) { record.mutable_plan()->mutable_handler()->set_time_ns(20'000); }),
              HasSubstr("their plans differ"));
  EXPECT_THAT(with([](auto& record) { record.set_schedule_hash(1); }), HasSubstr("had different schedules"));
  EXPECT_THAT(with([](auto& record) { record.mutable_campaign()->set_block(1); }),
              HasSubstr("both are block 1 of daemon:unix"));
  EXPECT_THAT(with([](auto&) {}), "");
}

TEST(BuildReport, RefusesAnUnknownPrimaryMetric) {
  Runs runs = Campaign(2, 1.5);
  for (auto& run : runs) run.record.mutable_campaign()->set_primary_metric("p98");
  EXPECT_THAT(ErrorOf(runs), HasSubstr("primary metric is unknown: p98"));
}

TEST(BuildReport, ComparesRoundTripsOfRequests) {
  Runs runs = Campaign(12, 1.5);
  const auto one_way = BuildReport(runs);
  for (auto& run : runs) {
    run.record.mutable_plan()->set_exchange("request");
    run.record.mutable_campaign()->set_primary_metric("round_trip_p99");
    for (record::Cell& cell : *run.record.mutable_cells()) {
      cell.set_answered(cell.delivered());
      *cell.mutable_round_trip() = cell.response();
    }
  }
  const auto report = BuildReport(std::move(runs));
  ASSERT_TRUE(report.ok()) << report.status();
  const Comparison& comparison = Find(report->cells.front(), "round_trip_p99_ns");
  EXPECT_TRUE(comparison.primary);
  EXPECT_NEAR(*comparison.improvement, -0.5, 0.1);
  EXPECT_EQ(Find(report->cells.front(), "cpu_per_event_ns").improvement,
            Find(one_way->cells.front(), "cpu_per_event_ns").improvement)
      << "the others are what they were";
}

TEST(BuildReport, ComparesThePrimaryMetricByCategoryWithoutAVerdict) {
  Runs runs = Campaign(12, 1.5);
  for (uint32_t block = 1; block <= 12; ++block) {
    runs[2 * block - 1] =
        MakeRun({.backend = "daemon:unix", .pattern = "steady", .block = block, .scale = 1.5, .lost = 1000});
  }
  const auto report = BuildReport(std::move(runs));
  ASSERT_TRUE(report.ok()) << report.status();
  const auto& categories = report->cells.front().categories;
  ASSERT_THAT(categories, SizeIs(2));
  EXPECT_EQ(categories[0].category, "filesystem");
  EXPECT_FALSE(categories[0].comparison.median_b.has_value()) << "a tenth of its events is lost";
  EXPECT_EQ(categories[1].category, "database");
  ASSERT_TRUE(categories[1].comparison.median_b.has_value());
  EXPECT_NEAR(*categories[1].comparison.median_b / *categories[1].comparison.median_a, 1.5, 0.1);
  for (const auto& [category, comparison] : categories) {
    EXPECT_EQ(comparison.metric.name, "response_p99_ns");
    EXPECT_FALSE(comparison.primary);
    EXPECT_EQ(comparison.verdict, Verdict::kExploratory);
  }
}

TEST(BuildReport, HasNoCategoriesWithoutAPrimaryMetric) {
  Runs runs = Campaign(2, 1.5);
  for (auto& run : runs) run.record.mutable_campaign()->clear_primary_metric();
  const auto report = BuildReport(std::move(runs));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(report->cells.front().categories, SizeIs(0));
}

}  // namespace
}  // namespace routebench::report
