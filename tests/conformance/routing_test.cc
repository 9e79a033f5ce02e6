// R6, R7, R9, R10: services, addressing, filters, balancing.
#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class RoutingConformanceTest : public ConformanceTest {
 protected:
  PublishResult PublishTo(std::vector<std::string> targets, EventKind kind = EventKind::kFileModified) {
    Event event = NewEvent(kind);
    event.header.addressing = Addressing::kToTargets;
    auto attributes = std::make_shared<Attributes>(AttributesOf(event));
    attributes->targets = std::move(targets);
    event.attributes = attributes;
    return publisher().Publish(event);
  }

  void PublishWith(Attributes attributes, std::string body = "") {
    Event event = NewEvent();
    event.attributes = std::make_shared<Attributes>(std::move(attributes));
    event.payload = Payload::Bytes(std::make_shared<std::string>(std::move(body)));
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }

  void PublishToGroup(EventKind kind = EventKind::kFileModified) {
    Event event = NewEvent(kind);
    event.header.addressing = Addressing::kToGroup;
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }

  void PublishKinds(std::initializer_list<EventKind> kinds) {
    for (const EventKind kind : kinds) {
      ASSERT_EQ(publisher().Publish(NewEvent(kind)), PublishResult::kAccepted);
    }
  }
};

TEST_F(RoutingConformanceTest, R6_IdsAreUniqueAndChecked) {
  MustRegister({.id = "a", .type = "indexer", .instance = "1"});
  EXPECT_EQ(subscriber().Register({.id = "a"}).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(subscriber().Register({.id = ""}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(subscriber().Register({.id = std::string(256, 'x')}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(subscriber().Register({.id = std::string(255, 'x')}).ok());
  EXPECT_EQ(subscriber().Deregister("b").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(subscriber().Deregister("a").ok());
  EXPECT_TRUE(subscriber().Register({.id = "a"}).ok());
}

TEST_F(RoutingConformanceTest, R6_ServicesReceiveNothingOutsideWhatTheySupport) {
  const Inbox inbox;
  MustRegister({.id = "a", .supports = KindSet::Of(Category::kDatabase)});
  MustSubscribe({.service = "a"}, inbox.Acknowledging());
  PublishKinds({EventKind::kFileCreated, EventKind::kRecordCreated, EventKind::kToolCall});
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(2));
  EXPECT_EQ(RouterBooks().of(Outcome::kUnrouted), 2);
}

TEST_F(RoutingConformanceTest, R6_MaximumConcurrencyCoversAllSubscriptionsUntilAnswered) {
  MustRegister({.id = "a", .max_concurrent = 2});
  struct Answers {
    Mutex mutex;
    std::vector<Acknowledger> open;
  };
  const auto answers = std::make_shared<Answers>();
  const Inbox inbox;
  const auto defer = [answers, inbox](Delivery& delivery) {
    {
      MutexLock lock(answers->mutex);
      answers->open.push_back(delivery.Defer());
    }
    inbox.Add(delivery.event());
    return Verdict::kDeferred;
  };
  MustSubscribe({.service = "a", .concurrency = 4}, defer);
  MustSubscribe({.service = "a"}, defer);
  PublishMore(3);  // six deliveries
  size_t answered = 0;
  for (size_t handed = 2; handed <= 6; ++handed) {
    ASSERT_TRUE(inbox.AwaitCount(handed));
    Settle();
    EXPECT_EQ(inbox.Items().size(), handed);
    Acknowledger next = [&] {
      MutexLock lock(answers->mutex);
      return answers->open[answered++];
    }();
    EXPECT_TRUE(next.Acknowledge());
  }
  {
    MutexLock lock(answers->mutex);
    answers->open.back().Acknowledge();
  }
  MustDrain();
  EXPECT_EQ(RouterBooks().of(Outcome::kDelivered), 6);
}

TEST_F(RoutingConformanceTest, R6_SubscriptionsAreChecked) {
  const Inbox inbox;
  const auto code = [&](const SubscriptionSpec& spec) {
    return subscriber().Subscribe(spec, inbox.Acknowledging()).status().code();
  };
  EXPECT_EQ(code({.service = "nobody"}), absl::StatusCode::kNotFound);
  MustRegister({.id = "a"});
  EXPECT_EQ(code({.service = "a", .capacity = 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.service = "a", .concurrency = 0}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.service = "a", .block_deadline = Duration(-1)}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({.service = "a"}), absl::StatusCode::kOk);
  EXPECT_EQ(subscriber().Unsubscribe(12345).code(), absl::StatusCode::kNotFound);
}

TEST_F(RoutingConformanceTest, R7_ToAllReachesEveryMatch) {
  const Inbox a, b, c;
  AddReceiver({.service = "a"}, a.Acknowledging());
  AddReceiver({.service = "b"}, b.Acknowledging());
  AddReceiver({.service = "c", .filters = {{.kinds = KindSet::Of(Category::kMcp)}}}, c.Acknowledging());
  PublishMore(3);
  MustDrain();
  EXPECT_EQ(a.Sequences(), UpTo(3));
  EXPECT_EQ(b.Sequences(), UpTo(3));
  EXPECT_THAT(c.Items(), IsEmpty());
  EXPECT_EQ(RouterBooks().routed, 6);
}

TEST_F(RoutingConformanceTest, R7_ToTargetsReachesTheNamedServicesOnly) {
  const Inbox a, b, c;
  AddReceiver({.service = "a"}, a.Acknowledging());
  AddReceiver({.service = "b"}, b.Acknowledging());
  AddReceiver({.service = "c"}, c.Acknowledging());
  EXPECT_EQ(PublishTo({"a"}), PublishResult::kAccepted);
  EXPECT_EQ(PublishTo({"c", "a", "c"}), PublishResult::kAccepted);
  EXPECT_EQ(PublishTo({"nobody"}), PublishResult::kAccepted);
  MustDrain();
  EXPECT_THAT(a.Sequences(), ElementsAre(1, 2));
  EXPECT_THAT(b.Sequences(), IsEmpty());
  EXPECT_THAT(c.Sequences(), ElementsAre(2));
  ASSERT_TRUE(outcomes().Await(Outcome::kUnrouted, 1));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kUnrouted), ElementsAre(3));
}

TEST_F(RoutingConformanceTest, R7_ANamedServiceStillReceivesOnlyWhatItSubscribedTo) {
  const Inbox inbox;
  AddReceiver({.service = "a", .filters = {{.kinds = KindSet::Of(Category::kMcp)}}}, inbox.Acknowledging());
  EXPECT_EQ(PublishTo({"a"}), PublishResult::kAccepted);
  EXPECT_EQ(PublishTo({"a"}, EventKind::kToolCall), PublishResult::kAccepted);
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(2));
}

TEST_F(RoutingConformanceTest, R7_ASubscriptionGetsAnEventOnceHoweverManyFiltersMatch) {
  const Inbox inbox;
  AddReceiver({.filters = {{}, {.kinds = KindSet::Of(Category::kFilesystem)}, {}}}, inbox.Acknowledging());
  PublishMore(2);
  MustDrain();
  EXPECT_EQ(inbox.Sequences(), UpTo(2));
}

TEST_F(RoutingConformanceTest, R7_ToAllWithManyReceiversReachesEachOnce) {
  constexpr int kReceivers = 40;
  std::vector<Inbox> inboxes(kReceivers);
  for (int i = 0; i < kReceivers; ++i) {
    AddReceiver({.service = "service-" + std::to_string(i)}, inboxes[i].Acknowledging());
  }
  PublishMore(5);
  MustDrain();
  for (const Inbox& inbox : inboxes) EXPECT_EQ(inbox.Sequences(), UpTo(5));
}

TEST_F(RoutingConformanceTest, R7_ToGroupReachesExactlyOneServiceWithAllItsSubscriptions) {
  const Inbox a1, a2, b;
  MustRegister({.id = "a"});
  MustSubscribe({.service = "a"}, a1.Acknowledging());
  MustSubscribe({.service = "a"}, a2.Acknowledging());
  AddReceiver({.service = "b"}, b.Acknowledging());
  for (int i = 0; i < 10; ++i) PublishToGroup();
  MustDrain();
  EXPECT_EQ(a1.Sequences(), a2.Sequences());
  EXPECT_EQ(a1.Sequences().size(), 5);  // R10: round robin
  EXPECT_EQ(b.Sequences().size(), 5);
  EXPECT_EQ(RouterBooks().routed, 15);
}

TEST_F(RoutingConformanceTest, R7_ToGroupChoosesAmongThoseWhoWantTheEvent) {
  const Inbox a, b;
  AddReceiver({.service = "a"}, a.Acknowledging());
  AddReceiver({.service = "b", .filters = {{.kinds = KindSet::Of(Category::kMcp)}}}, b.Acknowledging());
  for (int i = 0; i < 4; ++i) PublishToGroup();
  MustDrain();
  EXPECT_EQ(a.Sequences(), UpTo(4));
  EXPECT_THAT(b.Items(), IsEmpty());
}

TEST_F(RoutingConformanceTest, R7_ToGroupWithoutReceiversIsUnrouted) {
  const Inbox inbox;
  AddReceiver({.service = "a", .filters = {{.kinds = KindSet::Of(Category::kMcp)}}}, inbox.Acknowledging());
  PublishToGroup();
  MustDrain();
  EXPECT_THAT(inbox.Items(), IsEmpty());
  EXPECT_EQ(RouterBooks().of(Outcome::kUnrouted), 1);
}

TEST_F(RoutingConformanceTest, R10_RoundRobinKeepsWithinOnePointOfItsShare) {
  constexpr uint64_t kServices = 4;
  constexpr uint64_t kEvents = 2'000;
  std::vector<Inbox> inboxes(kServices);
  for (uint64_t i = 0; i < kServices; ++i) {
    AddReceiver({.service = "service-" + std::to_string(i)}, inboxes[i].Acknowledging());
  }
  for (uint64_t i = 0; i < kEvents; ++i) PublishToGroup();
  MustDrain();
  for (const Inbox& inbox : inboxes) {
    EXPECT_NEAR(static_cast<double>(inbox.Sequences().size()), kEvents / kServices, kEvents / 100.0);
  }
}

TEST_F(RoutingConformanceTest, R9_FiltersByCategoryAndKind) {
  const Inbox category, kind;
  AddReceiver({.service = "a", .filters = {{.kinds = KindSet::Of(Category::kMcp)}}},
              category.Acknowledging());
  AddReceiver({.service = "b", .filters = {{.kinds = KindSet().With(EventKind::kToolError)}}},
              kind.Acknowledging());
  PublishKinds({EventKind::kToolCall, EventKind::kToolError, EventKind::kFileDeleted});
  MustDrain();
  EXPECT_THAT(category.Sequences(), ElementsAre(1, 2));
  EXPECT_THAT(kind.Sequences(), ElementsAre(2));
}

TEST_F(RoutingConformanceTest, R9_FiltersByPriority) {
  const Inbox inbox;
  AddReceiver({.filters = {{.priorities = PrioritySet().With(Priority::kCritical).With(Priority::kLow)}}},
              inbox.Acknowledging());
  for (const Priority priority : {Priority::kCritical, Priority::kHigh, Priority::kNormal, Priority::kLow}) {
    Event event = NewEvent();
    event.header.priority = priority;
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 4));
}

TEST_F(RoutingConformanceTest, R9_SeveralFiltersAreAlternatives) {
  const Inbox inbox;
  AddReceiver({.filters = {{.kinds = KindSet().With(EventKind::kToolCall),
                            .priorities = PrioritySet().With(Priority::kHigh)},
                           {.kinds = KindSet::Of(Category::kSystem)}}},
              inbox.Acknowledging());
  PublishKinds({EventKind::kToolCall, EventKind::kLogRotated, EventKind::kFileMoved});
  Event high = NewEvent(EventKind::kToolCall);
  high.header.priority = Priority::kHigh;
  ASSERT_EQ(publisher().Publish(high), PublishResult::kAccepted);
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), UnorderedElementsAre(2, 4));
}

TEST_F(RoutingConformanceTest, R9_FiltersBySource) {
  const Inbox by_id, by_type, any;
  AddReceiver({.service = "a", .filters = {{.sources = {{.id = "disk-1"}, {.id = "disk-2"}}}}},
              by_id.Acknowledging());
  AddReceiver({.service = "b", .filters = {{.sources = {{.type = "camera", .instance = "west"}}}}},
              by_type.Acknowledging());
  PublishWith({.source = {.id = "disk-2", .type = "disk"}});
  PublishWith({.source = {.id = "c-1", .type = "camera", .instance = "west"}});
  PublishWith({.source = {.id = "c-2", .type = "camera", .instance = "east"}});
  PublishWith({});
  MustDrain();
  EXPECT_THAT(by_id.Sequences(), ElementsAre(1));
  EXPECT_THAT(by_type.Sequences(), ElementsAre(2));
  EXPECT_EQ(RouterBooks().of(Outcome::kUnrouted), 2);
}

TEST_F(RoutingConformanceTest, R9_FiltersByBodySizeAndMetadata) {
  const Inbox small, acme;
  AddReceiver({.service = "a", .filters = {{.max_body_bytes = 10}}}, small.Acknowledging());
  AddReceiver({.service = "b", .filters = {{.metadata = {{"tenant", "acme"}, {"zone", ""}}}}},
              acme.Acknowledging());
  PublishWith({}, std::string(10, 'x'));
  PublishWith({.metadata = {{"tenant", "acme"}, {"zone", ""}}}, std::string(11, 'x'));
  PublishWith({.metadata = {{"tenant", "acme"}}}, std::string(11, 'x'));
  PublishWith({.metadata = {{"tenant", "other"}, {"tenant", "acme"}, {"zone", ""}}}, std::string(11, 'x'));
  MustDrain();
  EXPECT_THAT(small.Sequences(), ElementsAre(1));
  EXPECT_THAT(acme.Sequences(), ElementsAre(2));
}

TEST_F(RoutingConformanceTest, R9_FiltersByExpression) {
  const Inbox inbox;
  AddReceiver(
      {.filters = {{.expression = "metadata.tenant in (acme, \"b c\") and not source.id starts with x "
                                  "and (size < 5 or priority <= high)"}}},
      inbox.Acknowledging());
  PublishWith({.source = {.id = "a"}, .metadata = {{"tenant", "acme"}}}, "tiny");
  PublishWith({.source = {.id = "a"}, .metadata = {{"tenant", "acme"}}}, "not tiny");
  PublishWith({.source = {.id = "x1"}, .metadata = {{"tenant", "acme"}}}, "tiny");
  PublishWith({.source = {.id = "a"}, .metadata = {{"tenant", "b c"}}}, "tiny");
  PublishWith({.source = {.id = "a"}, .metadata = {{"tenant", "b"}}}, "tiny");
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 4));
}

TEST_F(RoutingConformanceTest, R9_AnExpressionMayLookAtTheAgeOfAnEvent) {
  const Inbox inbox;
  AddReceiver({.filters = {{.expression = "age >= 2s"}}}, inbox.Acknowledging());
  Event old = NewEvent();
  time().Advance(2 * kSecond);
  ASSERT_EQ(publisher().Publish(old), PublishResult::kAccepted);
  ASSERT_EQ(publisher().Publish(NewEvent()), PublishResult::kAccepted);
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1));
}

TEST_F(RoutingConformanceTest, R9_BadFiltersAreRefusedAndSayWhere) {
  MustRegister({.id = "a"});
  const Inbox inbox;
  const auto refusal = [&](Filter filter) {
    const auto status =
        subscriber().Subscribe({.service = "a", .filters = {{}, std::move(filter)}}, inbox.Acknowledging());
    EXPECT_EQ(status.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.status().message());
  };
  EXPECT_THAT(refusal({.expression = "size < and"}), AllOf(HasSubstr("filter 2"), HasSubstr("column 8")));
  EXPECT_THAT(refusal({.sources = {{}}}), HasSubstr("filter 2"));
  EXPECT_THAT(refusal({.metadata = {{"", "x"}}}), HasSubstr("filter 2"));
  PublishMore(1);
  MustDrain();
  EXPECT_THAT(inbox.Items(), IsEmpty());
}

}  // namespace
}  // namespace routebench::conformance
