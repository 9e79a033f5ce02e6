#include "events/routing/rules.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace routebench::routing {
namespace {

constexpr Duration kDay = std::chrono::hours(24);

absl::Status Wrong(const Rule& rule, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("rule ", rule.id, ": ", what));
}

absl::Status Check(const Rule& rule) {
  const RuleConditions& conditions = rule.conditions;
  const auto is_in_day = [](Duration time) { return time >= Duration::zero() && time < kDay; };
  if (rule.id.empty() || rule.id.size() > 255)
    return absl::InvalidArgumentError("a rule's id has 1 to 255 bytes");
  if (rule.targets.empty()) return Wrong(rule, "it has no target");
  if (rule.targets.size() > kMaxRuleTargets) {
    return Wrong(rule, absl::StrCat("more than ", kMaxRuleTargets, " targets"));
  }
  if (conditions.window.has_value() &&
      !(is_in_day(conditions.window->from) && is_in_day(conditions.window->until))) {
    return Wrong(rule, "a daily window is from 0 h to below 24 h");
  }
  if (conditions.max_load.has_value() && !(*conditions.max_load >= 0)) {
    return Wrong(rule, "a maximum load is not negative");
  }
  return absl::OkStatus();
}

}  // namespace

Duration TimeOfDay(std::chrono::system_clock::time_point time) {
  const Duration since_epoch = time.time_since_epoch();
  return (since_epoch % kDay + kDay) % kDay;
}

absl::StatusOr<CompiledRule> CompiledRule::Compile(const Rule& rule) {
  if (absl::Status status = Check(rule); !status.ok()) return status;
  auto filter = CompiledFilter::Compile(rule.filter);
  if (!filter.ok())
    return Wrong(rule, absl::StrCat("filter: ", absl::string_view(filter.status().message())));
  CompiledRule compiled(rule, *std::move(filter));
  for (const Health health : rule.conditions.health) {
    compiled.health_ = static_cast<uint8_t>(compiled.health_ | 1u << static_cast<unsigned>(health));
  }
  if (rule.conditions.expression.empty()) return compiled;
  auto expression = FilterExpression::Parse(rule.conditions.expression);
  if (!expression.ok()) {
    return Wrong(rule, absl::StrCat("condition, ", absl::string_view(expression.status().message())));
  }
  compiled.expression_ = *std::move(expression);
  return compiled;
}

bool CompiledRule::InWindow(Duration time_of_day) const {
  const std::optional<DailyWindow>& window = rule_.conditions.window;
  if (!window.has_value() || window->from == window->until) return true;
  if (window->from < window->until) return window->from <= time_of_day && time_of_day < window->until;
  return window->from <= time_of_day || time_of_day < window->until;
}

bool CompiledRule::AdmitsTarget(const Service& service) const {
  const std::optional<double>& max_load = rule_.conditions.max_load;
  if (max_load.has_value() && service.Load() > *max_load) return false;
  if (health_ == 0) return true;
  return ((health_ >> static_cast<unsigned>(service.health.load(std::memory_order_relaxed))) & 1) != 0;
}

bool CompiledRule::reads_attributes() const {
  return filter_.reads_attributes() || (expression_.has_value() && expression_->reads_attributes());
}

bool CompiledRule::reads_time() const {
  return filter_.reads_time() || (expression_.has_value() && expression_->reads_time());
}

RuleBook::Rules::iterator RuleBook::Find(const std::string& id) {
  return std::find_if(rules_.begin(), rules_.end(), [&](const auto& each) { return each->rule().id == id; });
}

absl::Status RuleBook::Add(const Rule& rule, const IsService& is_service) {
  auto compiled = CompiledRule::Compile(rule);
  if (!compiled.ok()) return compiled.status();
  if (Find(rule.id) != rules_.end()) {
    return absl::AlreadyExistsError(absl::StrCat("there is a rule ", rule.id, " already"));
  }
  for (const std::string& target : rule.targets) {
    if (is_service(target)) continue;
    return absl::NotFoundError(absl::StrCat("rule ", rule.id, ": no service ", target, " is registered"));
  }
  const auto behind = std::find_if(rules_.begin(), rules_.end(),
                                   [&](const auto& each) { return each->rule().priority > rule.priority; });
  rules_.insert(behind, std::make_shared<const CompiledRule>(*std::move(compiled)));
  return absl::OkStatus();
}

absl::Status RuleBook::Remove(const std::string& id) {
  const auto found = Find(id);
  if (found == rules_.end()) return absl::NotFoundError(absl::StrCat("no rule ", id));
  rules_.erase(found);
  return absl::OkStatus();
}

absl::Status RuleBook::SetEnabled(const std::string& id, bool enabled) {
  const auto found = Find(id);
  if (found == rules_.end()) return absl::NotFoundError(absl::StrCat("no rule ", id));
  Rule rule = (*found)->rule();
  if (rule.enabled == enabled) return absl::OkStatus();
  rule.enabled = enabled;
  auto compiled = CompiledRule::Compile(rule);
  if (!compiled.ok()) return compiled.status();
  compiled->routed_ = (*found)->routed_;
  *found = std::make_shared<const CompiledRule>(*std::move(compiled));
  return absl::OkStatus();
}

}  // namespace routebench::routing
