// R13, R15, R17, R18 (nack), R21: what becomes of an event that its handler could not deal with.
#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using testing::Recorder;

constexpr BackoffOptions kBackoff = {
    .initial = 10 * kSecond, .multiplier = 2, .maximum = 60 * kSecond, .jitter = 0};

class RetryTest : public ConformanceTest {
 protected:
  // Answers by `verdict`, and records each attempt.
  static Handler Answering(const Inbox& inbox, Verdict verdict) {
    return [inbox, verdict](Delivery& delivery) {
      inbox.Add(delivery.event());
      return verdict;
    };
  }

  // Lets the time pass that `attempts` of them take; the last one comes at the end of it.
  [[nodiscard]] bool AwaitAttempts(const Inbox& inbox, size_t attempts) {
    return AdvanceUntil([&] { return inbox.Items().size() >= attempts; });
  }

  std::vector<DeadLetter> Letters() {
    const auto letters = publisher().dead_letters().List(0, 100);
    EXPECT_TRUE(letters.ok()) << letters.status();
    return letters.ok() ? *letters : std::vector<DeadLetter>();
  }
};

TEST_F(RetryTest, R13_WithoutRetriesANackIsARejection) {
  Inbox inbox;
  const SubscriptionId id = AddReceiver({}, Answering(inbox, Verdict::kRetry));
  PublishMore(1);
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kRejected), 1u);
  EXPECT_TRUE(Letters().empty());
}

TEST_F(RetryTest, R13_TriesAgainAfterTheBackoffWithTheAttemptCounted) {
  Recorder<TimePoint> times;
  Inbox inbox;
  const SubscriptionId id = AddReceiver({.retry = kBackoff}, [&, inbox, times](Delivery& delivery) {
    times.Add(time().Now());
    inbox.Add(delivery.event());
    return delivery.event().header.attempt < 3 ? Verdict::kRetry : Verdict::kAck;
  });
  PublishMore(1);
  ASSERT_TRUE(AwaitAttempts(inbox, 3));
  MustDrain();
  const std::vector<Event> attempts = inbox.Items();
  ASSERT_EQ(attempts.size(), 3u);
  for (size_t i = 0; i < attempts.size(); ++i) {
    EXPECT_EQ(attempts[i].header.attempt, i + 1);
    EXPECT_EQ(attempts[i].header.sequence, 1u);
    EXPECT_EQ(attempts[i].header.not_before, TimePoint{});
    EXPECT_EQ(attempts[i].payload.bytes(), "event 1");
  }
  EXPECT_GE(times.Items()[1] - times.Items()[0], 10 * kSecond);
  EXPECT_GE(times.Items()[2] - times.Items()[1], 20 * kSecond);
  const Books books = BooksOf(id);
  EXPECT_EQ(books.routed, 1u);
  EXPECT_EQ(books.of(Outcome::kDelivered), 1u);
  EXPECT_TRUE(books.balanced());
}

TEST_F(RetryTest, R22_AnEventThatWaitsForItsNextAttemptIsInFlight) {
  Inbox inbox;
  const SubscriptionId id = AddReceiver({.retry = kBackoff}, Answering(inbox, Verdict::kRetry));
  PublishMore(1);
  ASSERT_TRUE(inbox.AwaitCount(1));
  Settle();
  const Books books = BooksOf(id);
  EXPECT_EQ(books.in_flight, 1u);
  EXPECT_EQ(books.settled(), 0u);
}

TEST_F(RetryTest, R13_TheLastAttemptMakesADeadLetter) {
  Inbox inbox;
  const SubscriptionId id =
      AddReceiver({.service = "indexer", .retry = kBackoff}, Answering(inbox, Verdict::kRetry));
  Event event = NewEvent();
  event.header.max_attempts = 2;
  ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  ASSERT_TRUE(AdvanceUntil([&] { return outcomes().SequencesOf(Outcome::kDeadLettered).size() == 1; }));
  MustDrain();
  EXPECT_EQ(inbox.Items().size(), 2u);
  const Books books = BooksOf(id);
  EXPECT_EQ(books.of(Outcome::kDeadLettered), 1u);
  EXPECT_TRUE(books.balanced());

  const std::vector<DeadLetter> letters = Letters();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].event.header.id, event.header.id);
  EXPECT_EQ(letters[0].event.header.attempt, 2);
  EXPECT_EQ(letters[0].event.payload.bytes(), "event 1");
  EXPECT_EQ(AttributesOf(letters[0].event), *event.attributes);
  EXPECT_EQ(letters[0].subscription, id);
  EXPECT_EQ(letters[0].service, "indexer");
  EXPECT_EQ(letters[0].reason, Outcome::kRejected);
}

TEST_F(RetryTest, R13_OneTargetsRetriesAreNotTheOthers) {
  Inbox failing;
  Inbox well;
  AddReceiver({.service = "failing", .retry = kBackoff}, Answering(failing, Verdict::kRetry));
  AddReceiver({.service = "well", .retry = kBackoff}, well.Acknowledging());
  PublishMore(1);
  ASSERT_TRUE(AwaitAttempts(failing, 3));
  MustDrain();
  EXPECT_EQ(failing.Items().size(), 3u);
  EXPECT_EQ(well.Items().size(), 1u);
}

TEST_F(RetryTest, R13_ARejectionIsNotTriedAgain) {
  Inbox inbox;
  const SubscriptionId id = AddReceiver({.retry = kBackoff}, Answering(inbox, Verdict::kReject));
  PublishMore(1);
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kRejected), 1u);
  EXPECT_EQ(inbox.Items().size(), 1u);
  EXPECT_TRUE(Letters().empty());
}

TEST_F(RetryTest, R13_ADeadLetterCanBeReplayed) {
  Inbox inbox;
  std::atomic<bool> well{false};
  const SubscriptionId id = AddReceiver({.retry = kBackoff}, [&, inbox](Delivery& delivery) {
    inbox.Add(delivery.event());
    return well.load() ? Verdict::kAck : Verdict::kRetry;
  });
  Event event = NewEvent();
  event.header.max_attempts = 1;
  ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  MustDrain();
  const std::vector<DeadLetter> letters = Letters();
  ASSERT_EQ(letters.size(), 1u);
  well.store(true);
  EXPECT_TRUE(publisher().dead_letters().Replay(letters[0].number).ok());
  ASSERT_TRUE(inbox.AwaitCount(2));
  MustDrain();
  EXPECT_EQ(inbox.Items()[1].header.attempt, 1);
  EXPECT_TRUE(Letters().empty());
  const Books books = BooksOf(id);
  EXPECT_EQ(books.routed, 2u);
  EXPECT_EQ(books.of(Outcome::kDelivered), 1u);
  EXPECT_EQ(books.of(Outcome::kDeadLettered), 1u);
}

TEST_F(RetryTest, R13_DeadLettersAreBoundedAndCanBeDiscarded) {
  options.routing.dead_letters.most = 2;
  Inbox inbox;
  const SubscriptionId id = AddReceiver({.retry = kBackoff}, Answering(inbox, Verdict::kRetry));
  for (int i = 0; i < 3; ++i) {
    Event event = NewEvent();
    event.header.max_attempts = 1;
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kDeadLettered), 3u);
  std::vector<DeadLetter> letters = Letters();
  ASSERT_EQ(letters.size(), 2u);
  EXPECT_EQ(letters[0].event.header.sequence, 2u);
  EXPECT_EQ(letters[1].event.header.sequence, 3u);
  const auto later = publisher().dead_letters().List(letters[1].number, 100);
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(later->size(), 1u);
  EXPECT_TRUE(publisher().dead_letters().Discard(letters[0].number).ok());
  EXPECT_EQ(publisher().dead_letters().Discard(letters[0].number).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Letters().size(), 1u);
}

TEST_F(RetryTest, R13_ADeadLetterWithoutItsSubscriptionStays) {
  Inbox inbox;
  const SubscriptionId id = AddReceiver({.retry = kBackoff}, Answering(inbox, Verdict::kRetry));
  Event event = NewEvent();
  event.header.max_attempts = 1;
  ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  MustDrain();
  ASSERT_TRUE(subscriber().Unsubscribe(id).ok());
  const std::vector<DeadLetter> letters = Letters();
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(publisher().dead_letters().Replay(letters[0].number).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(publisher().dead_letters().Replay(letters[0].number + 1).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Letters().size(), 1u);
}

TEST_F(RetryTest, R13_WhatWaitsForAnAttemptEndsWithItsSubscription) {
  Inbox inbox;
  const SubscriptionId id = AddReceiver({.retry = kBackoff}, Answering(inbox, Verdict::kRetry));
  PublishMore(1);
  ASSERT_TRUE(inbox.AwaitCount(1));
  Settle();
  ASSERT_TRUE(subscriber().Unsubscribe(id).ok());
  MustDrain();
  EXPECT_EQ(RouterBooks().of(Outcome::kDroppedUnsubscribed), 1u);
  EXPECT_EQ(RouterBooks().in_flight, 0u);
}

TEST_F(RetryTest, R18_ADeferredEventCanBeNacked) {
  Inbox inbox;
  Recorder<Acknowledger> answers;
  AddReceiver({.retry = kBackoff}, [inbox, answers](Delivery& delivery) {
    answers.Add(delivery.Defer());
    inbox.Add(delivery.event());
    return Verdict::kDeferred;
  });
  PublishMore(1);
  ASSERT_TRUE(inbox.AwaitCount(1));
  EXPECT_TRUE(answers.Items()[0].Retry());
  EXPECT_FALSE(answers.Items()[0].Acknowledge());
  ASSERT_TRUE(AwaitAttempts(inbox, 2));
  EXPECT_TRUE(answers.Items()[1].Acknowledge());
  MustDrain();
  EXPECT_EQ(inbox.Items()[1].header.attempt, 2);
  EXPECT_EQ(RouterBooks().of(Outcome::kDelivered), 1u);
}

TEST_F(RetryTest, R15_ADeferredEventTimesOut) {
  Inbox inbox;
  Recorder<Acknowledger> answers;
  const SubscriptionId id =
      AddReceiver({.delivery_timeout = 5 * kSecond}, [inbox, answers](Delivery& delivery) {
        answers.Add(delivery.Defer());
        inbox.Add(delivery.event());
        return Verdict::kDeferred;
      });
  PublishMore(2);
  ASSERT_TRUE(inbox.AwaitCount(2));
  Settle();
  EXPECT_TRUE(answers.Items()[1].Acknowledge());
  time().Advance(4 * kSecond);
  Settle();
  EXPECT_EQ(BooksOf(id).of(Outcome::kTimedOut), 0u);
  time().Advance(2 * kSecond);
  MustDrain();
  EXPECT_EQ(outcomes().SequencesOf(Outcome::kTimedOut), std::vector<uint64_t>{1});
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 1u);
  answers.Items()[0].Acknowledge();  // too late
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 1u);
  EXPECT_TRUE(BooksOf(id).balanced());
}

TEST_F(RetryTest, R15_AnAnswerBeforeTheHandlersReturnIsInTime) {
  SKIP_ON_INLINE();
  Gate gate;
  const SubscriptionId id = AddReceiver({.delivery_timeout = 5 * kSecond}, [gate](Delivery& delivery) {
    Acknowledger answer = delivery.Defer();
    answer.Acknowledge();
    gate.Pass();
    return Verdict::kDeferred;
  });
  PublishMore(1);
  ASSERT_TRUE(gate.AwaitEntered(1));
  time().Advance(6 * kSecond);
  gate.Open();
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 1u);
  EXPECT_EQ(BooksOf(id).of(Outcome::kTimedOut), 0u);
}

TEST_F(RetryTest, R15_AHandlerTimesOutAndIsTriedAgainWhenItIsFree) {
  SKIP_ON_INLINE();
  Inbox inbox;
  Gate gate;
  const SubscriptionId id =
      AddReceiver({.delivery_timeout = 5 * kSecond, .retry = kBackoff}, inbox.Behind(gate));
  PublishMore(2);
  ASSERT_TRUE(gate.AwaitEntered(1));
  time().Advance(6 * kSecond);   // it is late
  time().Advance(20 * kSecond);  // its second attempt is due, but the handler is not free
  Settle();
  EXPECT_EQ(BooksOf(id).settled(), 0u);
  EXPECT_EQ(gate.entered(), 1u);
  gate.Open();
  ASSERT_TRUE(AwaitAttempts(inbox, 3));
  MustDrain();
  const Books books = BooksOf(id);
  EXPECT_EQ(books.routed, 2u);
  EXPECT_EQ(books.of(Outcome::kDelivered), 2u);
  EXPECT_TRUE(books.balanced());
}

TEST_F(RetryTest, R15_AStuckHandlerDoesNotKeepItsEventInFlight) {
  SKIP_ON_INLINE();
  Inbox inbox;
  Gate gate;
  const SubscriptionId id = AddReceiver({.delivery_timeout = 5 * kSecond}, inbox.Behind(gate));
  PublishMore(1);
  ASSERT_TRUE(gate.AwaitEntered(1));
  time().Advance(6 * kSecond);
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kTimedOut), 1u);
  EXPECT_EQ(BooksOf(id).in_flight, 0u);
  EXPECT_TRUE(subscriber().Close(Duration::zero()).ok());
  gate.Open();
}

TEST_F(RetryTest, R15_TheReasonOfADeadLetterMayBeTheTimeout) {
  Inbox inbox;
  Recorder<Acknowledger> answers;
  AddReceiver({.delivery_timeout = 5 * kSecond, .retry = kBackoff}, [inbox, answers](Delivery& delivery) {
    answers.Add(delivery.Defer());
    inbox.Add(delivery.event());
    return Verdict::kDeferred;
  });
  PublishMore(1);
  ASSERT_TRUE(AdvanceUntil([&] { return outcomes().SequencesOf(Outcome::kDeadLettered).size() == 1; }));
  EXPECT_TRUE(inbox.AwaitCount(3));  // the last one may be late even to arrive
  ASSERT_EQ(Letters().size(), 1u);
  EXPECT_EQ(Letters()[0].reason, Outcome::kTimedOut);
}

TEST_F(RetryTest, R17_APausedSubscriptionGetsNothingUntilItIsResumed) {
  Inbox inbox;
  const SubscriptionId id = AddReceiver({}, inbox.Acknowledging());
  PublishMore(1);
  MustDrain();
  ASSERT_TRUE(subscriber().Pause(id).ok());
  PublishMore(3);
  Settle();
  EXPECT_EQ(inbox.Items().size(), 1u);
  EXPECT_EQ(BooksOf(id).in_flight, 3u);
  ASSERT_TRUE(subscriber().Resume(id).ok());
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(4));
  EXPECT_EQ(subscriber().Pause(id + 1).code(), absl::StatusCode::kNotFound);
}

TEST_F(RetryTest, R17_PauseWaitsForTheRunningHandlerButNotForItsOwn) {
  SKIP_ON_INLINE();
  Inbox inbox;
  Gate gate;
  std::atomic<SubscriptionId> id{0};
  id = AddReceiver({.concurrency = 1}, [&, inbox, gate](Delivery& delivery) {
    inbox.Add(delivery.event());
    gate.Pass();
    if (delivery.event().header.sequence == 2) {
      EXPECT_TRUE(subscriber().Pause(id).ok());
    }
    return Verdict::kAck;
  });
  PublishMore(1);
  ASSERT_TRUE(gate.AwaitEntered(1));
  std::atomic<bool> paused{false};
  std::thread pausing([&] {
    EXPECT_TRUE(subscriber().Pause(id).ok());
    EXPECT_EQ(gate.passed(), 1u);
    paused.store(true);
  });
  gate.Let(1);
  pausing.join();
  EXPECT_TRUE(paused.load());
  gate.Open();
  PublishMore(1);
  Settle();
  EXPECT_EQ(inbox.Items().size(), 1u);
  ASSERT_TRUE(subscriber().Resume(id).ok());  // the second event pauses from its handler
  ASSERT_TRUE(inbox.AwaitCount(2));
  MustDrain();
  PublishMore(1);
  Settle();
  EXPECT_EQ(inbox.Items().size(), 2u);
  ASSERT_TRUE(subscriber().Resume(id).ok());
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(3));
}

TEST_F(RetryTest, R17_APausedSubscriptionsCapacityFills) {
  options.publish_timeout = kSecond;
  Inbox inbox;
  const SubscriptionId id =
      AddReceiver({.capacity = 2, .full_policy = FullPolicy::kReject}, inbox.Acknowledging());
  ASSERT_TRUE(subscriber().Pause(id).ok());
  PublishMore(5);
  ASSERT_TRUE(outcomes().Await(Outcome::kDroppedQueueFull, 3));
  ASSERT_TRUE(subscriber().Resume(id).ok());
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(2));
}

TEST_F(RetryTest, R17_ABatchComesWhenItIsFullOrItsIntervalIsOver) {
  Inbox inbox;
  Recorder<size_t> following;
  AddReceiver({.batch = {.most = 3, .interval = 10 * kSecond}}, [inbox, following](Delivery& delivery) {
    following.Add(delivery.following());
    inbox.Add(delivery.event());
    return Verdict::kAck;
  });
  PublishMore(2);
  Settle();
  time().Advance(5 * kSecond);
  Settle();
  EXPECT_EQ(inbox.Items().size(), 0u);
  PublishMore(1);
  ASSERT_TRUE(inbox.AwaitCount(3));
  EXPECT_EQ(following.Items(), (std::vector<size_t>{2, 1, 0}));
  PublishMore(2);
  Settle();
  time().Advance(6 * kSecond);  // the first batch's interval would be over now
  Settle();
  EXPECT_EQ(inbox.Items().size(), 3u);
  ASSERT_TRUE(AdvanceUntil([&] { return inbox.Items().size() == 5; }));
  MustDrain();
  EXPECT_EQ(following.Items(), (std::vector<size_t>{2, 1, 0, 1, 0}));
  EXPECT_EQ(inbox.Sequences(), UpTo(5));
}

TEST_F(RetryTest, R17_BatchesHaveTheirLimits) {
  MustRegister({.id = "limited", .max_concurrent = 1});
  MustRegister({.id = "free"});
  const auto refused = [&](SubscriptionSpec spec) {
    return subscriber().Subscribe(spec, Inbox().Acknowledging()).status().code() ==
           absl::StatusCode::kInvalidArgument;
  };
  const BatchOptions batch = {.most = 10, .interval = kSecond};
  EXPECT_TRUE(refused({.service = "limited", .batch = batch}));
  EXPECT_TRUE(refused({.service = "free", .batch = {.most = 0, .interval = kSecond}}));
  EXPECT_TRUE(refused({.service = "free", .batch = {.most = 10}}));
  EXPECT_TRUE(refused({.service = "free", .capacity = 9, .batch = batch}));
  EXPECT_TRUE(refused({.service = "free", .concurrency = 2, .batch = batch}));
  EXPECT_TRUE(refused({.service = "free", .full_policy = FullPolicy::kDropOldest, .batch = batch}));
  EXPECT_TRUE(refused({.service = "free", .delivery_timeout = -kSecond}));
  EXPECT_TRUE(refused({.service = "free", .retry = BackoffOptions{.multiplier = 0.5}}));
}

}  // namespace
}  // namespace routebench::conformance
