#include "events/explanation.h"

#include <algorithm>

#include "events/routing/table.h"

namespace routebench::routing {
namespace {

// Of a service that is in the group and was not picked.
Reason ReasonOf(Standing standing) {
  switch (standing) {
    case Standing::kUnhealthy:
      return Reason::kServiceUnhealthy;
    case Standing::kInMaintenance:
      return Reason::kServiceMaintenance;
    case Standing::kBreakerOpen:
      return Reason::kBreakerOpen;
    case Standing::kAvailable:
    case Standing::kLastResort:
      break;
  }
  return Reason::kNotPicked;
}

}  // namespace

void Table::ExplainSubscriptions(const EventView& event, const Decision& decision,
                                 Explanation& explanation) const {
  const bool by_rules = !decision.receivers.empty() && decision.level == Decision::Level::kRules;
  const bool to_group = event.header.addressing == Addressing::kToGroup;
  Decision ruled;  // by all rules, before the balancer
  if (by_rules) AddRules(event, ruled);
  const auto is_in = [](const Decision& all, uint32_t subscription) {
    return std::any_of(all.receivers.begin(), all.receivers.end(),
                       [&](const auto& receiver) { return receiver.subscription == subscription; });
  };
  const auto reason_to_refuse = [&](uint32_t subscription) {
    const Service& service = *subscriptions_[subscription].service;
    if (!service.settings.supports.Contains(event.header.kind)) return Reason::kNotSupported;
    if (!service.settings.filters.Matches(event)) return Reason::kServiceFilter;
    if (!Wants(subscription, event)) return Reason::kFilter;
    if (event.header.addressing == Addressing::kToTargets) return Reason::kNotNamed;
    if (by_rules && !is_in(ruled, subscription)) return Reason::kNotRuled;
    return to_group ? ReasonOf(StandingOf(service, event.now)) : Reason::kNotRuled;
  };

  auto receiver = decision.receivers.begin();
  for (uint32_t i = 0; i < subscriptions_.size(); ++i) {
    Explanation::Subscription& subscription = explanation.subscriptions.emplace_back();
    subscription.service = subscriptions_[i].service->settings.id;
    if (receiver == decision.receivers.end() || receiver->subscription != i) {
      subscription.reason = reason_to_refuse(i);
      continue;
    }
    subscription.reason = decision.level == Decision::Level::kTargets ? Reason::kNamed
                          : by_rules                                  ? Reason::kRuled
                                                                      : Reason::kMatches;
    if (by_rules) subscription.rule = rules_[receiver->rule]->rule().id;
    ++receiver;
  }
}

void Table::ExplainRules(const EventView& event, const Decision& decision, Explanation& explanation) const {
  for (uint32_t i = 0; i < rules_.size(); ++i) {
    const CompiledRule& rule = *rules_[i];
    const auto gives = [&](uint32_t service) {
      return rule.AdmitsTarget(*services_[service]) &&
             std::any_of(decision.receivers.begin(), decision.receivers.end(),
                         [&](const auto& receiver) { return service_of_[receiver.subscription] == service; });
    };
    const auto reason = [&] {
      if (event.header.addressing == Addressing::kToTargets) return RuleReason::kNotAsked;
      if (!rule.rule().enabled) return RuleReason::kDisabled;
      if (!rule.filter().Matches(event)) return RuleReason::kFilter;
      if (!rule.InWindow(event.time_of_day)) return RuleReason::kWindow;
      if (!rule.ExpressionHolds(event)) return RuleReason::kExpression;
      const bool has_given = decision.level == Decision::Level::kRules &&
                             std::any_of(rule_targets_[i].begin(), rule_targets_[i].end(), gives);
      return has_given ? RuleReason::kGivesReceivers : RuleReason::kNoReceiver;
    };
    explanation.rules.push_back({rule.rule().id, reason()});
  }
}

}  // namespace routebench::routing
