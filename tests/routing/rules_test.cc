// R8: rules, one by one.
#include "events/routing/rules.h"

#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::routing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

bool IsKnown(const std::string& service) { return service == "a" || service == "b"; }

Rule ValidRule(std::string id) { return {.id = std::move(id), .targets = {"a"}}; }

std::vector<std::string> Ids(const RuleBook& book) {
  std::vector<std::string> ids;
  for (const auto& rule : book.rules()) ids.push_back(rule->rule().id);
  return ids;
}

TEST(RuleBook, IsInTheOrderOfEvaluation) {
  RuleBook book;
  for (const auto& [id, priority] : {std::pair("r1", 5), {"r2", -1}, {"r3", 5}, {"r4", 0}}) {
    Rule rule = ValidRule(id);
    rule.priority = priority;
    ASSERT_TRUE(book.Add(rule, IsKnown).ok());
  }
  EXPECT_THAT(Ids(book), ElementsAre("r2", "r4", "r1", "r3"));
  EXPECT_TRUE(book.Remove("r4").ok());
  EXPECT_THAT(Ids(book), ElementsAre("r2", "r1", "r3"));
}

TEST(RuleBook, NamesWhatIsWrongAndStaysAsItWas) {
  RuleBook book;
  ASSERT_TRUE(book.Add(ValidRule("r"), IsKnown).ok());
  const absl::Status duplicate = book.Add(ValidRule("r"), IsKnown);
  EXPECT_EQ(duplicate.code(), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(std::string(duplicate.message()), HasSubstr("rule r already"));
  Rule lost = ValidRule("lost");
  lost.targets = {"a", "nobody"};
  const absl::Status unknown = book.Add(lost, IsKnown);
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("rule lost: no service nobody"));
  EXPECT_EQ(book.Remove("other").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(book.SetEnabled("other", true).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Ids(book), ElementsAre("r"));
}

TEST(RuleBook, ChecksEveryField) {
  std::vector<std::pair<Rule, std::string>> bad(11, {ValidRule("r"), ""});
  bad[0].first.id = "";
  bad[0].second = "id has 1 to 255 bytes";
  bad[1].first.id = std::string(256, 'x');
  bad[1].second = "id has 1 to 255 bytes";
  bad[2].first.targets = {};
  bad[2].second = "rule r: it has no target";
  bad[3].first.targets = std::vector<std::string>(kMaxRuleTargets + 1, "a");
  bad[3].second = "more than 1024 targets";
  bad[4].first.filter.expression = "size >";
  bad[4].second = "rule r: filter: expression, column 7: expected a value";
  bad[5].first.conditions.expression = "sise > 1";
  bad[5].second = "rule r: condition, column 1: unknown field";
  bad[6].first.conditions.window = {hours(24), hours(1)};
  bad[6].second = "daily window";
  bad[7].first.conditions.window = {hours(1), Duration(-1)};
  bad[7].second = "daily window";
  bad[8].first.conditions.max_load = -0.1;
  bad[8].second = "maximum load";
  bad[9].first.conditions.max_load = std::numeric_limits<double>::quiet_NaN();
  bad[9].second = "maximum load";
  bad[10].first.filter.sources = {{}};
  bad[10].second = "rule r: filter: a source";
  RuleBook book;
  for (const auto& [rule, message] : bad) {
    const absl::Status status = book.Add(rule, IsKnown);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
  }
  EXPECT_THAT(Ids(book), IsEmpty());
}

TEST(RuleBook, EnablesAndDisablesInPlace) {
  RuleBook book;
  ASSERT_TRUE(book.Add(ValidRule("r1"), IsKnown).ok());
  ASSERT_TRUE(book.Add(ValidRule("r2"), IsKnown).ok());
  const auto before = book.rules().front();
  EXPECT_TRUE(book.SetEnabled("r1", false).ok());
  EXPECT_TRUE(before->rule().enabled);  // a snapshot's rule does not change
  EXPECT_FALSE(book.rules().front()->rule().enabled);
  EXPECT_THAT(Ids(book), ElementsAre("r1", "r2"));
  EXPECT_TRUE(book.SetEnabled("r1", true).ok());
  EXPECT_TRUE(book.rules().front()->rule().enabled);
}

CompiledRule WithConditions(const RuleConditions& conditions) {
  Rule rule = ValidRule("r");
  rule.conditions = conditions;
  auto compiled = CompiledRule::Compile(rule);
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return *std::move(compiled);
}

TEST(RuleConditions, DailyWindow) {
  const CompiledRule day = WithConditions({.window = DailyWindow{hours(8), hours(18)}});
  EXPECT_FALSE(day.InWindow(hours(8) - Duration(1)));
  EXPECT_TRUE(day.InWindow(hours(8)));
  EXPECT_TRUE(day.InWindow(hours(18) - Duration(1)));
  EXPECT_FALSE(day.InWindow(hours(18)));
  const CompiledRule night = WithConditions({.window = DailyWindow{hours(22), hours(6)}});
  for (const Duration time : {Duration(hours(22)), Duration(hours(0)), hours(6) - Duration(1)}) {
    EXPECT_TRUE(night.InWindow(time));
  }
  EXPECT_FALSE(night.InWindow(hours(6)));
  EXPECT_FALSE(night.InWindow(hours(22) - Duration(1)));
  const CompiledRule always = WithConditions({.window = DailyWindow{hours(5), hours(5)}});
  EXPECT_TRUE(always.InWindow(hours(4)) && always.InWindow(hours(5)));
  EXPECT_TRUE(day.reads_time_of_day());
  EXPECT_FALSE(WithConditions({}).reads_time_of_day());
  EXPECT_TRUE(WithConditions({}).InWindow(hours(3)));
}

TEST(RuleConditions, LoadAndHealthOfATarget) {
  Service service({.id = "a", .max_concurrent = 4});
  const CompiledRule any = WithConditions({});
  const CompiledRule half = WithConditions({.max_load = 0.5});
  const CompiledRule well = WithConditions({.health = {Health::kHealthy, Health::kUnknown}});
  EXPECT_TRUE(half.AdmitsTarget(service) && well.AdmitsTarget(service));
  service.in_flight = 2;
  service.health = Health::kHealthy;
  EXPECT_TRUE(half.AdmitsTarget(service) && well.AdmitsTarget(service));
  service.in_flight = 3;
  service.health = Health::kDegraded;
  EXPECT_FALSE(half.AdmitsTarget(service));
  EXPECT_FALSE(well.AdmitsTarget(service));
  EXPECT_TRUE(any.AdmitsTarget(service));
  Service unlimited({.id = "b"});
  unlimited.in_flight = 1000;
  EXPECT_TRUE(half.AdmitsTarget(unlimited));
}

TEST(RuleConditions, Expression) {
  const EventHeader header{.attempt = 2};
  const Attributes attributes;
  const EventView event{header, attributes};
  EXPECT_TRUE(WithConditions({}).ExpressionHolds(event));
  EXPECT_TRUE(WithConditions({.expression = "attempt = 2"}).ExpressionHolds(event));
  EXPECT_FALSE(WithConditions({.expression = "attempt = 3"}).ExpressionHolds(event));
  EXPECT_TRUE(WithConditions({.expression = "age > 1s and source.id = a"}).reads_time());
  EXPECT_TRUE(WithConditions({.expression = "age > 1s and source.id = a"}).reads_attributes());
  EXPECT_FALSE(WithConditions({.expression = "size > 1"}).reads_attributes());
}

TEST(TimeOfDay, IsSinceMidnightUtcAlsoBeforeTheEpoch) {
  using std::chrono::system_clock;
  EXPECT_EQ(TimeOfDay(system_clock::time_point(hours(24 * 20'000) + hours(5) + minutes(7))),
            hours(5) + minutes(7));
  EXPECT_EQ(TimeOfDay(system_clock::time_point(-hours(1))), hours(23));
}

}  // namespace
}  // namespace routebench::routing
