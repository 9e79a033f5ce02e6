#include "loadgen/workload/rules.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "events/kind.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

struct Destination {
  Category category;
  std::vector<std::string> takers;
};

// `round`: how many rules for the same category come before it.
void Refine(uint32_t round, const std::string& category, Rule& rule) {
  if (round == 0) return;
  switch (round % 3) {
    case 1:
      rule.conditions.expression = "priority <= high";
      return;
    case 2:
      rule.filter.expression = absl::StrCat("source.id starts with \"", category, "-\"");
      return;
    default:
      rule.filter.metadata = {{"tenant", absl::StrCat("tenant-", round)}};
  }
}

}  // namespace

std::vector<Rule> PlanRules(const record::RunPlan& plan) {
  std::vector<Destination> destinations;
  for (size_t c = 0; c < kCategoryCount; ++c) {
    const auto category = static_cast<Category>(c);
    if (auto takers = TakersOf(plan, category); !takers.empty())
      destinations.push_back({category, std::move(takers)});
  }
  std::vector<Rule> rules;
  for (uint32_t i = 0; i < plan.rules() && !destinations.empty(); ++i) {
    const Destination& destination = destinations[i % destinations.size()];
    const std::string category(Name(destination.category));
    Rule rule;
    rule.id = absl::StrCat("loadgen-rule-", i + 1);
    rule.name = absl::StrCat(category, " to those that take it");
    rule.filter.kinds = KindSet::Of(destination.category);
    rule.targets = destination.takers;
    rule.priority = static_cast<int32_t>(i);
    Refine(i / static_cast<uint32_t>(destinations.size()), category, rule);
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace routebench::loadgen
