#include "loadgen/workload/rules.h"

#include <map>
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

record::RunPlan PlanOf(uint32_t services, uint32_t rules) {
  record::RunPlan plan;
  for (const char* category : {"filesystem", "database", "external"}) {
    record::ShareOfKind& share = *plan.add_mix();
    share.set_category(category);
    share.set_percent(100.0 / 3);
  }
  PlanServices(services, plan);
  plan.set_rules(rules);
  return plan;
}

TEST(PlanRulesTest, AreAsManyAsAskedForWithIdsOfTheirOwn) {
  std::set<std::string> ids;
  for (const Rule& rule : PlanRules(PlanOf(10, 50))) ids.insert(rule.id);
  EXPECT_EQ(ids.size(), 50u);
  EXPECT_TRUE(PlanRules(PlanOf(10, 0)).empty());
}

TEST(PlanRulesTest, EachLeadsToExactlyThoseThatTakeItsCategory) {
  const record::RunPlan plan = PlanOf(10, 20);
  for (const Rule& rule : PlanRules(plan)) {
    bool found = false;
    for (const Category category : {Category::kFilesystem, Category::kDatabase, Category::kExternal}) {
      if (rule.filter.kinds != KindSet::Of(category)) continue;
      found = true;
      EXPECT_EQ(rule.targets, TakersOf(plan, category)) << rule.id;
    }
    EXPECT_TRUE(found) << rule.id;
  }
}

TEST(PlanRulesTest, TheFirstOfACategoryAsksForNothingElseTheOthersDo) {
  std::map<std::string, int> of_category;
  int conditions = 0, expressions = 0, metadata = 0;
  for (const Rule& rule : PlanRules(PlanOf(10, 30))) {
    const bool first = of_category[rule.name]++ == 0;
    conditions += rule.conditions.expression.empty() ? 0 : 1;
    expressions += rule.filter.expression.empty() ? 0 : 1;
    metadata += rule.filter.metadata.empty() ? 0 : 1;
    if (first) {
      EXPECT_EQ(conditions + expressions + metadata, 0) << rule.id;
    }
  }
  EXPECT_EQ(conditions, 9);
  EXPECT_EQ(expressions, 9);
  EXPECT_EQ(metadata, 9);
}

TEST(PlanRulesTest, CategoriesThatNobodyTakesHaveNone) {
  for (const Rule& rule : PlanRules(PlanOf(1, 8)))
    EXPECT_EQ(rule.filter.kinds, KindSet::Of(Category::kFilesystem)) << rule.id;
  EXPECT_TRUE(PlanRules(PlanOf(0, 8)).empty());
}

}  // namespace
}  // namespace routebench::loadgen
