#include "analysis/record/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sample_record.h"

namespace routebench::record {
namespace {

using ::routebench::testing::MakeRecord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const Metric& Find(const std::vector<Metric>& metrics, const char* name) {
  const Metric* metric = FindMetric(metrics, name);
  EXPECT_NE(metric, nullptr) << name;
  return *metric;
}

TEST(Metrics, MergesCategoriesAndPhases) {
  const auto metrics = MetricsOf(MakeRecord({}));
  EXPECT_NEAR(*Find(metrics, "p50").value, 200'000, 2'500);
  EXPECT_NEAR(*Find(metrics, "p99").value, 1'910'000, 25'000);
  EXPECT_NEAR(*Find(metrics, "service_p99").value, 1'719'000, 25'000);
  EXPECT_EQ(Find(metrics, "p99").beyond, 200u);
  EXPECT_DOUBLE_EQ(*Find(metrics, "jitter").value, *Find(metrics, "p99").value - *Find(metrics, "p50").value);
  EXPECT_DOUBLE_EQ(*Find(metrics, "delivered_per_s").value, 2000);
  EXPECT_EQ(*Find(metrics, "loss_share").value, 0);
}

TEST(Metrics, LeavesTheWarmUpOut) {
  RunRecord record = MakeRecord({});
  record.mutable_cells(0)->set_phase("warmup");
  EXPECT_EQ(MeasuredPartOf(record).offered, 10'000u);
  EXPECT_THAT(CategoriesOf(record), ElementsAre("database"));
}

TEST(Metrics, SeparatesCategoriesOnRequest) {
  const RunRecord record = MakeRecord({.lost = 500});
  EXPECT_THAT(CategoriesOf(record), ElementsAre("filesystem", "database"));
  EXPECT_DOUBLE_EQ(*Find(MetricsOf(record, "filesystem"), "loss_share").value, 0.05);
  EXPECT_DOUBLE_EQ(*Find(MetricsOf(record, "database"), "loss_share").value, 0);
  EXPECT_EQ(FindMetric(MetricsOf(record, "database"), "cpu_per_event"), nullptr);
}

TEST(Metrics, CountsLossesAsSlowerThanAll) {
  const auto metrics = MetricsOf(MakeRecord({.lost = 300}));  // 1.5 %
  EXPECT_TRUE(Find(metrics, "p95").value.has_value());
  EXPECT_FALSE(Find(metrics, "p99").value.has_value());
  EXPECT_TRUE(Find(metrics, "p99").not_delivered);
  EXPECT_TRUE(Find(metrics, "jitter").not_delivered);
  EXPECT_EQ(Find(metrics, "max").absence, "not delivered");
}

TEST(Metrics, SumsCostsOverAllProcesses) {
  EXPECT_NEAR(*Find(MetricsOf(MakeRecord({})), "cpu_per_event").value, 5'000, 1);
  const auto daemon = MetricsOf(MakeRecord({.backend = "daemon:unix"}));
  EXPECT_NEAR(*Find(daemon, "cpu_per_event").value, 16'000, 1);
  EXPECT_DOUBLE_EQ(*Find(daemon, "pss").value, 3 * (8 << 20));
  EXPECT_DOUBLE_EQ(*Find(daemon, "wire_bytes_per_event").value, 1200);
}

TEST(Metrics, DoesNotHalveTheCostOfABackendThatDropsHalf) {
  const double whole = *Find(MetricsOf(MakeRecord({})), "cpu_per_event").value;
  EXPECT_NEAR(*Find(MetricsOf(MakeRecord({.lost = 10'000})), "cpu_per_event").value, 2 * whole, 1);
}

TEST(Metrics, AreAbsentWhereTheyAreNotKnown) {
  RunRecord record = MakeRecord({.backend = "daemon:unix"});
  record.mutable_processes(2)->clear_cpu_user_ns();
  EXPECT_EQ(Find(MetricsOf(record), "cpu_per_event").absence, "not known for every process");
  EXPECT_EQ(Find(MetricsOf(MakeRecord({})), "wire_bytes_per_event").absence,
            "nothing crosses a process boundary");
  record.clear_cells();
  EXPECT_EQ(Find(MetricsOf(record), "p50").absence, "nothing was offered");
  EXPECT_EQ(Find(MetricsOf(record), "wire_bytes_per_event").absence, "nothing was delivered");
  record.clear_processes();
  EXPECT_FALSE(Find(MetricsOf(record), "pss").value.has_value());
}

TEST(Metrics, OfRequestsCountWhatWasNotAnsweredAsSlowest) {
  RunRecord record = MakeRecord({});
  EXPECT_EQ(FindMetric(MetricsOf(record), "round_trip_p50"), nullptr) << "nothing was asked";
  record.mutable_plan()->set_exchange("request");
  for (Cell& cell : *record.mutable_cells()) {
    cell.set_answered(cell.offered() * 9 / 10);
    cell.set_request_timeouts(cell.offered() - cell.answered());
    Histogram round_trip;
    for (uint64_t i = 0; i < cell.answered(); ++i) round_trip.Record(70'000);
    round_trip.ToData(cell.mutable_round_trip());
  }
  const auto metrics = MetricsOf(record);
  EXPECT_NEAR(*Find(metrics, "round_trip_p50").value, 70'000, 70'000 / 128.0);
  EXPECT_TRUE(Find(metrics, "round_trip_p99").not_delivered);
  EXPECT_NEAR(*Find(metrics, "unanswered_share").value, 0.1, 0.001);
  EXPECT_NE(FindMetric(metrics, "p99"), FindMetric(metrics, "round_trip_p99"));
  EXPECT_NE(FindMetric(MetricsOf(record, "filesystem"), "round_trip_p99"), nullptr);
}

TEST(FindMetric, KnowsShortNamesAndNoOthers) {
  const auto metrics = MetricsOf(MakeRecord({}));
  EXPECT_EQ(FindMetric(metrics, "p99"), FindMetric(metrics, "response_p99_ns"));
  EXPECT_EQ(FindMetric(metrics, "p98"), nullptr);
  EXPECT_EQ(FindMetric(metrics, ""), nullptr);
}

TEST(InvalidReasons, AreThoseOfTheGatesAndTheBooks) {
  RunRecord record = MakeRecord({});
  EXPECT_THAT(InvalidReasons(record), IsEmpty());
  record.mutable_gates(0)->set_passed(false);
  record.mutable_gates(0)->set_finding("90 % of the load was offered");
  EXPECT_THAT(InvalidReasons(record), ElementsAre("offered_load: 90 % of the load was offered"));
  record.clear_gates();
  record.set_interrupted(true);
  record.mutable_books()->set_balanced(false);
  record.mutable_books()->set_imbalance("one event is nowhere");
  EXPECT_THAT(InvalidReasons(record), ElementsAre("the run was interrupted", "books: one event is nowhere"));
}

}  // namespace
}  // namespace routebench::record
