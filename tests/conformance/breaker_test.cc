// R11: a service that fails gets nothing more until it may try again.
#include "events/control.h"
#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using testing::Recorder;

constexpr CircuitBreakerOptions kBreaker = {
    .consecutive_failures = 3, .open_timeout = 5 * kSecond, .successes_to_close = 2};

class BreakerTest : public ConformanceTest {
 protected:
  // A service whose handler records events and fails while well() is false.
  SubscriptionId AddFailing(const std::string& id, SubscriptionSpec spec = {}) {
    MustRegister({.id = id, .breaker = kBreaker});
    spec.service = id;
    return MustSubscribe(spec, [inbox = inbox_, well = well_, failure = failure_](Delivery& delivery) {
      inbox.Add(delivery.event());
      return well->load() ? Verdict::kAck : failure->load();
    });
  }
  void SetWell(bool well) { well_->store(well); }
  void FailBy(Verdict failure) { failure_->store(failure); }

  void PublishOne() {
    PublishMore(1);
    MustDrain();
    Settle();
  }
  void OpenIt() {
    for (uint32_t i = 0; i < kBreaker.consecutive_failures; ++i) PublishOne();
  }
  size_t handled() const { return inbox_.Items().size(); }
  uint64_t Refused() { return RouterBooks().of(Outcome::kBreakerOpen); }
  const Inbox& inbox() const { return inbox_; }

 private:
  Inbox inbox_;
  std::shared_ptr<std::atomic<bool>> well_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<std::atomic<Verdict>> failure_ = std::make_shared<std::atomic<Verdict>>(Verdict::kReject);
};

TEST_F(BreakerTest, R11_OpensAfterFailuresAndRefuses) {
  const SubscriptionId id = AddFailing("weak");
  OpenIt();
  EXPECT_EQ(Refused(), 0u);
  PublishOne();
  PublishOne();
  EXPECT_EQ(handled(), 3u);
  EXPECT_EQ(Refused(), 2u);
  EXPECT_EQ(outcomes().SequencesOf(Outcome::kBreakerOpen), (std::vector<uint64_t>{4, 5}));
  const Books books = BooksOf(id);
  EXPECT_EQ(books.routed, 5u);
  EXPECT_TRUE(books.balanced());
  const auto statistics = publisher().Statistics();
  ASSERT_TRUE(statistics.ok());
  ASSERT_EQ(statistics->services.size(), 1u);
  EXPECT_EQ(statistics->services[0].breaker_openings, 1u);
}

TEST_F(BreakerTest, R11_ClosesAgainAfterSuccessfulProbes) {
  AddFailing("weak");
  OpenIt();
  time().Advance(kBreaker.open_timeout);
  SetWell(true);
  for (int i = 0; i < 5; ++i) PublishOne();
  EXPECT_EQ(handled(), 8u);
  EXPECT_EQ(Refused(), 0u);
  SetWell(false);
  PublishOne();
  PublishOne();
  PublishOne();  // closed: it takes three again
  PublishOne();
  EXPECT_EQ(handled(), 11u);
  EXPECT_EQ(Refused(), 1u);
}

TEST_F(BreakerTest, R11_AFailedProbeOpensItAgain) {
  AddFailing("weak");
  OpenIt();
  time().Advance(kBreaker.open_timeout);
  PublishOne();
  PublishOne();
  EXPECT_EQ(handled(), 4u);
  EXPECT_EQ(Refused(), 1u);
}

TEST_F(BreakerTest, R11_OneProbeAtATime) {
  MustRegister({.id = "weak", .breaker = kBreaker});
  Recorder<Acknowledger> answers;
  MustSubscribe({.service = "weak"}, [answers](Delivery& delivery) {
    answers.Add(delivery.Defer());
    return Verdict::kDeferred;
  });
  for (size_t i = 0; i < kBreaker.consecutive_failures; ++i) {
    PublishMore(1);
    ASSERT_TRUE(answers.AwaitCount(i + 1));
    answers.Items()[i].Reject();
    MustDrain();
    Settle();
  }
  time().Advance(kBreaker.open_timeout);
  PublishMore(3);
  ASSERT_TRUE(outcomes().Await(Outcome::kBreakerOpen, 2));
  ASSERT_TRUE(answers.AwaitCount(4));
  EXPECT_EQ(outcomes().SequencesOf(Outcome::kBreakerOpen), (std::vector<uint64_t>{5, 6}));
  answers.Items()[3].Acknowledge();
  MustDrain();
  Settle();
  PublishMore(1);
  ASSERT_TRUE(answers.AwaitCount(5));
  answers.Items()[4].Acknowledge();
  MustDrain();
}

TEST_F(BreakerTest, R11_AProbeThatNeverReachedItsHandlerIsNoAnswer) {
  const SubscriptionId id = AddFailing("weak");
  OpenIt();
  ASSERT_TRUE(subscriber().Pause(id).ok());
  time().Advance(kBreaker.open_timeout);
  Event probe = NewEvent();
  probe.header.time_to_live = kSecond;
  ASSERT_EQ(publisher().Publish(probe), PublishResult::kAccepted);
  Settle();
  time().Advance(2 * kSecond);
  SetWell(true);
  ASSERT_TRUE(subscriber().Resume(id).ok());
  MustDrain();
  Settle();
  EXPECT_EQ(RouterBooks().of(Outcome::kExpired), 1u);
  PublishOne();
  EXPECT_EQ(handled(), 4u);
  EXPECT_EQ(Refused(), 0u);
}

TEST_F(BreakerTest, R11_AnAttemptThatIsTriedAgainIsAFailure) {
  FailBy(Verdict::kRetry);
  AddFailing("weak", {.retry = BackoffOptions{.initial = kSecond, .maximum = kSecond, .jitter = 0}});
  PublishMore(1);
  ASSERT_TRUE(AdvanceUntil([&] { return handled() == 3; }));
  MustDrain();
  Settle();
  PublishOne();
  EXPECT_EQ(handled(), 3u);
  EXPECT_EQ(Refused(), 1u);
}

TEST_F(BreakerTest, R11_TheOthersGoOn) {
  AddFailing("weak");
  Inbox other;
  AddReceiver({.service = "strong"}, other.Acknowledging());
  OpenIt();
  PublishOne();
  EXPECT_EQ(handled(), 3u);
  EXPECT_EQ(other.Items().size(), 4u);
  EXPECT_EQ(Refused(), 1u);
}

TEST_F(BreakerTest, R11_AGroupGoesElsewhere) {
  AddFailing("weak");
  OpenIt();
  Inbox other;
  AddReceiver({.service = "strong"}, other.Acknowledging());
  for (int i = 0; i < 4; ++i) {
    Event event = NewEvent();
    event.header.addressing = Addressing::kToGroup;
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
    MustDrain();
  }
  EXPECT_EQ(handled(), 3u);
  EXPECT_EQ(other.Items().size(), 4u);
  EXPECT_EQ(Refused(), 0u);
}

TEST_F(BreakerTest, R24_ExplainNamesTheOpenBreaker) {
  AddFailing("weak");
  OpenIt();
  Event event = NewEvent();
  event.header.addressing = Addressing::kToGroup;
  const auto explanation = publisher().control().Explain(event);
  ASSERT_TRUE(explanation.ok()) << explanation.status();
  ASSERT_EQ(explanation->subscriptions.size(), 1u);
  EXPECT_EQ(explanation->subscriptions[0].reason, Reason::kBreakerOpen);
}

TEST_F(BreakerTest, R11_AnImpossibleBreakerIsRefused) {
  CircuitBreakerOptions never = kBreaker;
  never.consecutive_failures = 0;
  EXPECT_EQ(subscriber().Register({.id = "weak", .breaker = never}).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace routebench::conformance
