// R7, R8, R24: who gets an event, by example.
#include "events/routing/table.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "events/explanation.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/allocations.h"

namespace routebench::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

class TableTest : public ::testing::Test {
 protected:
  std::shared_ptr<Service> AddService(ServiceSettings settings) {
    services_.push_back(std::make_shared<Service>(
        std::move(settings),
        breakers_ ? std::make_unique<CircuitBreaker>(CircuitBreakerOptions::Default()) : nullptr));
    return services_.back();
  }
  // Of a new service.
  std::shared_ptr<Service> AddReceiver(const std::string& service, const std::vector<Filter>& filters = {}) {
    const auto added = AddService({.id = service});
    AddSubscription(added, filters);
    return added;
  }
  void AddSubscription(const std::shared_ptr<Service>& service, const std::vector<Filter>& filters = {}) {
    auto compiled = FilterSet::Compile(filters);
    ASSERT_TRUE(compiled.ok()) << compiled.status();
    subscriptions_.push_back({service, std::make_shared<FilterSet>(*std::move(compiled))});
  }
  void AddRule(const Rule& rule) {
    ASSERT_TRUE(rules_.Add(rule, [](const std::string&) { return true; }).ok());
  }

  Table MakeTable() const { return Table(subscriptions_, rules_.rules()); }
  EventView View() const { return {header_, attributes_, 100, now_, time_of_day_}; }

  std::vector<uint32_t> Resolve(const Table& table) {
    table.Resolve(View(), balancer_, decision_);
    std::vector<uint32_t> receivers;
    for (const auto& receiver : decision_.receivers) receivers.push_back(receiver.subscription);
    return receivers;
  }
  std::vector<uint32_t> Resolve() { return Resolve(MakeTable()); }

  std::vector<Reason> Reasons() {
    std::vector<Reason> reasons;
    for (const auto& subscription : MakeTable().Explain(View(), balancer_).subscriptions) {
      reasons.push_back(subscription.reason);
    }
    return reasons;
  }
  std::vector<RuleReason> RuleReasons() {
    std::vector<RuleReason> reasons;
    for (const auto& rule : MakeTable().Explain(View(), balancer_).rules) reasons.push_back(rule.reason);
    return reasons;
  }

  std::vector<std::shared_ptr<Service>> services_;
  std::vector<Table::Subscription> subscriptions_;
  RuleBook rules_;
  EventHeader header_{.kind = EventKind::kToolCall};
  Attributes attributes_;
  TimePoint now_ = FromNanos(1'000'000'000);
  Duration time_of_day_{};
  Balancer balancer_{Balancing::kRoundRobin, 1};
  bool breakers_ = true;  // of the services that are added
  Decision decision_;
};

TEST_F(TableTest, AnEmptyTableRoutesNothing) {
  Table().Resolve(View(), balancer_, decision_);
  EXPECT_THAT(decision_.receivers, IsEmpty());
  EXPECT_THAT(Table().Explain(View(), balancer_).subscriptions, IsEmpty());
}

TEST_F(TableTest, ToAllReachesEveryMatchOnce) {
  AddReceiver("a");
  AddReceiver("b", {{.kinds = KindSet::Of(Category::kDatabase)}});
  AddReceiver("c",
              {{.kinds = KindSet::Of(Category::kMcp)}, {.metadata = {{"k", "v"}}}, {.max_body_bytes = 100}});
  AddSubscription(AddService({.id = "d", .supports = KindSet::Of(Category::kDatabase)}));
  AddSubscription(AddService({.id = "e", .filters = *FilterSet::Compile({{.max_body_bytes = 99}})}));
  attributes_.metadata = {{"k", "v"}};
  EXPECT_THAT(Resolve(), ElementsAre(0, 2));
  EXPECT_THAT(Reasons(), ElementsAre(Reason::kMatches, Reason::kFilter, Reason::kMatches,
                                     Reason::kNotSupported, Reason::kServiceFilter));
  header_.kind = EventKind::kRecordCreated;
  EXPECT_THAT(Resolve(), ElementsAre(0, 1, 2, 3));
}

TEST_F(TableTest, AKindHasItsReceiversAtHandWhereNothingElseDecides) {
  AddReceiver("all");
  AddReceiver("database", {{.kinds = KindSet::Of(Category::kDatabase)}});
  const auto by_kind = [this](EventKind kind) {
    const Table table = MakeTable();
    const auto found = table.ResolveByKind(kind);
    return found.has_value() ? std::optional(std::vector<uint32_t>(found->begin(), found->end()))
                             : std::nullopt;
  };
  EXPECT_THAT(by_kind(EventKind::kToolCall), Optional(ElementsAre(0)));
  EXPECT_THAT(by_kind(EventKind::kRecordCreated), Optional(ElementsAre(0, 1)));

  AddReceiver("urgent",
              {{.kinds = KindSet::Of(Category::kMcp), .priorities = PrioritySet().With(Priority::kHigh)}});
  AddReceiver("small", {{.kinds = KindSet::Of(Category::kFilesystem), .max_body_bytes = 9}});
  AddReceiver("twice",
              {{.kinds = KindSet::Of(Category::kService)}, {.kinds = KindSet::Of(Category::kService)}});
  EXPECT_EQ(by_kind(EventKind::kToolCall), std::nullopt);
  EXPECT_EQ(by_kind(EventKind::kFileCreated), std::nullopt);
  EXPECT_EQ(by_kind(EventKind::kServiceRestarted), std::nullopt);
  EXPECT_THAT(by_kind(EventKind::kRecordCreated), Optional(ElementsAre(0, 1)));

  const auto unfiltered = subscriptions_;
  AddReceiver("selective", {{.metadata = {{"k", "v"}}}});
  EXPECT_EQ(by_kind(EventKind::kRecordCreated), std::nullopt);
  subscriptions_ = unfiltered;
  AddSubscription(AddService({.id = "picky", .filters = *FilterSet::Compile({{.max_body_bytes = 99}})}));
  EXPECT_EQ(by_kind(EventKind::kRecordCreated), std::nullopt);
  subscriptions_ = unfiltered;
  AddRule({.id = "r", .targets = {"all"}});
  EXPECT_EQ(by_kind(EventKind::kRecordCreated), std::nullopt);
}

TEST_F(TableTest, ToTargetsReachesTheNamedServicesAndNobodyElse) {
  const auto a = AddReceiver("a");
  AddReceiver("b");
  AddSubscription(a, {{.kinds = KindSet::Of(Category::kDatabase)}});
  AddSubscription(a);
  AddRule({.id = "r", .targets = {"b"}});
  header_.addressing = Addressing::kToTargets;
  attributes_.targets = {"a", "nobody", "a"};
  EXPECT_THAT(Resolve(), ElementsAre(0, 3));
  EXPECT_EQ(decision_.level, Decision::Level::kTargets);
  EXPECT_THAT(Reasons(), ElementsAre(Reason::kNamed, Reason::kNotNamed, Reason::kFilter, Reason::kNamed));
  EXPECT_THAT(RuleReasons(), ElementsAre(RuleReason::kNotAsked));
  attributes_.targets = {"nobody"};
  EXPECT_THAT(Resolve(), IsEmpty());  // no further level: exactly the named services
}

TEST_F(TableTest, RulesComeBeforeSubscriptionsAndAllThatHoldCount) {
  AddReceiver("a");
  AddReceiver("b");
  AddReceiver("c", {{.kinds = KindSet::Of(Category::kDatabase)}});
  AddReceiver("d");
  AddRule({.id = "late", .targets = {"b", "a"}, .priority = 2});
  AddRule({.id = "early", .targets = {"b", "c"}, .priority = 1});
  AddRule({.id = "other", .filter = {.kinds = KindSet::Of(Category::kDatabase)}, .targets = {"d"}});
  AddRule({.id = "off", .targets = {"d"}, .enabled = false});
  EXPECT_THAT(Resolve(), ElementsAre(0, 1));
  EXPECT_EQ(decision_.level, Decision::Level::kRules);
  // On behalf of the first rule that gave it. In the order of evaluation: other, off, early, late.
  EXPECT_THAT(decision_.receivers, ElementsAre(Decision::Receiver{0, 3}, Decision::Receiver{1, 2}));
  const Explanation explanation = MakeTable().Explain(View(), balancer_);
  EXPECT_EQ(explanation.subscriptions[0].rule, "late");
  EXPECT_EQ(explanation.subscriptions[1].rule, "early");
  EXPECT_THAT(Reasons(), ElementsAre(Reason::kRuled, Reason::kRuled, Reason::kFilter, Reason::kNotRuled));
  EXPECT_THAT(RuleReasons(), ElementsAre(RuleReason::kFilter, RuleReason::kDisabled,
                                         RuleReason::kGivesReceivers, RuleReason::kGivesReceivers));
}

TEST_F(TableTest, WhereRulesGiveNobodySubscriptionsDecide) {
  AddReceiver("a");
  AddReceiver("b", {{.kinds = KindSet::Of(Category::kDatabase)}});
  AddRule({.id = "r", .targets = {"b", "gone"}});
  EXPECT_THAT(Resolve(), ElementsAre(0));
  EXPECT_EQ(decision_.level, Decision::Level::kSubscriptions);
  EXPECT_THAT(RuleReasons(), ElementsAre(RuleReason::kNoReceiver));
}

TEST_F(TableTest, ConditionsOfRulesAreEvaluated) {
  const auto a = AddReceiver("a");
  const auto b = AddService({.id = "b", .max_concurrent = 10});
  AddSubscription(b);
  AddRule({.id = "r",
           .targets = {"a", "b"},
           .conditions = {.window = DailyWindow{std::chrono::hours(8), std::chrono::hours(18)},
                          .expression = "metadata.k = v",
                          .max_load = 0.5,
                          .health = {Health::kHealthy}}});
  AddReceiver("c");
  attributes_.metadata = {{"k", "v"}};
  time_of_day_ = std::chrono::hours(9);
  a->health = b->health = Health::kHealthy;
  const std::vector<uint32_t> everybody = {0, 1, 2};
  EXPECT_THAT(Resolve(), ElementsAre(0, 1));
  b->in_flight = 6;
  EXPECT_THAT(Resolve(), ElementsAre(0));
  a->health = Health::kDegraded;
  EXPECT_EQ(Resolve(), everybody);
  b->in_flight = 5;
  EXPECT_THAT(Resolve(), ElementsAre(1));
  attributes_.metadata.clear();
  EXPECT_EQ(Resolve(), everybody);
  EXPECT_THAT(RuleReasons(), ElementsAre(RuleReason::kExpression));
  time_of_day_ = std::chrono::hours(7);
  EXPECT_THAT(RuleReasons(), ElementsAre(RuleReason::kWindow));
}

TEST_F(TableTest, ToGroupReachesOneServiceWithAllItsMatches) {
  const auto a = AddReceiver("a");
  const auto b = AddReceiver("b");
  AddSubscription(a);
  AddReceiver("c", {{.kinds = KindSet::Of(Category::kDatabase)}});
  header_.addressing = Addressing::kToGroup;
  const std::vector<uint32_t> of_a = {0, 2};
  const std::vector<uint32_t> of_b = {1};
  EXPECT_EQ(Resolve(), of_a);
  EXPECT_THAT(Reasons(),
              ElementsAre(Reason::kNotPicked, Reason::kMatches, Reason::kNotPicked, Reason::kFilter));
  EXPECT_EQ(MakeTable().Explain(View(), balancer_).picked, "b");
  EXPECT_EQ(Resolve(), of_b);
  EXPECT_EQ(Resolve(), of_a);
  a->health = Health::kMaintenance;
  EXPECT_EQ(Resolve(), of_b);
  b->health = Health::kUnhealthy;
  EXPECT_THAT(Resolve(), IsEmpty());
  EXPECT_TRUE(decision_.none_available);
  EXPECT_THAT(Reasons(), ElementsAre(Reason::kServiceMaintenance, Reason::kServiceUnhealthy,
                                     Reason::kServiceMaintenance, Reason::kFilter));
  header_.addressing = Addressing::kToAll;  // health is the balancer's concern
  EXPECT_THAT(Resolve(), ElementsAre(0, 1, 2));
  EXPECT_FALSE(decision_.none_available);
}

TEST_F(TableTest, ToGroupStaysAmongTheTargetsOfRulesWhileOneMayBePicked) {
  const auto a = AddReceiver("a");
  const auto b = AddReceiver("b");
  AddReceiver("c");
  AddRule({.id = "r", .targets = {"a", "b"}});
  header_.addressing = Addressing::kToGroup;
  EXPECT_THAT(Resolve(), ElementsAre(0));
  EXPECT_THAT(Resolve(), ElementsAre(1));
  EXPECT_THAT(Resolve(), ElementsAre(0));
  for (int i = 0; i < 5; ++i) a->breaker->Failed(*a->breaker->Admit(now_), now_);
  EXPECT_THAT(Resolve(), ElementsAre(1));
  EXPECT_THAT(Reasons(), ElementsAre(Reason::kBreakerOpen, Reason::kRuled, Reason::kNotRuled));
  b->health = Health::kUnhealthy;
  EXPECT_THAT(Resolve(), ElementsAre(2));
  EXPECT_EQ(decision_.level, Decision::Level::kSubscriptions);
  EXPECT_FALSE(decision_.none_available);
  EXPECT_THAT(RuleReasons(), ElementsAre(RuleReason::kNoReceiver));
}

TEST_F(TableTest, SaysWhatItReads) {
  AddReceiver("guarded");
  EXPECT_TRUE(MakeTable().reads_time()) << "its breaker does";
  subscriptions_.clear();
  breakers_ = false;
  AddReceiver("a", {{.kinds = KindSet::Of(Category::kDatabase)}});
  EXPECT_FALSE(MakeTable().reads_attributes() || MakeTable().reads_time() || MakeTable().reads_time_of_day());
  AddReceiver("b", {{.expression = "age > 1s"}});
  EXPECT_TRUE(MakeTable().reads_time());
  EXPECT_FALSE(MakeTable().reads_attributes());
  AddRule({.id = "r",
           .targets = {"a"},
           .enabled = false,
           .conditions = {.window = DailyWindow{}, .expression = "target = a"}});
  EXPECT_FALSE(MakeTable().reads_attributes() || MakeTable().reads_time_of_day());
  ASSERT_TRUE(rules_.SetEnabled("r", true).ok());
  EXPECT_TRUE(MakeTable().reads_attributes());
  EXPECT_TRUE(MakeTable().reads_time_of_day());
  subscriptions_.clear();
  ASSERT_TRUE(rules_.Remove("r").ok());
  AddSubscription(AddService({.id = "c", .filters = *FilterSet::Compile({{.sources = {{.id = "x"}}}})}));
  EXPECT_TRUE(MakeTable().reads_attributes());
}

TEST_F(TableTest, OneDecisionServesManyTables) {
  AddReceiver("a");
  const Table small = MakeTable();
  for (int i = 0; i < 40; ++i) AddReceiver("s" + std::to_string(i));
  const Table large = MakeTable();
  for (int n = 0; n < 3; ++n) {
    for (const Addressing addressing : {Addressing::kToAll, Addressing::kToGroup}) {
      header_.addressing = addressing;
      EXPECT_THAT(Resolve(small), ElementsAre(0));
      EXPECT_EQ(Resolve(large).size(), addressing == Addressing::kToAll ? 41 : 1);
    }
  }
}

TEST_F(TableTest, ResolvingAllocatesNothing) {
  for (int i = 0; i < 100; ++i) {
    AddReceiver("s" + std::to_string(i), {{.sources = {{.id = "source-" + std::to_string(i % 7)}}},
                                          {.metadata = {{"tenant", std::to_string(i % 9)}}}});
  }
  AddRule({.id = "r", .filter = {.expression = "metadata.tenant > 4"}, .targets = {"s5", "s50", "s77"}});
  const Table table = MakeTable();
  attributes_.source.id = "source-5";
  attributes_.metadata = {{"other", "entry"}, {"tenant", "4"}};
  attributes_.targets = {"s1", "s2"};
  testing::Allocations before;
  for (int n = 0; n < 200; ++n) {
    if (n == 100) before = testing::Allocations::OfThisThread();
    header_.addressing = static_cast<Addressing>(n % 3);
    attributes_.metadata[1].second[0] = static_cast<char>('0' + n % 9);
    table.Resolve(View(), balancer_, decision_);
  }
  EXPECT_EQ((testing::Allocations::OfThisThread() - before).count, 0);
}

TEST(Explanation, DescribesEveryReason) {
  for (size_t i = 0; i < kReasonCount; ++i) {
    const Reason reason = static_cast<Reason>(i);
    EXPECT_EQ(Describe(reason).starts_with("receives"), Receives(reason));
  }
  for (size_t i = 0; i < kRuleReasonCount; ++i) EXPECT_FALSE(Describe(static_cast<RuleReason>(i)).empty());
}

}  // namespace
}  // namespace routebench::routing
