// R22, R23, R25: the books, every answer and outcome, drain and close.
#include <atomic>
#include <thread>

#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(ConformanceTest, R22_TheBooksAreExactWhenQuiet) {
  const SubscriptionId acks = AddReceiver({.service = "a"}, [](Delivery&) { return Verdict::kAck; });
  const SubscriptionId rejects = AddReceiver({.service = "b"}, [](Delivery& delivery) {
    return delivery.event().header.sequence % 3 == 0 ? Verdict::kReject : Verdict::kAck;
  });
  const SubscriptionId leaves = AddReceiver({.service = "c"}, [](Delivery&) { return Verdict::kAck; });
  PublishMore(90);
  ASSERT_EQ(publisher().Publish(NewEvent(EventKind::kToolCall)), PublishResult::kAccepted);
  MustDrain();
  ASSERT_TRUE(subscriber().Unsubscribe(leaves).ok());
  Event to_nobody = NewEvent();
  to_nobody.header.addressing = Addressing::kToTargets;
  auto attributes = std::make_shared<Attributes>();
  attributes->targets = {"nobody"};
  to_nobody.attributes = attributes;
  ASSERT_EQ(publisher().Publish(to_nobody), PublishResult::kAccepted);
  MustDrain();

  const auto statistics = publisher().Statistics();
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->of(PublishResult::kAccepted), 92);
  Books expected;
  expected.routed = 91 * 3 + 1;
  expected.of(Outcome::kDelivered) = 91 * 3 - 30;
  expected.of(Outcome::kRejected) = 30;
  expected.of(Outcome::kUnrouted) = 1;
  EXPECT_EQ(statistics->books, expected);
  EXPECT_THAT(statistics->subscriptions, SizeIs(2));
  EXPECT_EQ(BooksOf(acks).of(Outcome::kDelivered), 91);
  EXPECT_EQ(BooksOf(rejects).of(Outcome::kRejected), 30);
  EXPECT_TRUE(BooksOf(rejects).balanced());
}

TEST_F(ConformanceTest, R22_EveryEventHasOneOutcomePerTarget) {
  AddReceiver({.service = "a", .capacity = 3, .full_policy = FullPolicy::kDropOldest},
              [](Delivery&) { return Verdict::kAck; });
  AddReceiver({.service = "b", .capacity = 3, .full_policy = FullPolicy::kReject}, [](Delivery&) {
    std::this_thread::yield();
    return Verdict::kReject;
  });
  PublishMore(300);
  MustDrain();
  ASSERT_TRUE(outcomes().AwaitCount(600));
  std::vector<int> reports(301);
  for (const OutcomeReport& report : outcomes().Items()) ++reports[report.sequence];
  EXPECT_EQ(reports[0], 0);
  for (uint64_t sequence = 1; sequence <= 300; ++sequence) EXPECT_EQ(reports[sequence], 2) << sequence;
  EXPECT_EQ(RouterBooks().settled(), 600);
}

// At any moment: nothing is counted that has not happened, nothing that has long happened is missing, and
// what is in flight stays within what may wait.
TEST_F(ConformanceTest, R22_TheBooksAreBoundedAtEveryMoment) {
  constexpr size_t kCapacity = 16;
  constexpr uint64_t kEvents = 3000;
  const auto handled = std::make_shared<std::atomic<uint64_t>>(0);
  const SubscriptionId id = AddReceiver({.capacity = kCapacity}, [handled](Delivery&) {
    handled->fetch_add(1);
    return Verdict::kAck;
  });
  std::atomic<uint64_t> offered{0};
  std::atomic<bool> done{false};
  const Event prototype = NewEvent();
  std::thread publishing([&] {
    for (uint64_t n = 0; n < kEvents; ++n) {
      offered.fetch_add(1);
      EXPECT_EQ(publisher().Publish(prototype), PublishResult::kAccepted);
    }
    done.store(true);
  });
  uint64_t last_routed = 0;
  while (!done.load()) {
    const Books books = BooksOf(id);
    EXPECT_LE(books.routed, offered.load());
    EXPECT_GE(books.routed, last_routed);
    EXPECT_LE(books.of(Outcome::kDelivered), handled->load());
    EXPECT_LE(books.settled(), books.routed);
    // The waiting ones, the one being handled, and the one being offered.
    EXPECT_LE(books.in_flight, kCapacity + 2);
    EXPECT_GE(books.settled() + books.in_flight + 2, books.routed);
    last_routed = books.routed;
  }
  publishing.join();
  MustDrain();
  const Books books = BooksOf(id);
  EXPECT_EQ(books.routed, kEvents);
  EXPECT_EQ(books.of(Outcome::kDelivered), kEvents);
  EXPECT_EQ(books.in_flight, 0);
}

// The same while attempts fail: of nine events three are tried again, one of those in vain.
TEST_F(ConformanceTest, R22_TheBooksAreBoundedWhileAttemptsFail) {
  constexpr size_t kCapacity = 16;
  constexpr uint64_t kEvents = 900;
  constexpr Duration kForEver = 10'000 * kSecond;
  options.publish_timeout = kForEver;
  const auto acknowledged = std::make_shared<std::atomic<uint64_t>>(0);
  const auto failed_twice = std::make_shared<std::atomic<uint64_t>>(0);
  SubscriptionSpec spec = {.capacity = kCapacity, .block_deadline = kForEver};
  spec.retry = BackoffOptions{.initial = std::chrono::milliseconds(10)};
  const SubscriptionId id = AddReceiver(spec, [acknowledged, failed_twice](Delivery& delivery) {
    const EventHeader& header = delivery.event().header;
    const bool fails = header.attempt == 1 ? header.sequence % 3 == 0 : header.sequence % 9 == 0;
    if (!fails) {
      acknowledged->fetch_add(1);
    } else if (header.attempt == 2) {
      failed_twice->fetch_add(1);
    }
    return fails ? Verdict::kRetry : Verdict::kAck;
  });
  std::atomic<uint64_t> offered{0};
  std::atomic<bool> done{false};
  Event event = NewEvent();
  event.header.max_attempts = 2;
  std::thread publishing([&] {
    for (uint64_t n = 1; n <= kEvents; ++n) {
      event.header.sequence = n;
      offered.fetch_add(1);
      EXPECT_EQ(publisher().Publish(event), PublishResult::kAccepted);
    }
    done.store(true);
  });
  EXPECT_TRUE(AdvanceUntil([&] {
    const Books books = BooksOf(id);
    EXPECT_LE(books.routed, offered.load());
    EXPECT_LE(books.of(Outcome::kDelivered), acknowledged->load());
    EXPECT_LE(books.of(Outcome::kDeadLettered), failed_twice->load());
    EXPECT_LE(books.settled(), books.routed);
    // As above, and one that has come back to a place that was taken.
    EXPECT_LE(books.in_flight, kCapacity + 3);
    EXPECT_GE(books.settled() + books.in_flight + 3, books.routed);
    return done.load() && books.settled() == kEvents;
  }));
  publishing.join();
  const Books books = BooksOf(id);
  EXPECT_EQ(books.of(Outcome::kDelivered), kEvents - kEvents / 9);
  EXPECT_EQ(books.of(Outcome::kDeadLettered), kEvents / 9);
  EXPECT_EQ(books.in_flight, 0);
}

TEST_F(ConformanceTest, R22_AnEventInAHandlersHandsIsInFlight) {
  SKIP_ON_INLINE();
  const Gate gate;
  const Inbox inbox;
  const SubscriptionId id = AddReceiver({}, inbox.Behind(gate));
  PublishMore(5);
  gate.Let(2);
  ASSERT_TRUE(gate.AwaitEntered(3));
  Settle();
  const auto in_flight = [&] { return BooksOf(id).in_flight; };
  EXPECT_TRUE(AdvanceUntil([&] { return in_flight() == 3; })) << in_flight();
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 2);
  gate.Open();
  MustDrain();
  EXPECT_EQ(in_flight(), 0);
}

// R23. kTooLarge and kInvalid: R5_TooLargeAndInvalidEventsAreRefused. kClosed: R25_NothingWorksAfterClose.
TEST_F(ConformanceTest, R23_PublishWouldBlockWhenThereIsNoRoomInTime) {
  SKIP_ON_INLINE();
  options.publish_timeout = Duration::zero();
  const Gate gate;
  const Inbox stuck;
  AddReceiver({.service = "a", .capacity = 2}, stuck.Behind(gate));
  uint64_t accepted = 0;
  PublishResult result;
  // A backend with room between the publisher and the queue fills that first.
  while ((result = publisher().Publish(NewEvent())) == PublishResult::kAccepted && accepted < 1'000'000) {
    ++accepted;
  }
  EXPECT_EQ(result, PublishResult::kWouldBlock);
  EXPECT_GE(accepted, 2);
  gate.Open();
  MustDrain();
  EXPECT_EQ(stuck.Sequences(), UpTo(accepted));
  const auto statistics = publisher().Statistics();
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->of(PublishResult::kWouldBlock), 1);
  EXPECT_EQ(statistics->of(PublishResult::kAccepted), accepted);
}

TEST_F(ConformanceTest, R23_WhatWouldBlockReachesNobody) {
  SKIP_ON_INLINE();
  options.publish_timeout = kSecond;
  const Gate gate;
  const Inbox stuck, healthy;
  AddReceiver({.service = "b"}, healthy.Acknowledging());
  AddReceiver({.service = "a", .capacity = 2, .block_deadline = 1'000'000 * kSecond}, stuck.Behind(gate));
  std::atomic<uint64_t> accepted{0};
  std::atomic<bool> blocked{false};
  std::thread publishing([&] {
    while (publisher().Publish(NewEvent()) == PublishResult::kAccepted) accepted.fetch_add(1);
    blocked.store(true);
  });
  EXPECT_TRUE(AdvanceUntil([&] { return blocked.load(); }));
  publishing.join();
  gate.Open();
  MustDrain();
  EXPECT_EQ(stuck.Sequences(), UpTo(accepted));
  EXPECT_EQ(healthy.Sequences(), UpTo(accepted));
}

// R23. The other outcomes are provoked where their row is tested: kDelivered and kRejected (R18), kUnrouted
// (R5), kExpired (R1), the policies' (R14), kDroppedUnsubscribed (R17), kDroppedClosed (R25).
TEST_F(ConformanceTest, R23_DamagedBytesAreDroppedAsCorrupt) {
  if (!BackendUnderTest().crosses_processes) GTEST_SKIP() << "no bytes that could be damaged";
  GTEST_SKIP() << "provoked in the tests of the wire, which can damage a frame";
}

TEST_F(ConformanceTest, R23_EventsAreLostWithTheirPeer) {
  if (!BackendUnderTest().crosses_processes) GTEST_SKIP() << "no peer that could die";
  GTEST_SKIP() << "provoked in the integration tests, which can kill a process";
}

TEST_F(ConformanceTest, R25_DrainWaitsForEveryAcceptedEvent) {
  const Inbox inbox;
  AddReceiver({.service = "a"}, [inbox](Delivery& delivery) {
    std::this_thread::yield();
    inbox.Add(delivery.event());
    return Verdict::kAck;
  });
  for (uint64_t round = 1; round <= 20; ++round) {
    PublishMore(10);
    MustDrain();
    EXPECT_THAT(inbox.Items(), SizeIs(round * 10));
  }
}

TEST_F(ConformanceTest, R25_DrainEndsAtItsDeadline) {
  SKIP_ON_INLINE();
  const Gate gate;
  const Inbox inbox;
  AddReceiver({}, inbox.Behind(gate));
  PublishMore(2);
  ASSERT_TRUE(gate.AwaitEntered(1));
  std::atomic<bool> ended{false};
  std::thread draining([&] {
    EXPECT_EQ(publisher().Drain(5 * kSecond).code(), absl::StatusCode::kDeadlineExceeded);
    ended.store(true);
  });
  EXPECT_TRUE(AdvanceUntil([&] { return ended.load(); }));
  draining.join();
  gate.Open();
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(2));
}

TEST_F(ConformanceTest, R25_CloseDeliversWhatWasAccepted) {
  const Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  PublishMore(100);
  EXPECT_TRUE(publisher().Close(kPatience).ok());
  EXPECT_EQ(inbox.Sequences(), UpTo(100));
}

TEST_F(ConformanceTest, R25_NothingWorksAfterClose) {
  const Inbox inbox;
  const SubscriptionId id = AddReceiver({}, inbox.Acknowledging());
  EXPECT_TRUE(publisher().Close(kPatience).ok());
  EXPECT_TRUE(publisher().Close(kPatience).ok()) << "closing twice is no error";
  EXPECT_TRUE(subscriber().Close(kPatience).ok());
  EXPECT_EQ(publisher().Publish(NewEvent()), PublishResult::kClosed);
  EXPECT_EQ(subscriber().Register({.id = "late"}).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(subscriber().Subscribe({.service = "receiver"}, inbox.Acknowledging()).status().code(),
            absl::StatusCode::kUnavailable);
  EXPECT_FALSE(subscriber().Unsubscribe(id).ok());
  EXPECT_THAT(inbox.Items(), IsEmpty());
}

TEST_F(ConformanceTest, R25_CloseWithAStuckHandlerEndsAtItsDeadline) {
  SKIP_ON_INLINE();
  const Gate gate;
  const Inbox inbox;
  AddReceiver({}, inbox.Behind(gate));
  PublishMore(3);
  ASSERT_TRUE(gate.AwaitEntered(1));
  std::atomic<bool> ended{false};
  std::thread closing([&] {
    EXPECT_FALSE(subscriber().Close(5 * kSecond).ok());
    ended.store(true);
  });
  EXPECT_TRUE(AdvanceUntil([&] { return ended.load(); }));
  closing.join();
  EXPECT_THAT(inbox.Items(), SizeIs(1));
  if (!BackendUnderTest().crosses_processes) {
    // The router that closed is the one that published: it told of every event before it returned.
    EXPECT_THAT(outcomes().SequencesOf(Outcome::kDroppedClosed), ElementsAre(1, 2, 3));
  }
  gate.Open();
}

TEST_F(ConformanceTest, R25_CloseReleasesABlockedPublisher) {
  SKIP_ON_INLINE();
  const Gate gate;
  const Inbox inbox;
  AddReceiver({.capacity = 1, .block_deadline = 1'000'000 * kSecond}, inbox.Behind(gate));
  options.publish_timeout = 1'000'000 * kSecond;
  PublishMore(1);
  ASSERT_TRUE(gate.AwaitEntered(1));
  std::atomic<bool> released{false};
  std::thread blocked([&] {
    while (publisher().Publish(NewEvent()) == PublishResult::kAccepted) {
    }
    released.store(true);
  });
  std::thread closing([&] { publisher().Close(kSecond).IgnoreError(); });
  EXPECT_TRUE(AdvanceUntil([&] { return released.load(); }));
  gate.Open();
  blocked.join();
  closing.join();
}

}  // namespace
}  // namespace routebench::conformance
