#include "loadgen/asker.h"

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "coordinator/inline_router.h"
#include "gtest/gtest.h"
#include "tests/support/fake_time.h"

namespace routebench::loadgen {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Requests to a router that hands them out in Publish.
class AskerTest : public ::testing::Test {
 protected:
  AskerTest() {
    plan_.set_request_timeout_ns(1'000'000);
    asker_ = Asker::Create(router_, time_, plan_, 2, nullptr, time_).value();
  }
  void Serve(const std::string& service, std::function<absl::Status(const Event&)> answer) {
    ASSERT_TRUE(router_.Register({.id = service}).ok());
    const SubscriptionSpec spec = {.service = service,
                                   .filters = {{.kinds = KindSet::Of(Category::kExternal)}}};
    ASSERT_TRUE(router_
                    .Subscribe(spec,
                               [answer](Delivery& delivery) {
                                 return answer(delivery.event()).ok() ? Verdict::kAck : Verdict::kReject;
                               })
                    .ok());
  }
  void ServeWell(const std::string& service) {
    Serve(service, [this](const Event& request) {
      Event response;
      response.header.kind = EventKind::kCustom;
      response.attributes = std::make_shared<Attributes>(Attributes{.custom_name = "answer"});
      return requests::Respond(router_, request, std::move(response));
    });
  }
  // Was due 50 us ago.
  Event Request() const {
    Event event;
    event.header.kind = EventKind::kStreamBytes;
    event.header.due = time_.Now() - microseconds(50);
    event.header.created = time_.Now();
    event.payload = Payload::Bytes(std::make_shared<std::string>("question"));
    return event;
  }
  AnswerCell Measured() const { return asker_->Results().cells.At(1, Category::kExternal); }

  testing::FakeTime time_;
  InlineRouter router_{RouterOptions(), time_, &time_};
  record::RunPlan plan_;
  std::unique_ptr<Asker> asker_;
};

TEST_F(AskerTest, MeasuresFromTheDueTimeToTheAnswer) {
  ServeWell("one");
  EXPECT_EQ(asker_->Ask(Request(), 1), PublishResult::kAccepted);
  EXPECT_EQ(Measured().answered, 1u);
  EXPECT_EQ(Measured().round_trip.max(), 50'000);
  EXPECT_EQ(asker_->outstanding(), 0u);
  EXPECT_EQ(asker_->Results().received, 1u);
  EXPECT_EQ(asker_->Results().cells.At(0, Category::kExternal).answered, 0u);
}

TEST_F(AskerTest, OfSeveralAnswersTheFirstCountsAndAllAreReceived) {
  ServeWell("one");
  ServeWell("another");
  asker_->Ask(Request(), 1);
  EXPECT_EQ(Measured().answered, 1u);
  EXPECT_EQ(asker_->Results().received, 2u);
}

// Otherwise each request would be a set of its own to a daemon, which keeps those it has seen.
TEST_F(AskerTest, RequestsOfSeveralKindsShareTheirAttributes) {
  std::set<std::shared_ptr<const Attributes>> seen;
  Serve("one", [&](const Event& request) {
    seen.insert(request.attributes);
    return absl::OkStatus();
  });
  const auto one = std::make_shared<Attributes>(Attributes{.source = {.id = "one"}});
  const auto another = std::make_shared<Attributes>(Attributes{.source = {.id = "another"}});
  for (int i = 0; i < 6; ++i) {
    Event request = Request();
    request.attributes = i % 2 == 0 ? one : another;
    asker_->Ask(request, 1);
  }
  EXPECT_EQ(seen.size(), 2u);
}

// Two requests time out after 1 ms each; in between the asker turns round for 30 us.
TEST_F(AskerTest, AddsUpItsRoundTripsAndTurnRounds) {
  asker_->Ask(Request(), 1);
  time_.Advance(milliseconds(1));
  EXPECT_EQ(asker_->turns().turn_round_ns, 0u) << "the first was not preceded by any";
  time_.Advance(microseconds(30));
  asker_->Ask(Request(), 1);
  time_.Advance(milliseconds(1));
  EXPECT_EQ(asker_->turns().exchanges, 2u);
  EXPECT_EQ(asker_->turns().round_trip_ns, 2'000'000u);
  EXPECT_EQ(asker_->turns().turn_round_ns, 30'000u);
}

TEST_F(AskerTest, WithoutAnAnswerItTimesOut) {
  EXPECT_EQ(asker_->Ask(Request(), 1), PublishResult::kAccepted);
  EXPECT_EQ(asker_->outstanding(), 1u);
  time_.Advance(milliseconds(1));
  EXPECT_EQ(asker_->outstanding(), 0u);
  EXPECT_EQ(Measured().timeouts, 1u);
  EXPECT_EQ(Measured().answered + Measured().errors, 0u);
}

TEST_F(AskerTest, AnErrorIsAnAnswerThatIsNotMeasured) {
  Serve("one", [this](const Event& request) {
    return requests::RespondError(router_, request, absl::InternalError("no"));
  });
  asker_->Ask(Request(), 1);
  EXPECT_EQ(Measured().errors, 1u);
  EXPECT_EQ(Measured().round_trip.count(), 0u);
  EXPECT_EQ(asker_->Results().received, 1u);
}

TEST_F(AskerTest, ARefusedRequestIsNoTimeoutAndGivesItsRoomBack) {
  OutstandingLimit limit(1, 1);
  asker_ = Asker::Create(router_, time_, plan_, 2, &limit, time_).value();
  ASSERT_TRUE(router_.Close(Duration::zero()).ok());
  limit.Acquire(1);
  EXPECT_EQ(asker_->Ask(Request(), 1), PublishResult::kClosed);
  limit.Acquire(1);  // would block for ever
  EXPECT_EQ(Measured().timeouts + Measured().errors + Measured().answered, 0u);
}

TEST_F(AskerTest, WhatIsGivenUpGivesItsRoomBack) {
  OutstandingLimit limit(1, 1);
  asker_ = Asker::Create(router_, time_, plan_, 2, &limit, time_).value();
  limit.Acquire(1);
  asker_->Ask(Request(), 1);
  asker_->Close();
  limit.Acquire(1);
  EXPECT_EQ(asker_->outstanding(), 0u);
}

}  // namespace
}  // namespace routebench::loadgen
