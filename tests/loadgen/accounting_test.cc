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
  }
  record::RunRecord Accounted() const {
    record::RunRecord record;
    Account(schedule_, offers_, report_, statistics_, record);
    return record;
  }

  Schedule schedule_;
  OfferResults offers_{2};
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

TEST_F(AccountingTest, WithoutTheRoutersCountsNothingBalances) {
  record::RunRecord record;
  Account(schedule_, offers_, report_, std::nullopt, record);
  EXPECT_FALSE(record.books().balanced());
  EXPECT_FALSE(record.books().imbalance().empty());
}

}  // namespace
}  // namespace routebench::loadgen
