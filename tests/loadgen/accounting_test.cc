#include "loadgen/accounting.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

using ::testing::HasSubstr;

// Ten measured file events, each with two receivers; everything arrived.
class AccountingTest : public ::testing::Test {
 protected:
  AccountingTest() {
    schedule_.phases = {"warmup", "measured"};
    OfferCell& cell = offers_.cells.At(1, Category::kFilesystem);
    cell.offered = 10;
    cell.expected = 20;
    offers_.answers[static_cast<size_t>(PublishResult::kAccepted)] = 10;
    offers_.accepted_deliveries = 20;
    SetDelivered(20);
    statistics_.books.routed = 20;
    statistics_.books.of(Outcome::kDelivered) = 20;
  }
  void SetDelivered(uint64_t count) {
    report_.clear_cells();
    record::Cell& cell = *report_.add_cells();
    cell.set_phase("measured");
    cell.set_category("filesystem");
    cell.set_delivered(count);
    record::Histogram response;
    for (uint64_t i = 0; i < count; ++i) response.Record(1'000);
    response.ToData(cell.mutable_response());
    response.ToData(cell.mutable_service());
    report_.set_delivered(count);
    report_.set_handed(count);
  }
  // Of the 20 deliveries 3 failed three times and 2 were refused.
  void SetFailures() {
    SetDelivered(15);
    report_.set_handed(15 + 3 * 3 + 2);
    report_.set_retries(6);
    report_.set_dead_lettered(3);
    report_.set_rejected(2);
    statistics_.books.of(Outcome::kDelivered) = 15;
    statistics_.books.of(Outcome::kDeadLettered) = 3;
    statistics_.books.of(Outcome::kRejected) = 2;
  }
  record::RunRecord Accounted() const {
    record::RunRecord record;
    *record.mutable_plan() = plan_;
    Account(schedule_, offers_, answers_, report_, statistics_, record);
    return record;
  }

  record::RunPlan plan_;
  Schedule schedule_;
  OfferResults offers_{2};
  std::optional<AnswerResults> answers_;
  ReceiverReport report_;
  RouterStatistics statistics_;
};

TEST_F(AccountingTest, BringsBothSidesOfACellTogether) {
  const record::RunRecord record = Accounted();
  ASSERT_EQ(record.cells_size(), 1);
  const record::Cell& cell = record.cells(0);
  EXPECT_EQ(cell.phase(), "measured");
  EXPECT_EQ(cell.category(), "filesystem");
  EXPECT_EQ(cell.offered(), 10u);
  EXPECT_EQ(cell.expected(), 20u);
  EXPECT_EQ(cell.delivered(), 20u);
  EXPECT_EQ(record::Histogram::FromData(cell.response())->count(), 20u);
  EXPECT_TRUE(record.books().balanced()) << record.books().imbalance();
}

TEST_F(AccountingTest, LossesWithAReasonBalance) {
  SetDelivered(17);
  statistics_.books.of(Outcome::kDelivered) = 17;
  statistics_.books.of(Outcome::kDroppedOldest) = 3;
  const record::RunRecord record = Accounted();
  EXPECT_TRUE(record.books().balanced()) << record.books().imbalance();
  EXPECT_EQ(record.cells(0).expected() - record.cells(0).delivered(), 3u);
}

TEST_F(AccountingTest, RefusedEventsAreExpectedAndNotRouted) {
  offers_.answers[static_cast<size_t>(PublishResult::kAccepted)] = 8;
  offers_.answers[static_cast<size_t>(PublishResult::kWouldBlock)] = 2;
  offers_.accepted_deliveries = 16;
  statistics_.books.routed = statistics_.books.of(Outcome::kDelivered) = 16;
  SetDelivered(16);
  const record::RunRecord record = Accounted();
  EXPECT_TRUE(record.books().balanced()) << record.books().imbalance();
  EXPECT_EQ(record.books().expected(), 20u);
}

TEST_F(AccountingTest, ARouterThatForgotAnAcceptedEventIsFound) {
  statistics_.books.routed = statistics_.books.of(Outcome::kDelivered) = 18;
  SetDelivered(18);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("the router routed 18"));
}

// The same, hidden behind a refusal.
TEST_F(AccountingTest, ARefusalDoesNotHideAForgottenEvent) {
  offers_.answers[static_cast<size_t>(PublishResult::kAccepted)] = 9;
  offers_.answers[static_cast<size_t>(PublishResult::kWouldBlock)] = 1;
  offers_.accepted_deliveries = 18;
  statistics_.books.routed = statistics_.books.of(Outcome::kDelivered) = 16;
  SetDelivered(16);
  EXPECT_FALSE(Accounted().books().balanced());
}

TEST_F(AccountingTest, DeliveriesThatNoProbeSawAreFound) {
  SetDelivered(19);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("20 delivered, the probes 19"));
}

TEST_F(AccountingTest, WhatIsStillInFlightDoesNotBalance) {
  statistics_.books.of(Outcome::kDelivered) = 19;
  statistics_.books.in_flight = 1;
  SetDelivered(19);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("in flight"));
}

TEST_F(AccountingTest, ARouterThatContradictsItselfIsFound) {
  statistics_.books.of(Outcome::kExpired) = 1;
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("settled"));
}

TEST_F(AccountingTest, EventsThatNobodyReceivesAreRoutedOnceEach) {
  offers_.cells.At(1, Category::kFilesystem).expected = 0;
  offers_.accepted_deliveries = 0;
  offers_.accepted_unrouted = 10;
  report_.Clear();
  statistics_.books = {};
  statistics_.books.routed = statistics_.books.of(Outcome::kUnrouted) = 10;
  EXPECT_TRUE(Accounted().books().balanced()) << Accounted().books().imbalance();
}

TEST_F(AccountingTest, FailedDeliveriesBalanceWithWhatTheProbesAnswered) {
  SetFailures();
  const record::BooksRecord books = Accounted().books();
  EXPECT_TRUE(books.balanced()) << books.imbalance();
  EXPECT_EQ(books.probe_handed(), 26u);
  EXPECT_EQ(books.probe_retries(), 6u);
  EXPECT_EQ(books.probe_dead_lettered(), 3u);
  EXPECT_EQ(books.probe_rejected(), 2u);
}

TEST_F(AccountingTest, ADeadLetterThatNoProbeFailedIsFound) {
  SetFailures();
  report_.set_dead_lettered(2);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("3 dead letters, the probes 2"));
}

TEST_F(AccountingTest, ARefusalThatTheRouterForgotIsFound) {
  SetFailures();
  report_.set_rejected(3);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("2 rejected, the probes 3"));
}

// It failed once, was to be tried again and expired instead.
TEST_F(AccountingTest, AFailedEventMayEndBeforeItsNextAttempt) {
  SetDelivered(19);
  report_.set_unfinished(1);
  statistics_.books.of(Outcome::kDelivered) = 19;
  statistics_.books.of(Outcome::kExpired) = 1;
  EXPECT_TRUE(Accounted().books().balanced()) << Accounted().books().imbalance();
  report_.set_unfinished(2);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("neither tried again"));
}

// The router's timer was faster than three handlers by its own clock, by the probes' clock than two.
TEST_F(AccountingTest, WithADeliveryTimeoutTheAnswersAreBounds) {
  plan_.mutable_subscription()->set_delivery_timeout_ns(1'000'000);
  SetDelivered(18);
  report_.set_late(2);
  report_.set_handed(20);
  statistics_.books.of(Outcome::kDelivered) = 17;
  statistics_.books.of(Outcome::kTimedOut) = 3;
  EXPECT_TRUE(Accounted().books().balanced()) << Accounted().books().imbalance();
  report_.set_handed(19);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("handed 19 events, the router counts 20"));
  report_.set_handed(21);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("handed 21 events"));
}

TEST_F(AccountingTest, WithADeliveryTimeoutNothingIsDeliveredWithoutAProbe) {
  plan_.mutable_subscription()->set_delivery_timeout_ns(1'000'000);
  SetDelivered(18);
  report_.set_late(1);
  report_.set_handed(20);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("20 delivered, the probes 18 and 1 late"));
}

class RequestAccountingTest : public AccountingTest {
 protected:
  // Ten requests to two receivers each: 20 responses, of which 10 came first.
  RequestAccountingTest() {
    report_.set_responses(20);
    statistics_.books.routed = statistics_.books.of(Outcome::kDelivered) = 40;
    AnswerCell& cell = answers_.emplace(2).cells.At(1, Category::kFilesystem);
    cell.answered = 9;
    cell.timeouts = 1;
    for (int i = 0; i < 9; ++i) cell.round_trip.Record(5'000);
    answers_->received = 20;
  }
};

TEST_F(RequestAccountingTest, ResponsesAreDeliveriesToTheRequesters) {
  const record::RunRecord record = Accounted();
  EXPECT_TRUE(record.books().balanced()) << record.books().imbalance();
  EXPECT_EQ(record.books().responses(), 20u);
  EXPECT_EQ(record.books().responses_received(), 20u);
  EXPECT_EQ(record.cells(0).answered(), 9u);
  EXPECT_EQ(record.cells(0).request_timeouts(), 1u);
  EXPECT_EQ(record::Histogram::FromData(record.cells(0).round_trip())->max(), 5'000);
}

TEST_F(RequestAccountingTest, AResponseThatTheRouterNeverSawIsFound) {
  report_.set_responses(21);
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("with 21 responses; the router routed 40"));
}

TEST_F(RequestAccountingTest, AResponseThatNoRequesterGotIsFound) {
  answers_->received = 19;
  EXPECT_THAT(Accounted().books().imbalance(), HasSubstr("40 delivered, the probes 39"));
}

TEST_F(AccountingTest, BreakersAreCountedOfThePlannedServices) {
  plan_.add_services()->set_id("service-1");
  plan_.add_services()->set_id("service-2");
  statistics_.services = {{.id = "service-1", .breaker_openings = 2},
                          {.id = "somebody else", .breaker_openings = 9},
                          {.id = "service-2", .breaker_openings = 1}};
  EXPECT_EQ(Accounted().books().breaker_openings(), 3u);
}

TEST_F(AccountingTest, WithoutTheRoutersCountsNothingBalances) {
  record::RunRecord record;
  Account(schedule_, offers_, answers_, report_, std::nullopt, record);
  EXPECT_FALSE(record.books().balanced());
  EXPECT_FALSE(record.books().imbalance().empty());
}

}  // namespace
}  // namespace routebench::loadgen
