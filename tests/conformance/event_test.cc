// R1 to R5: what an event is, and what is refused.
#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

void ExpectSameHeader(const EventHeader& got, const EventHeader& sent) {
  EXPECT_EQ(got.id, sent.id);
  EXPECT_EQ(got.correlation, sent.correlation);
  EXPECT_EQ(got.causation, sent.causation);
  EXPECT_EQ(got.sequence, sent.sequence);
  EXPECT_EQ(got.created, sent.created);
  EXPECT_EQ(got.due, sent.due);
  EXPECT_EQ(got.not_before, sent.not_before);
  EXPECT_EQ(got.time_to_live, sent.time_to_live);
  EXPECT_EQ(got.kind, sent.kind);
  EXPECT_EQ(got.priority, sent.priority);
  EXPECT_EQ(got.addressing, sent.addressing);
  EXPECT_EQ(got.attempt, sent.attempt);
  EXPECT_EQ(got.max_attempts, sent.max_attempts);
  EXPECT_EQ(got.publisher, sent.publisher);
}

TEST_F(ConformanceTest, R1_AllFieldsSurvive) {
  const Inbox inbox;
  AddReceiver({.service = "a"}, inbox.Acknowledging());
  Event event;
  event.header = {.id = {1, 2},
                  .correlation = {3, 4},
                  .causation = {5, 6},
                  .sequence = 7,
                  .created = time().Now() - 3 * kSecond,
                  .due = time().Now() - 4 * kSecond,
                  .not_before = time().Now() - kSecond,
                  .time_to_live = 60 * kSecond,
                  .kind = EventKind::kCustom,
                  .priority = Priority::kHigh,
                  .addressing = Addressing::kToTargets,
                  .attempt = 2,
                  .max_attempts = 5,
                  .publisher = 8};
  const std::string binary("\0\1binary\xff", 9);
  event.attributes = std::make_shared<Attributes>(
      Attributes{.source = {.id = "source", .type = "type", .instance = "instance"},
                 .targets = {"nobody", "a"},
                 .custom_name = "custom.name",
                 .content_type = "application/octet-stream",
                 .metadata = {{"z", "last first"}, {"a", ""}, {"a", binary}}});
  event.payload = Payload::Bytes(std::make_shared<std::string>(binary));
  ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  ASSERT_TRUE(inbox.AwaitCount(1));
  const Event got = inbox.Items()[0];
  ExpectSameHeader(got.header, event.header);
  EXPECT_EQ(AttributesOf(got), AttributesOf(event));
  EXPECT_FALSE(got.payload.is_typed());
  EXPECT_EQ(got.payload.bytes(), binary);
  EXPECT_EQ(got.payload.encoded_size(), binary.size());
}

TEST_F(ConformanceTest, R1_AnEventWithoutAttributesArrivesWithEmptyOnes) {
  const Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  Event event = NewEvent();
  event.attributes = nullptr;
  event.payload = {};
  ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  ASSERT_TRUE(inbox.AwaitCount(1));
  EXPECT_EQ(AttributesOf(inbox.Items()[0]), Attributes());
  EXPECT_EQ(inbox.Items()[0].payload.encoded_size(), 0);
}

TEST_F(ConformanceTest, R1_AttributesOfDifferentEventsAreNotMixedUp) {
  const Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  std::vector<std::shared_ptr<const Attributes>> sent;
  for (int i = 0; i < 300; ++i) {
    Event event = NewEvent();
    Attributes attributes;
    attributes.source.id = "source-" + std::to_string(i % 100);
    event.attributes = std::make_shared<Attributes>(attributes);
    sent.push_back(event.attributes);
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }
  ASSERT_TRUE(inbox.AwaitCount(sent.size()));
  const std::vector<Event> got = inbox.Items();
  for (size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(AttributesOf(got[i]), *sent[i]) << i;
}

TEST_F(ConformanceTest, R1_AScheduledEventIsHeldUntilItsTime) {
  const Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  Event later = NewEvent();
  later.header.not_before = time().Now() + 10 * kSecond;
  ASSERT_EQ(publisher().Publish(later), PublishResult::kAccepted);
  PublishMore(1);
  ASSERT_TRUE(inbox.AwaitCount(1));
  time().Advance(9 * kSecond);
  PublishMore(1);
  ASSERT_TRUE(inbox.AwaitCount(2));
  EXPECT_THAT(inbox.Sequences(), ElementsAre(2, 3));
  ASSERT_TRUE(outcomes().Await(Outcome::kDelivered, 2));
  EXPECT_EQ(RouterBooks().in_flight, 1);
  time().Advance(kSecond);
  ASSERT_TRUE(inbox.AwaitCount(3));
  EXPECT_THAT(inbox.Sequences(), ElementsAre(2, 3, 1));
}

TEST_F(ConformanceTest, R1_HeldEventsComeInTheOrderOfTheirTimes) {
  const Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  for (const int seconds : {3, 1, 2, 1}) {
    Event event = NewEvent();
    event.header.not_before = time().Now() + seconds * kSecond;
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }
  Settle();
  ASSERT_TRUE(AdvanceUntil([&] { return inbox.Items().size() == 4; }));
  EXPECT_THAT(inbox.Sequences(), ElementsAre(2, 4, 3, 1));
}

TEST_F(ConformanceTest, R1_AnExpiredEventIsCountedAndNeverHandedOut) {
  SKIP_ON_INLINE();
  const Inbox inbox;
  const Gate gate;
  const SubscriptionId id = AddReceiver({}, inbox.Behind(gate));
  PublishMore(1);
  ASSERT_TRUE(gate.AwaitEntered(1));
  Event mortal = NewEvent();
  mortal.header.time_to_live = kSecond;
  ASSERT_EQ(publisher().Publish(mortal), PublishResult::kAccepted);
  PublishMore(1);
  time().Advance(kSecond);
  gate.Open();
  ASSERT_TRUE(inbox.AwaitCount(2));
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 3));
  ASSERT_TRUE(outcomes().Await(Outcome::kExpired, 1));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kExpired), ElementsAre(2));
  EXPECT_EQ(BooksOf(id).of(Outcome::kExpired), 1);
  EXPECT_EQ(BooksOf(id).of(Outcome::kDelivered), 2);
}

TEST_F(ConformanceTest, R1_AnEventThatLivesLongEnoughIsHandedOut) {
  const Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  Event mortal = NewEvent();
  mortal.header.time_to_live = Duration(1);
  ASSERT_EQ(publisher().Publish(mortal), PublishResult::kAccepted);
  ASSERT_TRUE(inbox.AwaitCount(1));
}

TEST_F(ConformanceTest, R2_EveryKindArrivesAsItself) {
  const Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  for (size_t kind = 0; kind < kKindCount; ++kind) {
    ASSERT_EQ(publisher().Publish(NewEvent(static_cast<EventKind>(kind))), PublishResult::kAccepted);
  }
  ASSERT_TRUE(inbox.AwaitCount(kKindCount));
  const std::vector<Event> got = inbox.Items();
  for (size_t kind = 0; kind < kKindCount; ++kind) {
    EXPECT_EQ(got[kind].header.kind, static_cast<EventKind>(kind));
  }
  EXPECT_EQ(AttributesOf(got.back()).custom_name, "test.custom");
}

TEST_F(ConformanceTest, R4_PriorityOrderHandsOutTheMostUrgentFirst) {
  SKIP_ON_INLINE();
  const Inbox inbox;
  const Gate gate;
  AddReceiver({.order = QueueOrder::kPriority}, inbox.Behind(gate));
  PublishMore(1);
  ASSERT_TRUE(gate.AwaitEntered(1));
  for (int round = 0; round < 2; ++round) {
    for (const Priority priority :
         {Priority::kLow, Priority::kNormal, Priority::kHigh, Priority::kCritical}) {
      Event event = NewEvent();
      event.header.priority = priority;
      ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
    }
  }
  Settle();
  ASSERT_TRUE(AdvanceUntil([&] { return RouterBooks().in_flight == 9; }));
  gate.Open();
  ASSERT_TRUE(inbox.AwaitCount(9));
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 5, 9, 4, 8, 3, 7, 2, 6));
}

TEST_F(ConformanceTest, R4_FifoOrderIgnoresThePriority) {
  const Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  for (const Priority priority : {Priority::kLow, Priority::kCritical, Priority::kNormal}) {
    Event event = NewEvent();
    event.header.priority = priority;
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }
  ASSERT_TRUE(inbox.AwaitCount(3));
  EXPECT_EQ(inbox.Sequences(), UpTo(3));
}

TEST_F(ConformanceTest, R5_TooLargeAndInvalidEventsAreRefused) {
  options.max_body_bytes = 100;
  const Inbox inbox;
  AddReceiver({}, inbox.Acknowledging());
  const auto expect_refusal = [&](PublishResult result, auto change) {
    Event event = NewEvent();
    change(event);
    EXPECT_EQ(publisher().Publish(event), result);
  };
  expect_refusal(PublishResult::kTooLarge, [](Event& event) {
    event.payload = Payload::Bytes(std::make_shared<std::string>(101, 'x'));
  });
  expect_refusal(PublishResult::kTooLarge, [](Event& event) {
    auto attributes = std::make_shared<Attributes>();
    attributes->metadata = {{"key", std::string(size_t{64} << 10, 'x')}};
    event.attributes = attributes;
  });
  expect_refusal(PublishResult::kInvalid,
                 [](Event& event) { event.header.kind = static_cast<EventKind>(kKindCount); });
  expect_refusal(PublishResult::kInvalid,
                 [](Event& event) { event.header.priority = static_cast<Priority>(kPriorityCount); });
  expect_refusal(PublishResult::kInvalid, [](Event& event) {
    event.header.kind = EventKind::kCustom;
    event.attributes = nullptr;
  });
  expect_refusal(PublishResult::kInvalid,
                 [](Event& event) { event.header.addressing = Addressing::kToTargets; });

  Event largest = NewEvent();
  largest.payload = Payload::Bytes(std::make_shared<std::string>(100, 'x'));
  EXPECT_EQ(publisher().Publish(largest), PublishResult::kAccepted);
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(largest.header.sequence));
  const auto statistics = publisher().Statistics();
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->of(PublishResult::kTooLarge), 2);
  EXPECT_EQ(statistics->of(PublishResult::kInvalid), 4);
  EXPECT_EQ(statistics->of(PublishResult::kAccepted), 1);
  EXPECT_EQ(statistics->books.routed, 1);
}

TEST_F(ConformanceTest, R5_AnEventThatNobodyWantsIsUnrouted) {
  const Inbox inbox;
  AddReceiver({.filters = {{.kinds = KindSet::Of(Category::kMcp)}}}, inbox.Acknowledging());
  PublishMore(2);
  MustDrain();
  ASSERT_TRUE(outcomes().Await(Outcome::kUnrouted, 2));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kUnrouted), ElementsAre(1, 2));
  EXPECT_EQ(outcomes().Items()[0].subscription, 0);
  EXPECT_THAT(inbox.Items(), IsEmpty());
  const Books books = RouterBooks();
  EXPECT_EQ(books.routed, 2);
  EXPECT_EQ(books.of(Outcome::kUnrouted), 2);
  EXPECT_TRUE(books.balanced());
}

}  // namespace
}  // namespace routebench::conformance
