// R17 to R21 and R26: how handlers run, and how that ends.
#include <atomic>
#include <optional>
#include <stdexcept>
#include <thread>

#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Keeps the acknowledgers of deferred events.
class Deferrals : public testing::Recorder<Acknowledger> {
 public:
  Handler Deferring() const {
    return [deferrals = *this](Delivery& delivery) {
      deferrals.Add(delivery.Defer());
      return Verdict::kDeferred;
    };
  }
};

TEST_F(ConformanceTest, R17_UnsubscribeWaitsForTheRunningHandler) {
  SKIP_ON_INLINE();
  const Gate gate;
  const auto returned = std::make_shared<std::atomic<bool>>(false);
  const SubscriptionId id = AddReceiver({}, [gate, returned](Delivery&) {
    gate.Pass();
    returned->store(true);
    return Verdict::kAck;
  });
  PublishMore(2);
  ASSERT_TRUE(gate.AwaitEntered(1));
  PublishMore(1);  // waits, whatever the handler's thread has taken
  Settle();
  std::thread unsubscriber([&] {
    EXPECT_TRUE(subscriber().Unsubscribe(id).ok());
    EXPECT_TRUE(returned->load()) << "Unsubscribe returned before the handler did";
  });
  // It has begun once events are refused or find nobody: with a daemon, the client has ended the mailbox by
  // then. Inside one process events find nobody a little earlier than what waits is dropped.
  const bool one_process = !BackendUnderTest().crosses_processes;
  uint64_t published = 3;
  EXPECT_TRUE(AdvanceUntil([&] {
    PublishMore(1);
    ++published;
    return one_process ? !outcomes().SequencesOf(Outcome::kDroppedUnsubscribed).empty()
                       : !outcomes().Items().empty();
  }));
  gate.Open();
  unsubscriber.join();
  EXPECT_EQ(gate.entered(), 1);
  PublishMore(1);
  ++published;
  MustDrain();
  EXPECT_EQ(gate.entered(), 1);
  ASSERT_TRUE(outcomes().Await(Outcome::kDroppedUnsubscribed, 2));
  ASSERT_TRUE(outcomes().Await(Outcome::kUnrouted, 1));
  const Books books = RouterBooks();
  EXPECT_EQ(books.routed, published);
  EXPECT_EQ(books.of(Outcome::kDelivered), 1);
  EXPECT_GE(books.of(Outcome::kDroppedUnsubscribed), 2);
  EXPECT_EQ(books.of(Outcome::kDroppedUnsubscribed) + books.of(Outcome::kUnrouted), published - 1);
  EXPECT_TRUE(books.balanced());
}

TEST_F(ConformanceTest, R17_UnsubscribeFromItsOwnHandlerReturnsAtOnce) {
  const Inbox inbox;
  const auto id = std::make_shared<std::atomic<SubscriptionId>>(0);
  const Gate subscribed;
  *id = AddReceiver({}, [this, inbox, id, subscribed](Delivery& delivery) {
    subscribed.Pass();
    EXPECT_TRUE(subscriber().Unsubscribe(*id).ok());
    inbox.Add(delivery.event());
    return Verdict::kAck;
  });
  subscribed.Open();
  PublishMore(1);
  ASSERT_TRUE(inbox.AwaitCount(1));
  PublishMore(50);
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1));
  const Books books = RouterBooks();
  EXPECT_EQ(books.of(Outcome::kDelivered), 1);
  EXPECT_EQ(books.of(Outcome::kDroppedUnsubscribed) + books.of(Outcome::kUnrouted), 50);
  EXPECT_TRUE(books.balanced());
}

TEST_F(ConformanceTest, R17_UnsubscribeReleasesABlockedPublisher) {
  SKIP_ON_INLINE();
  const Gate gate;
  const SubscriptionId id = AddReceiver({.capacity = 1}, [gate](Delivery&) {
    gate.Pass();
    return Verdict::kAck;
  });
  PublishMore(1);
  ASSERT_TRUE(gate.AwaitEntered(1));
  std::thread blocked([&] { PublishMore(3); });
  std::thread unsubscriber([&] { EXPECT_TRUE(subscriber().Unsubscribe(id).ok()); });
  blocked.join();
  gate.Open();
  unsubscriber.join();
  MustDrain();
  const Books books = RouterBooks();
  EXPECT_EQ(books.routed, 4);
  EXPECT_TRUE(books.balanced());
}

TEST_F(ConformanceTest, R17_DeregisterEndsTheSubscriptionsOfTheService) {
  const Inbox a, b;
  AddReceiver({.service = "a"}, a.Acknowledging());
  MustSubscribe({.service = "a"}, a.Acknowledging());
  AddReceiver({.service = "b"}, b.Acknowledging());
  PublishMore(1);
  MustDrain();
  ASSERT_TRUE(subscriber().Deregister("a").ok());
  PublishMore(1);
  MustDrain();
  EXPECT_THAT(a.Sequences(), ElementsAre(1, 1));
  EXPECT_THAT(b.Sequences(), ElementsAre(1, 2));
  EXPECT_EQ(subscriber().Subscribe({.service = "a"}, a.Acknowledging()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(ConformanceTest, R18_ADeferredEventIsDeliveredOnlyWhenAcknowledged) {
  const Deferrals deferrals;
  const SubscriptionId id = AddReceiver({}, deferrals.Deferring());
  PublishMore(2);
  ASSERT_TRUE(deferrals.AwaitCount(2));
  Settle();
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 0);
  EXPECT_EQ(BooksOf(id).in_flight, 2);
  EXPECT_THAT(outcomes().Items(), IsEmpty());

  std::vector<Acknowledger> acknowledgers = deferrals.Items();
  EXPECT_TRUE(acknowledgers[1].Acknowledge());
  EXPECT_FALSE(acknowledgers[1].Reject()) << "the first answer counts";
  ASSERT_TRUE(outcomes().Await(Outcome::kDelivered, 1));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDelivered), ElementsAre(2));
  EXPECT_EQ(BooksOf(id).in_flight, 1);
  EXPECT_TRUE(acknowledgers[0].Reject());
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kRejected), 1);
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 1);
  EXPECT_TRUE(BooksOf(id).balanced());
}

TEST_F(ConformanceTest, R18_AnAcknowledgerDestroyedUnansweredRejects) {
  const SubscriptionId id = AddReceiver({}, [](Delivery& delivery) {
    delivery.Defer();
    return Verdict::kDeferred;
  });
  PublishMore(1);
  ASSERT_TRUE(outcomes().Await(Outcome::kRejected, 1));
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kRejected), 1);
}

TEST_F(ConformanceTest, R18_AnAnswerBeforeTheHandlerReturnsCounts) {
  const SubscriptionId id = AddReceiver({}, [](Delivery& delivery) {
    EXPECT_TRUE(delivery.Defer().Acknowledge());
    return Verdict::kDeferred;
  });
  PublishMore(1);
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 1);
  EXPECT_TRUE(BooksOf(id).balanced());
}

TEST_F(ConformanceTest, R18_DeferredEventsNoLongerTakeCapacity) {
  const Deferrals deferrals;
  AddReceiver({.capacity = 2, .full_policy = FullPolicy::kReject}, deferrals.Deferring());
  for (uint64_t n = 1; n <= 10; ++n) {
    PublishMore(1);
    ASSERT_TRUE(deferrals.AwaitCount(n));
    Settle();
  }
  EXPECT_EQ(RouterBooks().in_flight, 10);
  for (Acknowledger& acknowledger : deferrals.Items()) acknowledger.Acknowledge();
  MustDrain();
  EXPECT_EQ(RouterBooks().of(Outcome::kDelivered), 10);
}

TEST_F(ConformanceTest, R18_AnAcknowledgerMayOutliveTheRouter) {
  const Deferrals deferrals;
  AddReceiver({}, deferrals.Deferring());
  PublishMore(1);
  ASSERT_TRUE(deferrals.AwaitCount(1));
  DestroyBackend();
  std::vector<Acknowledger> acknowledgers = deferrals.Items();
  acknowledgers[0].Acknowledge();
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDelivered), IsEmpty());
}

TEST_F(ConformanceTest, R19_EventsOfOnePublisherStayInOrder) {
  constexpr uint32_t kPublishers = 4;
  constexpr uint64_t kEvents = 500;
  const Inbox first, second;
  AddReceiver({.service = "a", .capacity = 64}, first.Acknowledging());
  AddReceiver({.service = "b", .capacity = 16}, second.Acknowledging());
  const Event prototype = NewEvent();
  std::vector<std::thread> publishers;
  for (uint32_t p = 1; p <= kPublishers; ++p) {
    publishers.emplace_back([&, p] {
      EventIdGenerator ids(p);
      for (uint64_t n = 1; n <= kEvents; ++n) {
        Event event = prototype;
        event.header.id = ids.Next();
        event.header.publisher = p;
        event.header.sequence = n;
        EXPECT_EQ(publisher().Publish(event), PublishResult::kAccepted);
      }
    });
  }
  for (std::thread& thread : publishers) thread.join();
  MustDrain();
  for (const Inbox& inbox : {first, second}) {
    std::vector<std::vector<uint64_t>> by_publisher(kPublishers + 1);
    for (const Event& event : inbox.Items()) {
      by_publisher[event.header.publisher].push_back(event.header.sequence);
    }
    for (uint32_t p = 1; p <= kPublishers; ++p) EXPECT_EQ(by_publisher[p], UpTo(kEvents)) << p;
  }
}

TEST_F(ConformanceTest, R21_AStuckSubscriberDoesNotTouchAnother) {
  SKIP_ON_INLINE();
  const Gate gate;
  const Inbox stuck, healthy;
  AddReceiver({.service = "a", .capacity = 4, .full_policy = FullPolicy::kDropNewest}, stuck.Behind(gate));
  const SubscriptionId id = AddReceiver({.service = "b"}, healthy.Acknowledging());
  PublishMore(1000);
  ASSERT_TRUE(healthy.AwaitCount(1000));
  EXPECT_EQ(healthy.Sequences(), UpTo(1000));
  EXPECT_LE(stuck.Items().size(), 1);
  gate.Open();
  MustDrain();
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 1000);
}

TEST_F(ConformanceTest, R21_AThrowingHandlerHasRejected) {
  const Inbox inbox;
  const SubscriptionId id = AddReceiver({}, [inbox](Delivery& delivery) {
    inbox.Add(delivery.event());
    if (delivery.event().header.sequence == 1) throw std::runtime_error("no");
    if (delivery.event().header.sequence == 2) throw 3;
    return Verdict::kAck;
  });
  PublishMore(3);
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(3));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kRejected), ElementsAre(1, 2));
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 1);
}

TEST_F(ConformanceTest, R26_HandlersMayPublish) {
  const Inbox inbox;
  AddReceiver({.service = "a", .filters = {{.kinds = KindSet::Of(Category::kFilesystem)}}},
              [this, inbox](Delivery& delivery) {
                inbox.Add(delivery.event());
                Event next = delivery.event();
                if (++next.header.sequence <= 100) {
                  EXPECT_EQ(publisher().Publish(next), PublishResult::kAccepted);
                }
                return Verdict::kAck;
              });
  PublishMore(1);
  ASSERT_TRUE(inbox.AwaitCount(100));
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(100));
}

TEST_F(ConformanceTest, R26_HandlersMaySubscribeAndUnsubscribeOthers) {
  const Inbox late, other;
  const SubscriptionId other_id = AddReceiver(
      {.service = "other", .filters = {{.kinds = KindSet::Of(Category::kMcp)}}}, other.Acknowledging());
  const Inbox done;
  AddReceiver(
      {.service = "a", .filters = {{.kinds = KindSet::Of(Category::kSystem)}}},
      [=, this](Delivery& delivery) {
        EXPECT_TRUE(subscriber().Register({.id = "late"}).ok());
        EXPECT_TRUE(subscriber()
                        .Subscribe({.service = "late", .filters = {{.kinds = KindSet::Of(Category::kMcp)}}},
                                   late.Acknowledging())
                        .ok());
        EXPECT_TRUE(subscriber().Unsubscribe(other_id).ok());
        EXPECT_TRUE(subscriber().Statistics().ok());
        done.Add(delivery.event());
        return Verdict::kAck;
      });
  ASSERT_EQ(publisher().Publish(NewEvent(EventKind::kSystemStarted)), PublishResult::kAccepted);
  ASSERT_TRUE(done.AwaitCount(1));
  ASSERT_EQ(publisher().Publish(NewEvent(EventKind::kToolCall)), PublishResult::kAccepted);
  MustDrain();
  EXPECT_THAT(late.Sequences(), ElementsAre(2));
  EXPECT_THAT(other.Items(), IsEmpty());
}

TEST_F(ConformanceTest, R26_AHandlerNeverRunsConcurrentlyWithItself) {
  struct Counters {
    std::atomic<int> inside{0};
    std::atomic<int> overlaps{0};
  };
  const auto counters = std::make_shared<Counters>();
  AddReceiver({.capacity = 32}, [counters](Delivery&) {
    if (counters->inside.fetch_add(1) != 0) counters->overlaps.fetch_add(1);
    std::this_thread::yield();
    counters->inside.fetch_sub(1);
    return Verdict::kAck;
  });
  const Event prototype = NewEvent();
  std::vector<std::thread> publishers;
  for (int p = 0; p < 3; ++p) {
    publishers.emplace_back([&] {
      for (int n = 0; n < 500; ++n) EXPECT_EQ(publisher().Publish(prototype), PublishResult::kAccepted);
    });
  }
  for (std::thread& thread : publishers) thread.join();
  MustDrain();
  EXPECT_EQ(counters->overlaps.load(), 0);
}

TEST_F(ConformanceTest, R26_HandlersRunAtOnceAsOftenAsTheSubscriptionAllows) {
  SKIP_ON_INLINE();
  const Gate gate;
  const Inbox inbox;
  AddReceiver({.concurrency = 2}, inbox.Behind(gate));
  PublishMore(4);
  ASSERT_TRUE(gate.AwaitEntered(2));
  Settle();
  EXPECT_EQ(gate.entered(), 2);
  gate.Open();
  MustDrain();
  EXPECT_EQ(inbox.Items().size(), 4);
}

}  // namespace
}  // namespace routebench::conformance
