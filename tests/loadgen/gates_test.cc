#include "loadgen/gates.h"

#include <algorithm>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

using ::testing::HasSubstr;

constexpr int kEvents = 1000;
constexpr int64_t kDuration = 1'000'000'000;

// A second with 1000 events, all of them sent in time and answered within 5 ms.
class GatesTest : public ::testing::Test {
 protected:
  GatesTest() {
    schedule_.phases = {"warmup", "measured"};
    schedule_.events.resize(kEvents, PlannedEvent{.kind = EventKind::kFileCreated, .phase = 1});
    record_.mutable_plan()->set_duration_ns(kDuration);
    record_.mutable_plan()->set_loop("open");
    record_.mutable_books()->set_balanced(true);
    SetOthers(0.02);
    SetLateness([](int) { return 20'000; });
    SetResponse(5'000'000, kEvents);
  }
  // Their share of the processors' time.
  void SetOthers(double share) {
    record::MachineUsage& machine = *record_.mutable_machine();
    machine.set_elapsed_ns(kDuration);
    machine.set_cpus(2);
    machine.set_other_cpu_ns(static_cast<uint64_t>(2 * kDuration * share));
  }
  // All of it the generator's own.
  template <typename Of>
  void SetLateness(const Of& of, int events = kEvents) {
    offers_.lateness[1] = record::Histogram();
    for (int i = 0; i < events; ++i) offers_.lateness[1].Record(of(i));
    offers_.own_lateness[1] = offers_.lateness[1];
  }
  void SetOwnLateness(int64_t nanos) {
    offers_.own_lateness[1] = record::Histogram();
    for (int i = 0; i < kEvents; ++i) offers_.own_lateness[1].Record(nanos);
  }
  void SetResponse(int64_t nanos, uint64_t delivered) {
    record_.clear_cells();
    record::Cell& cell = *record_.add_cells();
    cell.set_phase("measured");
    cell.set_expected(kEvents);
    cell.set_delivered(delivered);
    record::Histogram response;
    for (uint64_t i = 0; i < delivered; ++i) response.Record(nanos);
    response.ToData(cell.mutable_response());
  }
  // The findings of the gates that failed, by name.
  std::map<std::string, std::string> Failures(uint64_t foreign = 0) {
    record_.clear_gates();
    JudgeRun(schedule_, offers_, foreign, record_);
    std::map<std::string, std::string> failures;
    for (const record::Gate& gate : record_.gates()) {
      EXPECT_FALSE(gate.finding().empty()) << gate.name();
      if (!gate.passed()) failures[gate.name()] = gate.finding();
    }
    EXPECT_EQ(IsValid(record_), failures.empty());
    return failures;
  }

  Schedule schedule_;
  OfferResults offers_{2};
  record::RunRecord record_;
};

TEST_F(GatesTest, StagesMustBeWholeWhereThereAreAny) {
  EXPECT_TRUE(Failures().empty());
  record_.mutable_stages()->set_deliveries(10);
  EXPECT_TRUE(Failures().empty());
  EXPECT_EQ(std::count_if(record_.gates().begin(), record_.gates().end(),
                          [](const record::Gate& gate) { return gate.name() == "stages"; }),
            1);
  record_.mutable_stages()->set_violations(1);
  EXPECT_EQ(Failures().count("stages"), 1u);
  record_.mutable_stages()->set_deliveries(0);
  EXPECT_EQ(Failures().count("stages"), 1u);
}

TEST_F(GatesTest, AGoodRunIsValid) { EXPECT_TRUE(Failures().empty()); }

TEST_F(GatesTest, TwoPercentOfTheLoadMayBeMissing) {
  SetLateness([](int) { return 20'000; }, 980);
  EXPECT_TRUE(Failures().empty());
  SetLateness([](int) { return 20'000; }, 979);
  EXPECT_THAT(Failures()["offered_load"], HasSubstr("979 of 1000"));
}

TEST_F(GatesTest, WhatIsSentFarTooLateWasNotOffered) {
  SetLateness([](int i) { return i < 21 ? 30'000'000 : 0; });  // 30 ms of a second
  EXPECT_EQ(Failures().count("offered_load"), 1u);
}

TEST_F(GatesTest, AGeneratorThatCannotKeepUpIsInvalid) {
  SetLateness([](int i) { return i * 300'000; });  // falls behind by 0.3 ms with every event
  EXPECT_EQ(Failures().count("offered_load"), 1u);
  EXPECT_EQ(Failures().count("self_lag"), 1u);
}

TEST_F(GatesTest, AStallThatReachesTheTailIsInvalid) {
  SetLateness([](int i) { return i < 15 ? (15 - i) * 1'000'000 : 0; });  // 15 ms, 15 events
  EXPECT_EQ(Failures().count("self_lag"), 1u);
}

TEST_F(GatesTest, AStallBeyondTheMeasuredQuantileIsNot) {
  SetLateness([](int i) { return i < 5 ? (5 - i) * 1'000'000 : 0; });
  EXPECT_TRUE(Failures().empty());
}

TEST_F(GatesTest, LatenessIsJudgedAgainstTheTail) {
  SetLateness([](int) { return 400'000; });
  EXPECT_TRUE(Failures().empty());  // below a tenth of 5 ms
  SetResponse(1'000'000, kEvents);
  EXPECT_EQ(Failures().count("self_lag"), 1u);
}

TEST_F(GatesTest, WaitingForProcessorsThatTheRunKeptBusyIsNoFault) {
  SetLateness([](int) { return 600'000; });
  SetOwnLateness(30'000);
  EXPECT_TRUE(Failures().empty());
  SetOthers(0.1);
  EXPECT_TRUE(Failures().empty());
}

TEST_F(GatesTest, WaitingForProcessorsThatOthersKeptBusyIsInvalid) {
  SetLateness([](int) { return 600'000; });
  SetOwnLateness(30'000);
  SetOthers(0.25);
  EXPECT_THAT(Failures()["self_lag"], HasSubstr("25 % of the processors' time"));
  record_.mutable_machine()->clear_other_cpu_ns();
  EXPECT_EQ(Failures().count("self_lag"), 1u) << "not known";
}

TEST_F(GatesTest, TheRestOfALatenessIsJudgedToo) {
  SetLateness([](int) { return 900'000; });
  SetOwnLateness(600'000);
  EXPECT_EQ(Failures().count("self_lag"), 1u);
}

TEST_F(GatesTest, WithoutATailThereIsNothingToDistort) {
  SetLateness([](int) { return 1'000'000; });
  SetResponse(0, 0);
  EXPECT_TRUE(Failures().empty());
}

TEST_F(GatesTest, TheClosedLoopCannotBeLate) {
  record_.mutable_plan()->set_loop("closed");
  SetLateness([](int) { return 2'000'000; });
  EXPECT_EQ(Failures().count("self_lag"), 0u);
}

TEST_F(GatesTest, AccountingFailsForEachReason) {
  record_.mutable_books()->set_imbalance("something is missing");
  EXPECT_EQ(Failures()["accounting"], "something is missing");
  record_.mutable_books()->clear_imbalance();
  record_.mutable_books()->set_probe_duplicates(2);
  EXPECT_THAT(Failures()["accounting"], HasSubstr("2 events were handed once more"));
  record_.mutable_books()->clear_probe_duplicates();
  record_.mutable_books()->set_probe_out_of_order(3);
  EXPECT_THAT(Failures()["accounting"], HasSubstr("3 events came out of order"));
  record_.mutable_books()->clear_probe_out_of_order();
  EXPECT_THAT(Failures(4)["accounting"], HasSubstr("4 events of another run"));
}

TEST_F(GatesTest, AClockThatRanBackwardsIsInvalid) {
  offers_.clock_ran_backwards = true;
  EXPECT_EQ(Failures().count("clock"), 1u);
}

TEST_F(GatesTest, AnInterruptedRunIsInvalid) {
  record_.set_interrupted(true);
  EXPECT_EQ(Failures().count("interrupted"), 1u);
}

}  // namespace
}  // namespace routebench::loadgen
