// R7-R10, R24: random tables and random events against a router that asks everybody.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "events/explanation.h"
#include "events/routing/table.h"
#include "gtest/gtest.h"

namespace routebench::routing {
namespace {

using Random = std::mt19937_64;

std::string Name(const char* stem, uint64_t number) { return stem + std::to_string(number); }

Filter RandomFilter(Random& random) {
  Filter filter;
  if (random() % 2 == 0) filter.kinds = KindSet::Of(static_cast<Category>(random() % kCategoryCount));
  if (random() % 4 == 0) filter.kinds = KindSet::FromBits(random());
  if (random() % 4 == 0) filter.priorities = PrioritySet::FromBits(static_cast<uint8_t>(random()));
  if (random() % 4 == 0) filter.max_body_bytes = random() % 10;
  for (size_t i = random() % 4 == 0 ? random() % 3 : 0; i > 0; --i) {
    filter.sources.push_back({.id = Name("source", random() % 4)});
    if (random() % 3 == 0) filter.sources.back() = {.type = Name("type", random() % 2)};
  }
  for (size_t i = random() % 4 == 0 ? random() % 3 : 0; i > 0; --i) {
    filter.metadata.emplace_back(Name("key", random() % 3), Name("value", random() % 3));
  }
  const std::vector<std::string> expressions = {"source.id = source1",
                                                "metadata.key1 in (value0, value2) and size < 5",
                                                "source.id in (source0, source3) and metadata.key0 = value1",
                                                "not metadata.key2 exists or attempt > 1",
                                                "priority <= high and kind contains file",
                                                "source.id = source1 or source.id = source2"};
  if (random() % 3 == 0) filter.expression = expressions[random() % expressions.size()];
  return filter;
}

// What the filter says, by its fields.
bool Passes(const Filter& filter, const EventView& event) {
  const Source& source = event.attributes.source;
  const bool from = filter.sources.empty() ||
                    std::any_of(filter.sources.begin(), filter.sources.end(), [&](const Source& wanted) {
                      return wanted.id.empty() ? wanted.type == source.type : wanted.id == source.id;
                    });
  std::map<std::string, std::string> metadata(event.attributes.metadata.begin(),
                                              event.attributes.metadata.end());
  const bool has = std::all_of(filter.metadata.begin(), filter.metadata.end(), [&](const auto& wanted) {
    const auto entry = metadata.find(wanted.first);
    return entry != metadata.end() && entry->second == wanted.second;
  });
  return filter.kinds.Contains(event.header.kind) && filter.priorities.Contains(event.header.priority) &&
         from && has && event.body_size <= filter.max_body_bytes &&
         (filter.expression.empty() || FilterExpression::Parse(filter.expression)->Matches(event));
}

bool PassesOne(const std::vector<Filter>& filters, const EventView& event) {
  return filters.empty() || std::any_of(filters.begin(), filters.end(),
                                        [&](const Filter& filter) { return Passes(filter, event); });
}

// A configuration as a user wrote it, and the table that was made of it.
struct World {
  struct ServiceSpec {
    ServiceSettings settings;
    std::vector<Filter> filters;
    std::shared_ptr<Service> service;
  };
  struct SubscriptionSpec {
    size_t service;
    std::vector<Filter> filters;
  };

  explicit World(Random& random) {
    for (size_t s = 0, count = 1 + random() % 8; s < count; ++s) AddService(random, s);
    const size_t count = random() % 4 == 0 ? random() % 200 : random() % 20;
    for (size_t i = 0; i < count; ++i) {
      SubscriptionSpec spec{random() % services.size(), {}};
      for (size_t f = random() % 4; f > 0; --f) spec.filters.push_back(RandomFilter(random));
      auto compiled = FilterSet::Compile(spec.filters);
      EXPECT_TRUE(compiled.ok()) << compiled.status();
      entries.push_back({services[spec.service].service, std::make_shared<FilterSet>(*std::move(compiled))});
      if (spec.filters.empty() && random() % 2 == 0) entries.back().filters = nullptr;
      subscriptions.push_back(std::move(spec));
    }
    for (size_t r = 0, rule_count = random() % 3 == 0 ? 0 : random() % 10; r < rule_count; ++r)
      AddRule(random, r);
    table = Table(entries, book.rules());
  }

  void AddService(Random& random, size_t number) {
    ServiceSpec spec;
    spec.settings = {.id = Name("service", number),
                     .priority = static_cast<int32_t>(random() % 3),
                     .weight = 1 + static_cast<double>(random() % 3),
                     .max_concurrent = static_cast<uint32_t>(random() % 5)};
    if (random() % 3 == 0) spec.settings.supports = KindSet::FromBits(random() | random());
    if (random() % 4 == 0) spec.filters.push_back(RandomFilter(random));
    spec.settings.filters = *FilterSet::Compile(spec.filters);
    spec.service = std::make_shared<Service>(
        ServiceSettings{spec.settings.id, spec.settings.supports, *FilterSet::Compile(spec.filters),
                        spec.settings.priority, spec.settings.weight, spec.settings.max_concurrent},
        std::make_unique<CircuitBreaker>(CircuitBreakerOptions{.consecutive_failures = 1}));
    services.push_back(std::move(spec));
  }

  void AddRule(Random& random, size_t number) {
    Rule rule{.id = Name("rule", number), .filter = RandomFilter(random)};
    for (size_t t = 1 + random() % 3; t > 0; --t) rule.targets.push_back(Name("service", random() % 10));
    rule.priority = static_cast<int32_t>(random() % 3);
    rule.enabled = random() % 5 != 0;
    if (random() % 4 == 0)
      rule.conditions.window = DailyWindow{Duration(random() % 10), Duration(random() % 10)};
    if (random() % 4 == 0) rule.conditions.max_load = static_cast<double>(random() % 4) / 4;
    if (random() % 4 == 0) rule.conditions.expression = "attempt < 3";
    if (random() % 4 == 0)
      rule.conditions.health = {Health::kHealthy, static_cast<Health>(random() % kHealthCount)};
    EXPECT_TRUE(book.Add(rule, [](const std::string&) { return true; }).ok());
    const auto behind = std::find_if(rules.begin(), rules.end(),
                                     [&](const Rule& each) { return each.priority > rule.priority; });
    rules.insert(behind, rule);
  }

  void ChangeStates(Random& random) {
    for (const ServiceSpec& spec : services) {
      spec.service->in_flight = static_cast<uint32_t>(random() % 6);
      spec.service->health = static_cast<Health>(random() % 3 == 0 ? random() % kHealthCount : 0);
    }
  }

  std::vector<ServiceSpec> services;
  std::vector<SubscriptionSpec> subscriptions;
  std::vector<Rule> rules;  // as they are evaluated
  std::vector<Table::Subscription> entries;
  RuleBook book;
  Table table;
};

struct Answer {
  std::map<uint32_t, std::string> receivers;  // subscription to rule, or to nothing
  std::string level = "nobody";
  std::string picked;
};

// Asks every subscription and every rule, one after the other.
class NaiveRouter {
 public:
  NaiveRouter(const World& world, const EventView& event, const Balancer& balancer)
      : world_(world), event_(event), balancer_(balancer) {}

  Answer Route() const {
    Answer answer;
    if (event_.header.addressing == Addressing::kToTargets) {
      for (uint32_t i = 0; i < world_.subscriptions.size(); ++i) {
        const auto& targets = event_.attributes.targets;
        if (Wants(i) && std::count(targets.begin(), targets.end(), IdOf(i)) > 0) answer.receivers[i];
      }
      if (!answer.receivers.empty()) answer.level = "targets";
      return answer;
    }
    for (const Rule& rule : world_.rules) {
      if (!Holds(rule)) continue;
      for (uint32_t i = 0; i < world_.subscriptions.size(); ++i) {
        if (Wants(i) && std::count(rule.targets.begin(), rule.targets.end(), IdOf(i)) > 0 && Meets(rule, i)) {
          answer.receivers.emplace(i, rule.id);
        }
      }
    }
    answer.level = "rules";
    if (Choose(answer)) return answer;
    for (uint32_t i = 0; i < world_.subscriptions.size(); ++i) {
      if (Wants(i)) answer.receivers[i];
    }
    answer.level = "subscriptions";
    if (!Choose(answer)) answer.level = "nobody";
    return answer;
  }

 private:
  const World::ServiceSpec& ServiceOf(uint32_t i) const {
    return world_.services[world_.subscriptions[i].service];
  }
  const std::string& IdOf(uint32_t i) const { return ServiceOf(i).settings.id; }

  bool Wants(uint32_t i) const {
    return ServiceOf(i).settings.supports.Contains(event_.header.kind) &&
           PassesOne(ServiceOf(i).filters, event_) && PassesOne(world_.subscriptions[i].filters, event_);
  }
  bool Holds(const Rule& rule) const {
    bool in_window = true;
    if (rule.conditions.window.has_value()) {
      const auto [from, until] = *rule.conditions.window;
      in_window = from == until;
      for (Duration time = from; time != until; time = (time + Duration(1)) % std::chrono::hours(24)) {
        if (time >= Duration(10)) time = std::chrono::hours(24) - Duration(1);  // nothing there in this test
        in_window = in_window || time == event_.time_of_day;
      }
    }
    return rule.enabled && Passes(rule.filter, event_) && in_window &&
           (rule.conditions.expression.empty() || event_.header.attempt < 3);
  }
  bool Meets(const Rule& rule, uint32_t i) const {
    const Service& service = *ServiceOf(i).service;
    const uint32_t limit = ServiceOf(i).settings.max_concurrent;
    const double load = limit == 0 ? 0 : static_cast<double>(service.in_flight) / limit;
    const auto& health = rule.conditions.health;
    return load <= rule.conditions.max_load.value_or(1e9) &&
           (health.empty() || std::count(health.begin(), health.end(), service.health.load()) > 0);
  }

  // For to-group leaves one service, picked among those in the order of their first receivers.
  bool Choose(Answer& answer) const {
    if (event_.header.addressing != Addressing::kToGroup) return !answer.receivers.empty();
    std::vector<Service*> group;
    for (const auto& [i, rule] : answer.receivers) {
      Service* const service = ServiceOf(i).service.get();
      if (std::find(group.begin(), group.end(), service) == group.end()) group.push_back(service);
    }
    const auto picked = balancer_.Peek(group, event_.now);
    if (picked.has_value()) answer.picked = group[*picked]->settings.id;
    std::erase_if(answer.receivers, [&](const auto& each) { return IdOf(each.first) != answer.picked; });
    return picked.has_value();
  }

  const World& world_;
  const EventView& event_;
  const Balancer& balancer_;
};

struct RandomEvent {
  explicit RandomEvent(Random& random) {
    header.kind = static_cast<EventKind>(random() % kKindCount);
    header.priority = static_cast<Priority>(random() % kPriorityCount);
    header.addressing = static_cast<Addressing>(random() % 3);
    header.attempt = static_cast<uint8_t>(random() % 4);
    attributes.source = {Name("source", random() % 5), Name("type", random() % 3), ""};
    for (size_t i = random() % 4; i > 0; --i) {
      attributes.metadata.emplace_back(Name("key", random() % 3), Name("value", random() % 3));
    }
    for (size_t i = random() % 4; i > 0; --i) attributes.targets.push_back(Name("service", random() % 10));
    body_size = random() % 10;
    time_of_day = Duration(random() % 10);
  }
  EventView view() const { return {header, attributes, body_size, FromNanos(1'000'000'000), time_of_day}; }

  EventHeader header;
  Attributes attributes;
  uint64_t body_size = 0;
  Duration time_of_day;
};

std::string LevelOf(const Decision& decision) {
  if (decision.receivers.empty()) return "nobody";
  switch (decision.level) {
    case Decision::Level::kTargets:
      return "targets";
    case Decision::Level::kRules:
      return "rules";
    case Decision::Level::kSubscriptions:
      break;
  }
  return "subscriptions";
}

TEST(TableRandom, AgreesWithARouterThatAsksEverybody) {
  Random random(20260109);
  std::map<std::string, int> seen;
  Decision decision;
  for (int round = 0; round < 300; ++round) {
    World world(random);
    Balancer balancer(static_cast<Balancing>(random() % kBalancingCount), random());
    for (int n = 0; n < 60; ++n) {
      if (n % 10 == 0) world.ChangeStates(random);
      const RandomEvent event(random);
      const Answer expected = NaiveRouter(world, event.view(), balancer).Route();
      const Explanation explanation = world.table.Explain(event.view(), balancer);
      world.table.Resolve(event.view(), balancer, decision);

      std::map<uint32_t, std::string> receivers;
      for (const auto& [subscription, rule] : decision.receivers) {
        const bool is_new =
            receivers.emplace(subscription, rule == Decision::kNoRule ? "" : world.rules[rule].id).second;
        ASSERT_TRUE(is_new);
      }
      ASSERT_EQ(receivers, expected.receivers) << "round " << round << " event " << n;
      ASSERT_TRUE(
          std::is_sorted(decision.receivers.begin(), decision.receivers.end(),
                         [](const auto& a, const auto& b) { return a.subscription < b.subscription; }));
      ASSERT_EQ(LevelOf(decision), expected.level);
      const auto by_kind = world.table.ResolveByKind(event.header.kind);
      if (by_kind.has_value() && event.header.addressing == Addressing::kToAll) {
        ++seen["by kind"];
        ASSERT_EQ(by_kind->size(), receivers.size());
        for (const uint32_t i : *by_kind) ASSERT_TRUE(receivers.contains(i));
      }
      ++seen[expected.level + (expected.picked.empty() ? "" : " of a group")];

      ASSERT_EQ(explanation.picked, expected.picked);
      ASSERT_EQ(explanation.subscriptions.size(), world.subscriptions.size());
      for (uint32_t i = 0; i < explanation.subscriptions.size(); ++i) {
        const auto& subscription = explanation.subscriptions[i];
        ASSERT_EQ(Receives(subscription.reason), expected.receivers.contains(i));
        ASSERT_EQ(subscription.rule, expected.receivers.contains(i) ? expected.receivers.at(i) : "");
      }
      ASSERT_EQ(explanation.rules.size(), world.rules.size());
      for (const auto& rule : explanation.rules) {
        ASSERT_TRUE(rule.reason != RuleReason::kGivesReceivers || expected.level == "rules");
      }
    }
  }
  for (const char* level :
       {"nobody", "targets", "rules", "subscriptions", "rules of a group", "subscriptions of a group"}) {
    EXPECT_GT(seen[level], 100) << level;
  }
}

}  // namespace
}  // namespace routebench::routing
