// Every way of receiving, with real processes, on every backend: that the books balance and the counts are
// right.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "analysis/record/histogram.h"
#include "analysis/record/run_record.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/loadgen_run.h"

namespace routebench {
namespace {

using testing::Finished;
using testing::LoadgenRun;
using testing::PrivateDirectory;

uint64_t CountOf(const record::RunRecord& record, const std::string& outcome) {
  for (const record::NamedCount& count : record.books().outcomes()) {
    if (count.name() == outcome) return count.count();
  }
  return 0;
}

uint64_t AcceptedOf(const record::RunRecord& record) {
  for (const record::NamedCount& count : record.books().answers()) {
    if (count.name() == "accepted") return count.count();
  }
  return 0;
}

template <typename Field>
uint64_t SumOf(const record::RunRecord& record, Field field) {
  uint64_t sum = 0;
  for (const record::Cell& cell : record.cells()) sum += (cell.*field)();
  return sum;
}

class LoadgenReceivingTest : public ::testing::TestWithParam<const char*> {
 protected:
  // A run of a tenth of a second with these flags, whose gates all passed but for those that other work on
  // the machine decides.
  record::RunRecord Measure(const std::vector<std::string>& flags) {
    const char* const executable = std::getenv("ROUTEBENCH_LOADGEN");  // given by the build
    const std::string path = directory_.path() + "/a.run";
    std::vector<std::string> command = {executable == nullptr ? "" : executable,
                                        "--backend",
                                        GetParam(),
                                        "--duration",
                                        "100ms",
                                        "--warmup",
                                        "20ms",
                                        "--rate",
                                        "2k/s",
                                        "--out",
                                        path,
                                        "--json"};
    command.insert(command.end(), flags.begin(), flags.end());
    LoadgenRun run(command, directory_);
    const Finished finished = run.Wait();
    EXPECT_THAT((std::vector<int>{0, 4}), ::testing::Contains(finished.code)) << finished.err;
    json_ = nlohmann::json::parse(finished.out, nullptr, false);
    EXPECT_THAT(directory_.Files(), ::testing::ElementsAre("a.run")) << "something was left behind";
    const auto record = record::ReadRunRecord(path);
    EXPECT_TRUE(record.ok()) << record.status();
    if (!record.ok()) return {};
    for (const record::Gate& gate : record->gates()) {
      if (gate.name() == "self_lag" || gate.name() == "offered_load") continue;
      EXPECT_TRUE(gate.passed()) << gate.name() << ": " << gate.finding();
    }
    EXPECT_GT(record->books().expected(), 0u);
    return *record;
  }
  static void ExpectAllDelivered(const record::RunRecord& record) {
    EXPECT_EQ(record.books().probe_delivered(), record.books().expected());
    EXPECT_EQ(record.books().probe_handed(), record.books().expected());
  }

  PrivateDirectory directory_;
  nlohmann::json json_;  // what it printed
};

INSTANTIATE_TEST_SUITE_P(, LoadgenReceivingTest,
                         ::testing::Values("coordinator", "coordinator:inline", "daemon"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), ':', '_');
                           return name;
                         });

TEST_P(LoadgenReceivingTest, OfAGroupOneReceives) {
  const record::RunRecord record =
      Measure({"--addressing", "to-group", "--balancer", "least-connections", "--services", "24"});
  EXPECT_EQ(record.plan().addressing(), "to-group");
  EXPECT_EQ(record.books().expected(), AcceptedOf(record));
  ExpectAllDelivered(record);
}

TEST_P(LoadgenReceivingTest, WeightsAndRulesDoNotChangeHowManyReceive) {
  ExpectAllDelivered(Measure({"--addressing", "to-group", "--balancer", "weighted-random", "--weights",
                              "1,2,4", "--rules", "30", "--services", "24"}));
}

TEST_P(LoadgenReceivingTest, RulesLeadWhereTheSubscriptionsLead) {
  const uint64_t without = Measure({}).books().expected();
  const record::RunRecord record = Measure({"--rules", "30"});
  EXPECT_EQ(record.books().expected(), without);
  ExpectAllDelivered(record);
}

TEST_P(LoadgenReceivingTest, NamedTargetsReceive) {
  const record::RunRecord record =
      Measure({"--addressing", "to-targets", "--targets", "3", "--services", "24"});
  EXPECT_EQ(record.books().expected(), 3 * AcceptedOf(record));
  ExpectAllDelivered(record);
}

TEST_P(LoadgenReceivingTest, CategoriesThatNobodyTakesEndUnrouted) {
  const record::RunRecord record = Measure({"--addressing", "to-targets", "--services", "2"});
  EXPECT_GT(CountOf(record, "unrouted"), 0u);
  EXPECT_EQ(AcceptedOf(record), record.books().expected() + CountOf(record, "unrouted"));
  ExpectAllDelivered(record);
}

TEST_P(LoadgenReceivingTest, SeveralHandlersOfAServiceAtOnce) {
  ExpectAllDelivered(Measure({"--concurrency", "3", "--handler-threads", "4", "--handler-time", "100us",
                              "--handler-work", "sleep"}));
}

TEST_P(LoadgenReceivingTest, FailuresAreRejected) {
  const record::RunRecord record = Measure({"--handler-failures", "10%"});
  EXPECT_GT(CountOf(record, "rejected"), 0u);
  EXPECT_EQ(CountOf(record, "rejected"), record.books().probe_rejected());
  EXPECT_EQ(record.books().probe_delivered() + record.books().probe_rejected(), record.books().expected());
  EXPECT_EQ(record.books().probe_retries(), 0u);
}

TEST_P(LoadgenReceivingTest, RetriesEndAsDeadLetters) {
  const record::RunRecord record =
      Measure({"--handler-failures", "10%", "--retry", "3", "--publishers", "2"});
  const record::BooksRecord& books = record.books();
  EXPECT_GT(books.probe_dead_lettered(), 0u);
  EXPECT_EQ(books.probe_dead_lettered(), CountOf(record, "dead_lettered"));
  EXPECT_EQ(books.probe_retries(), 2 * books.probe_dead_lettered());
  EXPECT_EQ(books.probe_delivered() + books.probe_dead_lettered(), books.expected());
  EXPECT_EQ(books.probe_handed(), books.expected() + books.probe_retries());
  EXPECT_EQ(json_["retries"], books.probe_retries());
  EXPECT_EQ(json_["dead_lettered"], books.probe_dead_lettered());
}

TEST_P(LoadgenReceivingTest, RetriesOfHandlersThatRunAtOnce) {
  const record::RunRecord record = Measure(
      {"--handler-failures", "10%", "--retry", "2", "--retry-backoff", "100us", "--concurrency", "3"});
  EXPECT_EQ(record.books().probe_retries(), record.books().probe_dead_lettered());
  EXPECT_GT(record.books().probe_retries(), 0u);
}

TEST_P(LoadgenReceivingTest, HandlersThatTakeTooLongHaveFailed) {
  const record::RunRecord record =
      Measure({"--handler-time", "2ms", "--handler-work", "sleep", "--delivery-timeout", "500us",
               "--services", "3", "--handler-threads", "3", "--addressing", "to-group"});
  EXPECT_GT(CountOf(record, "timed_out"), 0u);
  EXPECT_EQ(record.books().probe_late(), record.books().probe_handed());
}

TEST_P(LoadgenReceivingTest, WhatTookTooLongIsTriedAgain) {
  const record::RunRecord record =
      Measure({"--handler-time", "1ms", "--handler-work", "sleep", "--delivery-timeout", "200us", "--retry",
               "2", "--services", "6", "--handler-threads", "6", "--addressing", "to-group"});
  EXPECT_GT(CountOf(record, "dead_lettered"), 0u);
  EXPECT_GT(record.books().probe_retries(), 0u);
}

TEST_P(LoadgenReceivingTest, EventsExpireWhileTheyWait) {
  const record::RunRecord record = Measure({"--handler-time", "1ms", "--expire-after", "1500us", "--mix",
                                            "mcp=100", "--services", "4", "--handler-threads", "1"});
  EXPECT_GT(CountOf(record, "expired"), 0u);
  EXPECT_EQ(record.books().probe_handed() + CountOf(record, "expired"), record.books().routed());
}

TEST_P(LoadgenReceivingTest, BreakersOpen) {
  const record::RunRecord record = Measure({"--handler-failures", "60%", "--breaker", "strict"});
  EXPECT_GT(record.books().breaker_openings(), 0u);
  EXPECT_GT(CountOf(record, "breaker_open"), 0u);
  EXPECT_EQ(json_["breaker_openings"], record.books().breaker_openings());
}

TEST_P(LoadgenReceivingTest, AtLeastOnce) {
  const record::RunRecord record = Measure({"--delivery", "at-least-once"});
  EXPECT_EQ(record.plan().delivery(), "at-least-once");
  ExpectAllDelivered(record);
}

TEST_P(LoadgenReceivingTest, AtLeastOnceWithFailuresInAClosedLoop) {
  const record::RunRecord record = Measure(
      {"--delivery", "at-least-once", "--handler-failures", "5%", "--retry", "2", "--outstanding", "5"});
  EXPECT_EQ(record.books().probe_retries(), record.books().probe_dead_lettered());
  EXPECT_EQ(record.plan().loop(), "closed");
}

TEST_P(LoadgenReceivingTest, RequestsAreAnswered) {
  const record::RunRecord record =
      Measure({"--exchange", "request", "--publishers", "2", "--request-timeout", "20s"});
  const uint64_t unrouted = CountOf(record, "unrouted");
  EXPECT_EQ(unrouted, 0u);
  EXPECT_EQ(SumOf(record, &record::Cell::answered), SumOf(record, &record::Cell::offered));
  EXPECT_EQ(record.books().responses(), record.books().expected()) << "every receiver answers";
  EXPECT_EQ(record.books().responses_received(), record.books().responses());
  for (const record::Cell& cell : record.cells()) {
    const auto round_trip = record::Histogram::FromData(cell.round_trip());
    EXPECT_EQ(round_trip->count(), cell.answered());
    EXPECT_GT(round_trip->min(), 0);
  }
  EXPECT_GT(json_["round_trip_p50_ns"], 0);
  ExpectAllDelivered(record);
}

TEST_P(LoadgenReceivingTest, RequestsToAGroupInAClosedLoop) {
  const record::RunRecord record = Measure({"--exchange", "request", "--outstanding", "3", "--addressing",
                                            "to-group", "--request-timeout", "20s"});
  EXPECT_EQ(record.books().responses(), AcceptedOf(record));
  EXPECT_EQ(SumOf(record, &record::Cell::answered), AcceptedOf(record));
}

TEST_P(LoadgenReceivingTest, FailedRequestsAreAnsweredWithErrors) {
  const record::RunRecord record = Measure({"--exchange", "request", "--handler-failures", "10%", "--retry",
                                            "2", "--addressing", "to-group", "--request-timeout", "20s"});
  EXPECT_GT(SumOf(record, &record::Cell::request_errors), 0u);
  EXPECT_EQ(SumOf(record, &record::Cell::request_errors), record.books().probe_dead_lettered());
  EXPECT_EQ(SumOf(record, &record::Cell::answered) + SumOf(record, &record::Cell::request_errors),
            SumOf(record, &record::Cell::offered));
}

TEST_P(LoadgenReceivingTest, RequestsThatNobodyTakesTimeOut) {
  const record::RunRecord record =
      Measure({"--exchange", "request", "--services", "1", "--request-timeout", "200ms"});
  EXPECT_GT(CountOf(record, "unrouted"), 0u);
  EXPECT_GE(SumOf(record, &record::Cell::request_timeouts), CountOf(record, "unrouted"));
  EXPECT_GT(json_["unanswered_share"], 0.1);
}

TEST_P(LoadgenReceivingTest, RequestsAtLeastOnce) {
  const record::RunRecord record =
      Measure({"--exchange", "request", "--delivery", "at-least-once", "--request-timeout", "20s"});
  EXPECT_EQ(SumOf(record, &record::Cell::answered), SumOf(record, &record::Cell::offered));
  ExpectAllDelivered(record);
}

}  // namespace
}  // namespace routebench
