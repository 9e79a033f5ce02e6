#include "loadgen/load_report.h"

#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

Schedule TwoPhases() {
  Schedule schedule;
  schedule.phases = {"warmup", "steady"};
  return schedule;
}

LoadResults SomeResults(bool requests) {
  LoadResults results(2);
  OfferCell& cell = results.offers.cells.At(1, Category::kDatabase);
  cell.offered = 7;
  cell.expected = 14;
  cell.self_lag.Record(100);
  cell.blocked.Record(2'000);
  results.offers.lateness[1].Record(300);
  results.offers.own_lateness[1].Record(200);
  results.offers.accepted_deliveries = 12;
  results.offers.accepted_unrouted = 1;
  results.offers.answers[static_cast<size_t>(PublishResult::kWouldBlock)] = 3;
  results.wire = WireBytes{1'000, 2'000};
  if (!requests) return results;
  results.answers.emplace(2);
  AnswerCell& answered = results.answers->cells.At(1, Category::kDatabase);
  answered.answered = 5;
  answered.timeouts = 1;
  answered.errors = 1;
  answered.round_trip.Record(40'000);
  results.answers->received = 6;
  return results;
}

TEST(LoadReportTest, ReportsOfSeveralProcessesAddUp) {
  const Schedule schedule = TwoPhases();
  LoadResults all(2);
  ASSERT_TRUE(MergeReport(ToReport(SomeResults(true), schedule), schedule, all).ok());
  ASSERT_TRUE(MergeReport(ToReport(SomeResults(true), schedule), schedule, all).ok());
  const OfferCell& cell = all.offers.cells.At(1, Category::kDatabase);
  EXPECT_EQ(cell.offered, 14u);
  EXPECT_EQ(cell.expected, 28u);
  EXPECT_EQ(cell.self_lag.count(), 2u);
  EXPECT_EQ(cell.blocked.max(), 2'000);
  EXPECT_EQ(all.offers.lateness[1].count(), 2u);
  EXPECT_EQ(all.offers.own_lateness[1].max(), 200);
  EXPECT_EQ(all.offers.accepted_deliveries, 24u);
  EXPECT_EQ(all.offers.accepted_unrouted, 2u);
  EXPECT_EQ(all.offers.answers[static_cast<size_t>(PublishResult::kWouldBlock)], 6u);
  ASSERT_TRUE(all.answers.has_value());
  EXPECT_EQ(all.answers->cells.At(1, Category::kDatabase).answered, 10u);
  EXPECT_EQ(all.answers->cells.At(1, Category::kDatabase).timeouts, 2u);
  EXPECT_EQ(all.answers->cells.At(1, Category::kDatabase).errors, 2u);
  EXPECT_EQ(all.answers->cells.At(1, Category::kDatabase).round_trip.count(), 2u);
  EXPECT_EQ(all.answers->received, 12u);
  EXPECT_EQ(all.wire->sent, 2'000u);
  EXPECT_EQ(all.wire->received, 4'000u);
}

TEST(LoadReportTest, OneWayHasNoAnswers) {
  const Schedule schedule = TwoPhases();
  LoadResults all(2);
  ASSERT_TRUE(MergeReport(ToReport(SomeResults(false), schedule), schedule, all).ok());
  EXPECT_FALSE(all.answers.has_value());
}

TEST(LoadReportTest, WhatIsNoReportOfThisRunIsRefused) {
  const Schedule schedule = TwoPhases();
  LoadResults all(2);
  EXPECT_FALSE(MergeReport(LoadReport(), schedule, all).ok());
  LoadReport other_phase = ToReport(SomeResults(true), schedule);
  other_phase.mutable_cells(0)->set_phase("spike");
  EXPECT_FALSE(MergeReport(other_phase, schedule, all).ok());
  LoadReport broken = ToReport(SomeResults(true), schedule);
  broken.mutable_lateness(1)->set_sub_bucket_bits(3);
  EXPECT_FALSE(MergeReport(broken, schedule, all).ok());
}

}  // namespace
}  // namespace routebench::loadgen
