// R8, R22, R24: rules, what they count, and what Explain says of all of it.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "tests/conformance/control_test.h"

namespace routebench::conformance {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr Duration kHour = std::chrono::hours(1);

class RulesConformanceTest : public ControlConformanceTest {
 protected:
  // Services a and b, each subscribed to everything.
  void AddTwo() {
    AddReceiver({.service = "a"}, a_.Acknowledging());
    AddReceiver({.service = "b"}, b_.Acknowledging());
  }
  // What a and b have received by now.
  std::pair<std::vector<uint64_t>, std::vector<uint64_t>> Received() {
    MustDrain();
    return {a_.Sequences(), b_.Sequences()};
  }
  using Two = std::pair<std::vector<uint64_t>, std::vector<uint64_t>>;

  uint64_t RoutedBy(const std::string& rule) {
    const auto statistics = publisher().Statistics();
    EXPECT_TRUE(statistics.ok());
    for (const RouterStatistics::Rule& each : statistics->rules) {
      if (each.id == rule) return each.routed;
    }
    ADD_FAILURE() << "no rule " << rule;
    return 0;
  }

  Inbox a_, b_;
};

TEST_F(RulesConformanceTest, R8_TheLevelOfRulesWinsWhereItYieldsAReceiver) {
  AddTwo();
  MustAddRule({.id = "mine", .filter = {.kinds = KindSet::Of(Category::kFilesystem)}, .targets = {"a"}});
  PublishMore(1);
  ASSERT_EQ(publisher().Publish(NewEvent(EventKind::kToolCall)), PublishResult::kAccepted);
  PublishWith({.targets = {"b"}}, Addressing::kToTargets);  // asks no rule
  EXPECT_EQ(Received(), Two({1, 2}, {2, 3}));
  ASSERT_TRUE(control().RemoveRule("mine").ok());
  PublishMore(1);
  EXPECT_EQ(Received(), Two({1, 2, 4}, {2, 3, 4}));
}

TEST_F(RulesConformanceTest, R8_ATargetReceivesOnlyWhatItWants) {
  const Inbox picky;
  MustRegister({.id = "picky", .supports = KindSet::Of(Category::kMcp)});
  MustSubscribe({.service = "picky"}, picky.Acknowledging());
  AddTwo();
  MustAddRule({.id = "r", .targets = {"picky"}});
  PublishMore(1);  // the rule yields nobody
  ASSERT_EQ(publisher().Publish(NewEvent(EventKind::kToolCall)), PublishResult::kAccepted);
  EXPECT_EQ(Received(), Two({1}, {1}));
  EXPECT_THAT(picky.Sequences(), ElementsAre(2));
}

TEST_F(RulesConformanceTest, R8_AllRulesThatHoldCountAndTheFirstByPriorityIsNamed) {
  AddTwo();
  MustAddRule({.id = "late", .targets = {"a", "b"}, .priority = 5});
  MustAddRule({.id = "early", .targets = {"a"}, .priority = -5});
  MustAddRule({.id = "as-late", .targets = {"b"}, .priority = 5});
  PublishMore(3);
  EXPECT_EQ(Received(), Two(UpTo(3), UpTo(3)));
  EXPECT_EQ(RoutedBy("early"), 3);
  EXPECT_EQ(RoutedBy("late"), 3);  // b alone: a is early's
  EXPECT_EQ(RoutedBy("as-late"), 0);
}

TEST_F(RulesConformanceTest, R8_ADisabledRuleIsNotAsked) {
  AddTwo();
  MustAddRule({.id = "r", .targets = {"a"}, .enabled = false});
  PublishMore(1);
  ASSERT_TRUE(control().SetRuleEnabled("r", true).ok());
  PublishMore(1);
  ASSERT_TRUE(control().SetRuleEnabled("r", false).ok());
  PublishMore(1);
  EXPECT_EQ(Received(), Two({1, 2, 3}, {1, 3}));
  EXPECT_EQ(RoutedBy("r"), 1);
}

TEST_F(RulesConformanceTest, R8_ARuleHoldsInItsWindow) {
  AddTwo();  // at 00:16:40
  MustAddRule(
      {.id = "night", .targets = {"a"}, .conditions = {.window = DailyWindow{22 * kHour, 1 * kHour}}});
  PublishMore(1);
  MustDrain();
  time().Advance(kHour);
  PublishMore(1);
  MustDrain();
  time().Advance(21 * kHour);
  PublishMore(1);
  EXPECT_EQ(Received(), Two({1, 2, 3}, {2}));
}

TEST_F(RulesConformanceTest, R8_ARuleHoldsWhereItsExpressionDoes) {
  AddTwo();
  MustAddRule({.id = "r", .targets = {"a"}, .conditions = {.expression = "metadata.tenant = acme"}});
  PublishWith({.metadata = {{"tenant", "acme"}}});
  PublishWith({.metadata = {{"tenant", "other"}}});
  EXPECT_EQ(Received(), Two({1, 2}, {2}));
}

TEST_F(RulesConformanceTest, R8_TheAgeOfAnEventIsThatAtItsRouting) {
  AddTwo();
  MustAddRule({.id = "r", .targets = {"a"}, .conditions = {.expression = "age >= 2s"}});
  const Event old = NewEvent();
  time().Advance(2 * kSecond);
  ASSERT_EQ(publisher().Publish(old), PublishResult::kAccepted);
  PublishMore(1);
  EXPECT_EQ(Received(), Two({1, 2}, {2}));
}

TEST_F(RulesConformanceTest, R8_TargetsAreAskedForTheirHealth) {
  AddTwo();
  MustAddRule(
      {.id = "r", .targets = {"a", "b"}, .conditions = {.health = {Health::kHealthy, Health::kDegraded}}});
  PublishMore(1);  // both unknown: the rule yields nobody
  MustSetHealth("a", Health::kHealthy);
  PublishMore(1);
  MustSetHealth("b", Health::kDegraded);
  PublishMore(1);
  MustSetHealth("a", Health::kUnhealthy);
  PublishMore(1);
  EXPECT_EQ(Received(), Two({1, 2, 3}, {1, 3, 4}));
}

TEST_F(RulesConformanceTest, R8_TargetsAreAskedForTheirLoad) {
  const testing::Recorder<std::shared_ptr<Acknowledger>> open;
  MustRegister({.id = "a", .max_concurrent = 4});
  MustSubscribe({.service = "a"}, [this, open](Delivery& delivery) {
    a_.Add(delivery.event());
    open.Add(std::make_shared<Acknowledger>(delivery.Defer()));
    return Verdict::kDeferred;
  });
  AddReceiver({.service = "b"}, b_.Acknowledging());
  // Where the rule yields nobody, b receives as well.
  MustAddRule({.id = "spare", .targets = {"a"}, .conditions = {.max_load = 0.25}});
  PublishMore(1);  // none in flight
  PublishMore(1);  // one: a quarter
  ASSERT_TRUE(open.AwaitCount(2));
  PublishMore(1);  // two: a half
  ASSERT_TRUE(open.AwaitCount(3));
  ASSERT_TRUE(b_.AwaitCount(1));
  for (const auto& each : open.Items()) EXPECT_TRUE(each->Acknowledge());
  ASSERT_TRUE(outcomes().Await(Outcome::kDelivered, 4));
  PublishMore(1);
  ASSERT_TRUE(open.AwaitCount(4));
  EXPECT_TRUE(open.Items().back()->Acknowledge());
  EXPECT_EQ(Received(), Two({1, 2, 3, 4}, {3}));
}

TEST_F(RulesConformanceTest, R8_RulesChangeWhileEventsFlow) {
  AddTwo();
  std::atomic<bool> done{false};
  uint64_t published = 0;
  std::thread publishing([&] {
    while (!done.load()) {
      PublishMore(1);
      ++published;
    }
  });
  for (int i = 0; i < 50; ++i) {
    MustAddRule({.id = "to a", .targets = {"a"}, .enabled = i % 2 == 0});
    ASSERT_TRUE(control().SetRuleEnabled("to a", true).ok());
    ASSERT_TRUE(control().RemoveRule("to a").ok());
  }
  MustAddRule({.id = "to b", .targets = {"b"}});
  done.store(true);
  publishing.join();
  PublishMore(1);  // after the return: the new rule's
  MustDrain();
  // Whatever the rules were: a has each event at most once, b has every one that a has not, in order.
  const std::vector<uint64_t> a = a_.Sequences(), b = b_.Sequences();
  const std::set<uint64_t> a_once(a.begin(), a.end()), b_once(b.begin(), b.end());
  EXPECT_EQ(a_once.size(), a.size());
  EXPECT_EQ(b_once.size(), b.size());
  EXPECT_TRUE(std::is_sorted(a.begin(), a.end()) && std::is_sorted(b.begin(), b.end()));
  std::set<uint64_t> either = a_once;
  either.insert(b_once.begin(), b_once.end());
  EXPECT_EQ(either.size(), published + 1);
  EXPECT_FALSE(a_once.contains(published + 1));
  EXPECT_TRUE(b_once.contains(published + 1));
}

TEST_F(RulesConformanceTest, R8_ARuleOutlivesItsTarget) {
  AddTwo();
  MustAddRule({.id = "r", .targets = {"a"}});
  ASSERT_TRUE(subscriber().Deregister("a").ok());
  PublishMore(1);
  MustDrain();
  AddReceiver({.service = "a"}, a_.Acknowledging());
  PublishMore(1);
  EXPECT_EQ(Received(), Two({2}, {1}));
}

TEST_F(RulesConformanceTest, R8_BadRulesAreRefusedAndSayWhere) {
  AddTwo();
  const auto refusal = [&](const Rule& rule, absl::StatusCode code) {
    const absl::Status status = control().AddRule(rule);
    EXPECT_EQ(status.code(), code) << status;
    return std::string(status.message());
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  MustAddRule({.id = "r", .targets = {"b"}});
  refusal({.id = "r", .targets = {"a"}}, absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(refusal({.id = "s", .targets = {"a", "nobody"}}, absl::StatusCode::kNotFound),
              HasSubstr("nobody"));
  EXPECT_THAT(refusal({.id = "s", .filter = {.expression = "size <"}, .targets = {"a"}}, invalid),
              AllOf(HasSubstr("filter"), HasSubstr("column 7")));
  EXPECT_THAT(refusal({.id = "s", .targets = {"a"}, .conditions = {.expression = "size 5"}}, invalid),
              AllOf(HasSubstr("condition"), HasSubstr("column 6")));
  refusal({.id = "", .targets = {"a"}}, invalid);
  refusal({.id = std::string(256, 'x'), .targets = {"a"}}, invalid);
  refusal({.id = "s"}, invalid);
  refusal({.id = "s", .name = std::string(kMaxSpecText, 'x'), .targets = {"a"}}, invalid);
  refusal({.id = "s", .targets = {"a"}, .conditions = {.max_load = -0.5}}, invalid);
  refusal({.id = "s", .targets = {"a"}, .conditions = {.window = DailyWindow{24 * kHour, kHour}}}, invalid);
  EXPECT_EQ(control().RemoveRule("s").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(control().SetRuleEnabled("s", true).code(), absl::StatusCode::kNotFound);
  PublishMore(1);  // only r is there
  EXPECT_EQ(Received(), Two({}, {1}));
}

TEST_F(RulesConformanceTest, R22_ServicesAndRulesHaveBooks) {
  const SubscriptionId first = AddReceiver({.service = "a"}, a_.Acknowledging());
  MustSubscribe({.service = "a"}, [](Delivery&) { return Verdict::kReject; });
  AddReceiver({.service = "b"}, b_.Acknowledging());
  MustAddRule({.id = "r", .filter = {.kinds = KindSet::Of(Category::kFilesystem)}, .targets = {"a"}});
  PublishMore(4);
  MustDrain();
  ASSERT_TRUE(subscriber().Unsubscribe(first).ok());
  ASSERT_EQ(publisher().Publish(NewEvent(EventKind::kToolCall)), PublishResult::kAccepted);
  MustDrain();
  Settle();
  const auto statistics = publisher().Statistics();
  ASSERT_TRUE(statistics.ok());
  ASSERT_EQ(statistics->services.size(), 2);
  EXPECT_EQ(statistics->services[0].id, "a");
  Books expected;
  expected.routed = 9;
  expected.of(Outcome::kDelivered) = 4;
  expected.of(Outcome::kRejected) = 5;
  EXPECT_EQ(statistics->services[0].books, expected);
  EXPECT_EQ(statistics->services[1].id, "b");
  EXPECT_EQ(statistics->services[1].books.of(Outcome::kDelivered), 1);
  EXPECT_EQ(RoutedBy("r"), 8);  // (event, target) pairs
}

TEST_F(RulesConformanceTest, R24_ExplainSaysWhy) {
  AddTwo();
  const Inbox inbox;
  MustRegister({.id = "c", .supports = KindSet::Of(Category::kMcp)});
  MustSubscribe({.service = "c"}, inbox.Acknowledging());
  MustAddRule({.id = "off", .targets = {"b"}, .enabled = false});
  MustAddRule({.id = "r", .targets = {"a"}});
  const auto explanation = control().Explain(NewEvent());
  ASSERT_TRUE(explanation.ok()) << explanation.status();
  ASSERT_EQ(explanation->subscriptions.size(), 3);
  EXPECT_EQ(explanation->subscriptions[0].service, "a");
  EXPECT_EQ(explanation->subscriptions[0].reason, Reason::kRuled);
  EXPECT_EQ(explanation->subscriptions[0].rule, "r");
  EXPECT_EQ(explanation->subscriptions[1].reason, Reason::kNotRuled);
  EXPECT_EQ(explanation->subscriptions[2].reason, Reason::kNotSupported);
  ASSERT_EQ(explanation->rules.size(), 2);
  EXPECT_EQ(explanation->rules[0].id, "off");
  EXPECT_EQ(explanation->rules[0].reason, RuleReason::kDisabled);
  EXPECT_EQ(explanation->rules[1].reason, RuleReason::kGivesReceivers);
  EXPECT_EQ(explanation->picked, "");
  Event to_group = NewEvent();
  to_group.header.addressing = Addressing::kToGroup;
  EXPECT_EQ(control().Explain(to_group)->picked, "a");
  // Nothing was delivered, and nobody was picked.
  EXPECT_EQ(Received(), Two({}, {}));
  EXPECT_EQ(RouterBooks(), Books());
  EXPECT_EQ(control().Explain(to_group)->picked, "a");
}

TEST_F(RulesConformanceTest, R24_WhatPublishWouldRefuseIsNotExplained) {
  options.max_body_bytes = 100;
  Event event = NewEvent();
  event.payload = Payload::Bytes(std::make_shared<std::string>(101, 'x'));
  EXPECT_EQ(control().Explain(event).status().code(), absl::StatusCode::kInvalidArgument);
  Event nameless = NewEvent();
  nameless.header.addressing = Addressing::kToTargets;
  EXPECT_EQ(control().Explain(nameless).status().code(), absl::StatusCode::kInvalidArgument);
}

// Random services, subscriptions and rules; what Explain says of an event is what its publication then does.
class ExplainPropertyTest : public RulesConformanceTest {
 protected:
  using Random = std::mt19937_64;

  static Filter RandomFilter(Random& random) {
    Filter filter;
    if (random() % 2 == 0) filter.kinds = KindSet::Of(static_cast<Category>(random() % 3));
    if (random() % 3 == 0) filter.metadata.emplace_back("tenant", std::to_string(random() % 2));
    if (random() % 3 == 0) filter.expression = "source.id in (x0, x1) or metadata.tenant = \"1\"";
    return filter;
  }

  static std::string ServiceName(Random& random) { return "service-" + std::to_string(random() % 6); }

  void BuildWorld(Random& random) {
    for (int i = 0; i < 6; ++i) {
      ServiceSpec spec{.id = "service-" + std::to_string(i)};
      if (random() % 3 == 0) spec.supports = KindSet::Of(static_cast<Category>(random() % 3));
      if (random() % 3 == 0) spec.filters.push_back(RandomFilter(random));
      spec.weight = 1 + static_cast<double>(random() % 5);
      MustRegister(spec);
      MustSetHealth(spec.id, static_cast<Health>(random() % kHealthCount));
    }
    for (int i = 0; i < 9; ++i) {
      SubscriptionSpec spec{.service = ServiceName(random)};
      if (random() % 2 == 0) spec.filters.push_back(RandomFilter(random));
      const auto mine = std::make_shared<Inbox>();
      received_[MustSubscribe(spec, mine->Acknowledging())] = mine;
    }
    for (int i = 0; i < 5; ++i) {
      Rule rule{.id = "rule-" + std::to_string(i), .filter = RandomFilter(random)};
      for (size_t n = 1 + random() % 3; n > 0; --n) rule.targets.push_back(ServiceName(random));
      rule.priority = static_cast<int32_t>(random() % 3);
      rule.enabled = random() % 4 != 0;
      if (random() % 4 == 0) rule.conditions.health = {static_cast<Health>(random() % kHealthCount)};
      if (random() % 4 == 0) rule.conditions.window = DailyWindow{Duration::zero(), (random() % 2) * kHour};
      if (random() % 4 == 0) rule.conditions.expression = "source.id != x0";
      MustAddRule(rule);
    }
  }

  Event RandomEvent(Random& random) {
    Event event = NewEvent(static_cast<EventKind>(random() % 20));
    event.header.addressing = static_cast<Addressing>(random() % 3);
    Attributes attributes{.source = {.id = "x" + std::to_string(random() % 3)}};
    if (random() % 2 == 0) attributes.metadata.emplace_back("tenant", std::to_string(random() % 2));
    if (event.header.addressing == Addressing::kToTargets)
      attributes.targets = {ServiceName(random), ServiceName(random)};
    event.attributes = std::make_shared<Attributes>(std::move(attributes));
    return event;
  }

  std::map<SubscriptionId, std::shared_ptr<Inbox>> received_;
};

TEST_F(ExplainPropertyTest, R24_WhatExplainSaysHappens) {
  for (const Balancing balancing :
       {Balancing::kRoundRobin, Balancing::kWeightedRandom, Balancing::kPriorityBased}) {
    DestroyBackend();
    received_.clear();
    options.routing.balancing = balancing;
    Random random(static_cast<uint64_t>(balancing) + 24);
    BuildWorld(random);
    std::map<SubscriptionId, std::vector<uint64_t>> expected;
    std::map<std::string, uint64_t> by_rule;
    for (int i = 0; i < 150; ++i) {
      const Event event = RandomEvent(random);
      const auto explanation = control().Explain(event);
      ASSERT_TRUE(explanation.ok()) << explanation.status();
      ASSERT_EQ(explanation->subscriptions.size(), received_.size());
      for (const Explanation::Subscription& subscription : explanation->subscriptions) {
        if (!Receives(subscription.reason)) continue;
        expected[subscription.id].push_back(event.header.sequence);
        if (subscription.reason == Reason::kRuled) ++by_rule[subscription.rule];
      }
      ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
    }
    MustDrain();
    for (const auto& [id, inbox] : received_) {
      EXPECT_EQ(inbox->Sequences(), expected[id]) << Name(balancing) << " " << id;
    }
    for (int i = 0; i < 5; ++i) {
      const std::string rule = "rule-" + std::to_string(i);
      EXPECT_EQ(RoutedBy(rule), by_rule[rule]) << rule;
    }
  }
}

}  // namespace
}  // namespace routebench::conformance
