#include "daemon/wire/specs.h"

#include <string>

#include "daemon/wire/parse.h"
#include "gtest/gtest.h"

namespace routebench::wire {
namespace {

const routebench::Filter& FullFilter() {
  static const auto& filter =
      *new routebench::Filter{.kinds = KindSet::Of(Category::kMcp),
                              .priorities = PrioritySet().With(Priority::kLow),
                              .sources = {{.id = "a", .type = "b", .instance = "\xff"}},
                              .max_body_bytes = 0,
                              .metadata = {{"k", "v"}, {"k", ""}},
                              .expression = "size < 5"};
  return filter;
}

// Through the encoded bytes.
template <typename Message, typename Value>
Message Encoded(const Value& value) {
  Message message;
  Store(value, &message);
  Message decoded;
  EXPECT_TRUE(decoded.ParseFromString(message.SerializeAsString()));
  return decoded;
}

TEST(SpecsTest, AServiceSurvives) {
  const ServiceSpec spec{.id = "\xc3\x28",
                         .type = "t",
                         .instance = "i",
                         .supports = KindSet::Of(Category::kSystem),
                         .max_concurrent = 4,
                         .priority = -5,
                         .weight = 0.25,
                         .filters = {FullFilter(), {}},
                         .metadata = {{"zone", "west"}}};
  ServiceSpec loaded;
  Load(Encoded<Register>(spec), &loaded);
  EXPECT_TRUE(loaded == spec);
}

TEST(SpecsTest, AWeightThatIsNotThereIsOne) {
  ServiceSpec spec;
  Load(Register(), &spec);
  EXPECT_EQ(spec.weight, 1);
}

TEST(SpecsTest, ARuleSurvives) {
  routebench::Rule rule{.id = "r",
                        .name = "n",
                        .filter = FullFilter(),
                        .targets = {"a", "b"},
                        .priority = -1,
                        .enabled = false,
                        .conditions = {.window = DailyWindow{std::chrono::hours(22), std::chrono::hours(6)},
                                       .expression = "age > 1s",
                                       .max_load = 0,
                                       .health = {Health::kDegraded, Health::kUnknown}}};
  routebench::Rule loaded;
  ASSERT_TRUE(Load(Encoded<Rule>(rule), &loaded).ok());
  EXPECT_TRUE(loaded == rule);
  rule = {.id = "plain", .targets = {"a"}};
  loaded = {};
  ASSERT_TRUE(Load(Encoded<Rule>(rule), &loaded).ok());
  EXPECT_TRUE(loaded == rule);
}

TEST(SpecsTest, AnExplanationSurvives) {
  routebench::Explanation explanation;
  explanation.subscriptions = {{7, "a", Reason::kRuled, "r"}, {8, "b", Reason::kBreakerOpen, ""}};
  explanation.rules = {{"r", RuleReason::kGivesReceivers}, {"s", RuleReason::kNoReceiver}};
  explanation.picked = "a";
  routebench::Explanation loaded;
  ASSERT_TRUE(Load(Encoded<Explanation>(explanation), &loaded).ok());
  ASSERT_EQ(loaded.subscriptions.size(), 2);
  EXPECT_EQ(loaded.subscriptions[0].id, 7);
  EXPECT_EQ(loaded.subscriptions[0].rule, "r");
  EXPECT_EQ(loaded.subscriptions[1].service, "b");
  EXPECT_EQ(loaded.subscriptions[1].reason, Reason::kBreakerOpen);
  ASSERT_EQ(loaded.rules.size(), 2);
  EXPECT_EQ(loaded.rules[1].id, "s");
  EXPECT_EQ(loaded.rules[1].reason, RuleReason::kNoReceiver);
  EXPECT_EQ(loaded.picked, "a");
}

TEST(SpecsTest, NumbersThatMeanNothingAreRefused) {
  Health health;
  EXPECT_FALSE(LoadHealth(kHealthCount, &health).ok());
  EXPECT_FALSE(LoadHealth(UINT32_MAX, &health).ok());
  Rule rule;
  rule.add_health(kHealthCount);
  routebench::Rule loaded_rule;
  EXPECT_FALSE(Load(rule, &loaded_rule).ok());
  ListServices list;
  list.set_capability(kKindCount);
  ServiceQuery query;
  EXPECT_FALSE(Load(list, &query).ok());
  ServiceChange change;
  change.set_kind(routebench::ServiceChange::kKinds);
  routebench::ServiceChange loaded_change;
  EXPECT_FALSE(Load(change, &loaded_change).ok());
  change.set_kind(0);
  change.mutable_state()->set_health(kHealthCount);
  EXPECT_FALSE(Load(change, &loaded_change).ok());
  Explanation explanation;
  explanation.add_subscriptions()->set_reason(kReasonCount);
  routebench::Explanation loaded;
  EXPECT_FALSE(Load(explanation, &loaded).ok());
  explanation.Clear();
  explanation.add_rules()->set_reason(kRuleReasonCount);
  EXPECT_FALSE(Load(explanation, &loaded).ok());
}

TEST(ParseControlTest, AMessageOfMessagesIsRead) {
  ClientControl control;
  Store(ServiceSpec{.id = "s", .filters = {FullFilter(), {}}, .metadata = {{"a", "b"}}},
        control.mutable_register_service());
  ClientControl parsed;
  ASSERT_TRUE(ParseControl(control.SerializeAsString(), &parsed));
  EXPECT_EQ(parsed.SerializeAsString(), control.SerializeAsString());
  EXPECT_TRUE(ParseControl("", &parsed));
  EXPECT_TRUE(ParseControl(std::string("\xfa\x7f\x02xy", 5), &parsed)) << "a field of a later version";
}

TEST(ParseControlTest, LengthsThatDoNotFitAreRefusedBeforeAnythingIsMade) {
  const google::protobuf::Descriptor& type = *ClientControl::descriptor();
  EXPECT_FALSE(LengthsFit("\x12\x05xyz", type)) << "a Hello that is not all there";
  EXPECT_FALSE(LengthsFit("\x42\xff\xff\xff\xff\x01\x12\xff\xff\xff\xff\x06", type))
      << "500 MB, and 2 GB in it";
  EXPECT_FALSE(
      LengthsFit("\x12\x03\x1a\x09x"
                 "yyyyyyyyy",
                 type))
      << "a name longer than its Hello";
  EXPECT_FALSE(LengthsFit("\x13\x14", type)) << "a group";
  EXPECT_FALSE(LengthsFit("\x08", type)) << "a number that is not there";
}

}  // namespace
}  // namespace routebench::wire
