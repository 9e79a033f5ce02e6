// R18: at-least-once subscriptions, their names, and what becomes of those when their subscriber goes.
#include <string>
#include <utility>

#include "events/control.h"
#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AtLeastOnceTest : public ConformanceTest {
 protected:
  static SubscriptionSpec Named(std::string name, std::string service = "receiver") {
    return {.service = std::move(service), .guarantee = Guarantee::kAtLeastOnce, .name = std::move(name)};
  }
  absl::StatusCode Try(const SubscriptionSpec& spec) {
    return subscriber().Subscribe(spec, inbox.Acknowledging()).status().code();
  }
  // The other router takes over what the subscriber has left.
  SubscriptionId ReturnElsewhere(const SubscriptionSpec& spec, Handler handler) {
    EXPECT_TRUE(publisher().Register({.id = spec.service}).ok());
    const auto id = publisher().Subscribe(spec, std::move(handler));
    EXPECT_TRUE(id.ok()) << id.status();
    return id.value_or(0);
  }

  const Inbox inbox;
};

#define SKIP_WITHOUT_DAEMON() \
  if (!BackendUnderTest().crosses_processes) GTEST_SKIP() << "a coordinator's names end with its process"

TEST_F(AtLeastOnceTest, R18_HasANameAndOnlyThenALease) {
  MustRegister({.id = "receiver"});
  EXPECT_EQ(Try(Named("")), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Try(Named(std::string(256, 'n'))), absl::StatusCode::kInvalidArgument);
  SubscriptionSpec without_guarantee = Named("name");
  without_guarantee.guarantee = Guarantee::kAtMostOnce;
  EXPECT_EQ(Try(without_guarantee), absl::StatusCode::kInvalidArgument);
  SubscriptionSpec no_lease = Named("name");
  no_lease.lease = Duration::zero();
  EXPECT_EQ(Try(no_lease), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Try(Named(std::string(255, 'n'))), absl::StatusCode::kOk);
}

TEST_F(AtLeastOnceTest, R18_ANameIsThereOnce) {
  MustRegister({.id = "receiver"});
  MustRegister({.id = "other"});
  const SubscriptionId id = MustSubscribe(Named("name"), inbox.Acknowledging());
  EXPECT_EQ(Try(Named("name")), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Try(Named("name", "other")), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Try(Named("another")), absl::StatusCode::kOk);
  ASSERT_TRUE(subscriber().Unsubscribe(id).ok());
  EXPECT_EQ(Try(Named("name", "other")), absl::StatusCode::kOk) << "the name is free again";
}

TEST_F(AtLeastOnceTest, R18_DeregisteringFreesItsNames) {
  MustRegister({.id = "receiver"});
  MustRegister({.id = "other"});
  MustSubscribe(Named("name"), inbox.Acknowledging());
  ASSERT_TRUE(subscriber().Deregister("receiver").ok());
  EXPECT_EQ(Try(Named("name", "other")), absl::StatusCode::kOk);
}

TEST_F(AtLeastOnceTest, R18_ItsAcknowledgementIsTheOutcome) {
  MustRegister({.id = "receiver"});
  const SubscriptionId id = MustSubscribe(Named("name"), [inbox = inbox](Delivery& delivery) {
    inbox.Add(delivery.event());
    return delivery.event().header.sequence == 2 ? Verdict::kReject : Verdict::kAck;
  });
  PublishMore(3);
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 2, 3));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDelivered), ElementsAre(1, 3));
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kRejected), ElementsAre(2));
  EXPECT_TRUE(BooksOf(id).balanced());
}

TEST_F(AtLeastOnceTest, R18_ANameHoldsWhatComesWhileItsSubscriberIsAway) {
  SKIP_WITHOUT_DAEMON();
  MustRegister({.id = "receiver"});
  const SubscriptionId id = MustSubscribe(Named("name"), inbox.Acknowledging());
  PublishMore(2);
  MustDrain();
  ASSERT_TRUE(subscriber().Close(Duration::zero()).ok());
  PublishMore(3);
  const Inbox later;
  EXPECT_EQ(ReturnElsewhere(Named("name"), later.Acknowledging()), id) << "it is the same subscription";
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 2));
  EXPECT_THAT(later.Sequences(), ElementsAre(3, 4, 5));
  EXPECT_TRUE(RouterBooks().balanced());
  EXPECT_EQ(RouterBooks().of(Outcome::kDelivered), 5u);
}

TEST_F(AtLeastOnceTest, R18_WhatWasOutIsGivenAgainAndInOrder) {
  SKIP_WITHOUT_DAEMON();
  const Gate gate;
  MustRegister({.id = "receiver"});
  MustSubscribe(Named("name"), inbox.Behind(gate));
  PublishMore(100);
  gate.Let(3);
  ASSERT_TRUE(gate.AwaitEntered(4));
  ASSERT_TRUE(outcomes().Await(Outcome::kDelivered, 3));
  ASSERT_TRUE(subscriber().Close(Duration::zero()).ok());
  PublishMore(1);
  const Inbox later;
  ReturnElsewhere(Named("name"), later.Acknowledging());
  MustDrain();
  std::vector<uint64_t> expected = UpTo(101);
  expected.erase(expected.begin(), expected.begin() + 3);
  EXPECT_EQ(later.Sequences(), expected);
  EXPECT_TRUE(RouterBooks().balanced());
  gate.Open();
}

TEST_F(AtLeastOnceTest, R18_AReturningNameReplacesItsFilters) {
  SKIP_WITHOUT_DAEMON();
  MustRegister({.id = "receiver"});
  MustSubscribe(Named("name"), inbox.Acknowledging());
  ASSERT_TRUE(subscriber().Close(Duration::zero()).ok());
  PublishMore(1);
  SubscriptionSpec narrow = Named("name");
  narrow.filters = {{.kinds = KindSet::Of(Category::kDatabase)}};
  ReturnElsewhere(narrow, inbox.Acknowledging());
  PublishMore(1);
  ASSERT_EQ(publisher().Publish(NewEvent(EventKind::kRecordCreated)), PublishResult::kAccepted);
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 3)) << "what was held before is still for it";
}

TEST_F(AtLeastOnceTest, R18_ANameBelongsToItsService) {
  SKIP_WITHOUT_DAEMON();
  MustRegister({.id = "receiver"});
  MustSubscribe(Named("name"), inbox.Acknowledging());
  ASSERT_TRUE(subscriber().Close(Duration::zero()).ok());
  ASSERT_TRUE(publisher().Register({.id = "thief"}).ok());
  EXPECT_EQ(publisher().Subscribe(Named("name", "thief"), inbox.Acknowledging()).status().code(),
            absl::StatusCode::kAlreadyExists);
}

TEST_F(AtLeastOnceTest, R18_AnAbsentNameKeepsToItsCapacityAndPolicy) {
  SKIP_WITHOUT_DAEMON();
  MustRegister({.id = "receiver"});
  SubscriptionSpec spec = Named("name");
  spec.capacity = 3;
  spec.full_policy = FullPolicy::kDropOldest;
  MustSubscribe(spec, inbox.Acknowledging());
  ASSERT_TRUE(subscriber().Close(Duration::zero()).ok());
  PublishMore(5);
  ASSERT_TRUE(outcomes().Await(Outcome::kDroppedOldest, 2));
  ReturnElsewhere(spec, inbox.Acknowledging());
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(3, 4, 5));
}

TEST_F(AtLeastOnceTest, R18_TheEndOfItsLeaseEndsAName) {
  SKIP_WITHOUT_DAEMON();
  MustRegister({.id = "receiver"});
  SubscriptionSpec spec = Named("name");
  spec.lease = 10 * kSecond;
  const SubscriptionId id = MustSubscribe(spec, inbox.Acknowledging());
  ASSERT_TRUE(subscriber().Close(Duration::zero()).ok());
  PublishMore(2);
  EXPECT_TRUE(RouterBooks().balanced());  // they have arrived there
  time().Advance(9 * kSecond);
  EXPECT_EQ(RouterBooks().in_flight, 2u);
  time().Advance(kSecond);
  MustDrain();
  EXPECT_THAT(outcomes().SequencesOf(Outcome::kDroppedUnsubscribed), ElementsAre(1, 2));
  EXPECT_NE(ReturnElsewhere(spec, inbox.Acknowledging()), id);
  PublishMore(1);
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(3));
  EXPECT_TRUE(RouterBooks().balanced());
}

TEST_F(AtLeastOnceTest, R18_ALeaseBeginsWithEveryAbsence) {
  SKIP_WITHOUT_DAEMON();
  MustRegister({.id = "receiver"});
  SubscriptionSpec spec = Named("name");
  spec.lease = 10 * kSecond;
  const SubscriptionId id = MustSubscribe(spec, inbox.Acknowledging());
  ASSERT_TRUE(subscriber().Close(Duration::zero()).ok());
  PublishMore(1);
  EXPECT_TRUE(RouterBooks().balanced());  // they have arrived there
  time().Advance(9 * kSecond);
  EXPECT_EQ(ReturnElsewhere(spec, inbox.Acknowledging()), id);
  time().Advance(100 * kSecond);
  PublishMore(1);
  MustDrain();
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 2));
}

TEST_F(AtLeastOnceTest, R18_AGroupPrefersWhoIsThere) {
  SKIP_WITHOUT_DAEMON();
  MustRegister({.id = "absent"});
  MustSubscribe(Named("name", "absent"), inbox.Acknowledging());
  ASSERT_TRUE(subscriber().Close(Duration::zero()).ok());
  const Inbox present;
  ASSERT_TRUE(publisher().Register({.id = "present"}).ok());
  ASSERT_TRUE(publisher().control().SetHealth("present", Health::kHealthy).ok());
  ASSERT_TRUE(publisher().Subscribe({.service = "present"}, present.Acknowledging()).ok());
  for (int i = 0; i < 4; ++i) {
    Event event = NewEvent();
    event.header.addressing = Addressing::kToGroup;
    ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }
  MustDrain();
  EXPECT_EQ(present.Sequences(), UpTo(4));
  EXPECT_THAT(inbox.Sequences(), IsEmpty());
}

}  // namespace
}  // namespace routebench::conformance
