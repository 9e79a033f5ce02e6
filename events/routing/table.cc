#include "events/routing/table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "events/explanation.h"

namespace routebench::routing {

Table::Table(std::vector<Subscription> subscriptions, std::vector<std::shared_ptr<const CompiledRule>> rules)
    : subscriptions_(std::move(subscriptions)), rules_(std::move(rules)) {
  std::vector<FilterIndex::Entry> entries;
  for (const Subscription& subscription : subscriptions_) {
    const ServiceSettings& settings = subscription.service->settings;
    const auto number = static_cast<uint32_t>(entries.size());
    const auto [service, is_new] =
        service_by_id_.try_emplace(settings.id, static_cast<uint32_t>(services_.size()));
    if (is_new) {
      services_.push_back(subscription.service.get());
      subscriptions_of_.emplace_back();
      has_service_filters_ |= !settings.filters.alternatives().empty();
      reads_attributes_ |= settings.filters.reads_attributes();
      reads_time_ |= settings.filters.reads_time() || subscription.service->breaker != nullptr;
    }
    subscriptions_of_[service->second].push_back(number);
    service_of_.push_back(service->second);
    entries.push_back({settings.supports, {}});
    if (subscription.filters == nullptr) continue;
    entries.back().filters = subscription.filters->alternatives();
    reads_attributes_ |= subscription.filters->reads_attributes();
    reads_time_ |= subscription.filters->reads_time();
  }
  subscription_index_ = FilterIndex(entries);

  entries.clear();
  for (const auto& rule : rules_) {
    const bool enabled = rule->rule().enabled;
    entries.push_back({enabled ? KindSet::All() : KindSet(), absl::MakeConstSpan(&rule->filter(), 1)});
    std::vector<uint32_t>& targets = rule_targets_.emplace_back();
    for (const std::string& id : rule->rule().targets) {
      const auto service = service_by_id_.find(id);
      if (service != service_by_id_.end()) targets.push_back(service->second);
    }
    if (!enabled) continue;
    reads_attributes_ |= rule->reads_attributes();
    reads_time_ |= rule->reads_time();
    reads_time_of_day_ |= rule->reads_time_of_day();
  }
  rule_index_ = FilterIndex(entries);
}

void Table::Resolve(const EventView& event, Balancer& balancer, Decision& decision) const {
  Decide(
      event, [&](absl::Span<Service* const> group) { return balancer.Pick(group, event.now); }, decision);
}

template <typename Pick>
void Table::Decide(const EventView& event, const Pick& pick, Decision& decision) const {
  decision.Clear();
  if (event.header.addressing == Addressing::kToTargets) {
    decision.level = Decision::Level::kTargets;
    return AddTargets(event, decision);
  }
  if (!rules_.empty()) {
    decision.level = Decision::Level::kRules;
    AddRules(event, decision);
    if (DecideGroup(event, pick, decision)) return;
  }
  decision.level = Decision::Level::kSubscriptions;
  AddSubscriptions(event, decision);
  DecideGroup(event, pick, decision);
}

// Leaves the receivers of one service, for an event that is to-group. False: there is nobody.
template <typename Pick>
bool Table::DecideGroup(const EventView& event, const Pick& pick, Decision& decision) const {
  if (decision.receivers.empty()) return false;
  if (event.header.addressing != Addressing::kToGroup) return true;
  MakeGroup(decision);
  const std::optional<size_t> picked = pick(absl::MakeConstSpan(decision.group_));
  decision.none_available = !picked.has_value();
  const auto is_other = [&](const Decision::Receiver& receiver) {
    return !picked.has_value() || services_[service_of_[receiver.subscription]] != decision.group_[*picked];
  };
  std::erase_if(decision.receivers, is_other);
  return picked.has_value();
}

// The services of the receivers, each once.
void Table::MakeGroup(Decision& decision) const {
  decision.group_.clear();
  if (decision.seen_.size() < services_.size()) decision.seen_.resize(services_.size());
  ++decision.groups_;
  for (const Decision::Receiver& receiver : decision.receivers) {
    const uint32_t service = service_of_[receiver.subscription];
    if (std::exchange(decision.seen_[service], decision.groups_) == decision.groups_) continue;
    decision.group_.push_back(services_[service]);
  }
}

bool Table::Wants(uint32_t subscription, const EventView& event) const {
  const ServiceSettings& settings = services_[service_of_[subscription]]->settings;
  const FilterSet* const filters = subscriptions_[subscription].filters.get();
  return settings.supports.Contains(event.header.kind) && settings.filters.Matches(event) &&
         (filters == nullptr || filters->Matches(event));
}

void Table::AddTargets(const EventView& event, Decision& decision) const {
  for (const std::string& id : event.attributes.targets) {
    const auto service = service_by_id_.find(id);
    if (service == service_by_id_.end()) continue;
    for (const uint32_t subscription : subscriptions_of_[service->second]) {
      if (Wants(subscription, event)) decision.receivers.push_back({subscription});
    }
  }
  if (event.attributes.targets.size() > 1) SortOnce(decision.receivers);
}

// Each subscription once: of those that several rules give, what the first rule gave.
void Table::SortOnce(std::vector<Decision::Receiver>& receivers) {
  std::sort(receivers.begin(), receivers.end(), [](const auto& a, const auto& b) {
    return a.subscription != b.subscription ? a.subscription < b.subscription : a.rule < b.rule;
  });
  receivers.erase(std::unique(receivers.begin(), receivers.end(),
                              [](const auto& a, const auto& b) { return a.subscription == b.subscription; }),
                  receivers.end());
}

bool Table::RuleHolds(const CompiledRule& rule, const EventView& event) {
  return rule.InWindow(event.time_of_day) && rule.ExpressionHolds(event);
}

void Table::AddRules(const EventView& event, Decision& decision) const {
  rule_index_.Find(event, decision.found_);
  size_t given = 0;
  for (const uint32_t number : decision.found_) {
    const CompiledRule& rule = *rules_[number];
    if (!RuleHolds(rule, event)) continue;
    for (const uint32_t service : rule_targets_[number]) {
      if (!rule.AdmitsTarget(*services_[service])) continue;
      ++given;
      for (const uint32_t subscription : subscriptions_of_[service]) {
        if (Wants(subscription, event)) decision.receivers.push_back({subscription, number});
      }
    }
  }
  if (given > 1) SortOnce(decision.receivers);
}

void Table::AddSubscriptions(const EventView& event, Decision& decision) const {
  subscription_index_.Find(event, decision.found_);
  for (const uint32_t subscription : decision.found_) {
    if (has_service_filters_ && !services_[service_of_[subscription]]->settings.filters.Matches(event))
      continue;
    decision.receivers.push_back({subscription});
  }
}

Explanation Table::Explain(const EventView& event, const Balancer& balancer) const {
  Decision decision;
  Decide(
      event, [&](absl::Span<Service* const> group) { return balancer.Peek(group, event.now); }, decision);
  Explanation explanation;
  ExplainSubscriptions(event, decision, explanation);
  ExplainRules(event, decision, explanation);
  if (event.header.addressing == Addressing::kToGroup && !decision.receivers.empty()) {
    explanation.picked = subscriptions_[decision.receivers.front().subscription].service->settings.id;
  }
  return explanation;
}

}  // namespace routebench::routing
