// R14: the four policies, exactly, and what capacity covers.
#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kCapacity = 4;

// A subscription whose handler holds event 1, with events 2 to 5 filling its queue.
class QueueConformanceTest : public ConformanceTest {
 protected:
  SubscriptionId Fill(SubscriptionSpec spec) {
    spec.capacity = kCapacity;
    const SubscriptionId id = AddReceiver(spec, inbox.Behind(gate));
    PublishMore(1);
    EXPECT_TRUE(gate.AwaitEntered(1));
    Settle();
    PublishMore(kCapacity);
    // The routing side knows of all of them.
    EXPECT_TRUE(AdvanceUntil([&] { return BooksOf(id).in_flight == kCapacity + 1; }));
    EXPECT_EQ(BooksOf(id).routed, kCapacity + 1);
    return id;
  }

  const Inbox inbox{};
  const Gate gate{};
};

TEST_F(QueueConformanceTest, R14_RejectRefusesWhatDoesNotFit) {
  SKIP_ON_INLINE();
  const SubscriptionId id = Fill({.full_policy = FullPolicy::kReject});
  PublishMore(3);
  ASSERT_TRUE(outcomes().Await(Outcome::kDroppedQueueFull, 3));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDroppedQueueFull), ElementsAre(6, 7, 8));
  gate.Open();
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(5));
  const Books books = BooksOf(id);
  EXPECT_EQ(books.routed, 8);
  EXPECT_EQ(books.of(Outcome::kDroppedQueueFull), 3);
  EXPECT_EQ(books.of(Outcome::kDelivered), 5);
  EXPECT_EQ(books.in_flight, 0);
}

TEST_F(QueueConformanceTest, R14_DropNewestKeepsTheOldest) {
  SKIP_ON_INLINE();
  const SubscriptionId id = Fill({.full_policy = FullPolicy::kDropNewest});
  PublishMore(3);
  ASSERT_TRUE(outcomes().Await(Outcome::kDroppedNewest, 3));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDroppedNewest), ElementsAre(6, 7, 8));
  gate.Open();
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(5));
  EXPECT_EQ(BooksOf(id).of(Outcome::kDroppedNewest), 3);
  EXPECT_TRUE(BooksOf(id).balanced());
}

TEST_F(QueueConformanceTest, R14_DropOldestKeepsTheNewest) {
  SKIP_ON_INLINE();
  const SubscriptionId id = Fill({.full_policy = FullPolicy::kDropOldest});
  PublishMore(3);
  ASSERT_TRUE(outcomes().Await(Outcome::kDroppedOldest, 3));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDroppedOldest), ElementsAre(2, 3, 4));
  gate.Open();
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 5, 6, 7, 8));
  EXPECT_EQ(BooksOf(id).of(Outcome::kDroppedOldest), 3);
  EXPECT_TRUE(BooksOf(id).balanced());
}

TEST_F(QueueConformanceTest, R14_DropOldestSurvivesManyTimesItsCapacity) {
  SKIP_ON_INLINE();
  const SubscriptionId id = Fill({.full_policy = FullPolicy::kDropOldest});
  PublishMore(100);
  ASSERT_TRUE(outcomes().Await(Outcome::kDroppedOldest, 100));
  gate.Open();
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 102, 103, 104, 105));
  EXPECT_EQ(BooksOf(id).routed, 105);
  EXPECT_TRUE(BooksOf(id).balanced());
}

TEST_F(QueueConformanceTest, R14_BlockDropsAtItsDeadlineAndNotBefore) {
  SKIP_ON_INLINE();
  options.publish_timeout = 100 * kSecond;
  const SubscriptionId id = Fill({.full_policy = FullPolicy::kBlock, .block_deadline = 10 * kSecond});
  const TimePoint start = time().Now();
  std::thread blocked([&] { PublishMore(1); });
  EXPECT_TRUE(AdvanceUntil([&] { return !outcomes().Items().empty(); }));
  blocked.join();
  EXPECT_GE(time().Now() - start, 10 * kSecond);
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDroppedDeadline), ElementsAre(6));
  gate.Open();
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(5));
  EXPECT_EQ(BooksOf(id).of(Outcome::kDroppedDeadline), 1);
  EXPECT_TRUE(BooksOf(id).balanced());
}

TEST_F(QueueConformanceTest, R14_BlockLosesNothingWhileThereIsTime) {
  SKIP_ON_INLINE();
  const SubscriptionId id = Fill({.full_policy = FullPolicy::kBlock});
  std::thread blocked([&] { PublishMore(20); });
  for (uint64_t n = 2; n <= 25; ++n) {  // room for exactly one more each time
    gate.Let(1);
    EXPECT_TRUE(gate.AwaitEntered(n));
  }
  gate.Open();
  blocked.join();
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(25));
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 25);
}

TEST_F(QueueConformanceTest, R14_CapacityIsExactAtTheMomentAHandlerGetsStuck) {
  SKIP_ON_INLINE();
  const SubscriptionId id = Fill({.full_policy = FullPolicy::kReject});
  gate.Let(2);
  ASSERT_TRUE(gate.AwaitEntered(3));  // events 1 and 2 are through, 3 is stuck, 4 and 5 wait
  Settle();
  PublishMore(3);
  ASSERT_TRUE(outcomes().Await(Outcome::kDroppedQueueFull, 1));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDroppedQueueFull), ElementsAre(8));
  EXPECT_EQ(BooksOf(id).in_flight, kCapacity + 1);
  gate.Open();
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(7));
}

TEST_F(QueueConformanceTest, R14_CapacityCoversHeldEvents) {
  AddReceiver({.capacity = 2, .full_policy = FullPolicy::kReject}, inbox.Acknowledging());
  for (int i = 0; i < 3; ++i) {
    Event event = NewEvent();
    event.header.not_before = time().Now() + kSecond;
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }
  ASSERT_TRUE(outcomes().Await(Outcome::kDroppedQueueFull, 1));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDroppedQueueFull), ElementsAre(3));
  EXPECT_THAT(inbox.Items(), IsEmpty());
  time().Advance(kSecond);
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(2));
}

TEST_F(QueueConformanceTest, R14_AFullSubscriptionOfCapacityOneTakesOneAtATime) {
  AddReceiver({.capacity = 1}, inbox.Acknowledging());
  PublishMore(200);
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(200));
}

}  // namespace
}  // namespace routebench::conformance
