// The routing decision alone. Bars: 150 ns for 50 services and 5 rules of which 1 holds; among 10,000
// selective subscriptions at most 3 times that among 10. Every event of a batch is another one, drawn at
// random.
#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "events/routing/table.h"
#include "tests/bench/ratio_reporter.h"

namespace routebench::bench {
namespace {

using routing::Balancer;
using routing::Decision;
using routing::EventView;
using routing::FilterSet;
using routing::RuleBook;
using routing::Service;
using routing::Table;

constexpr size_t kBatch = 1000;

std::string SourceId(uint64_t n) { return "watcher-" + std::to_string(n); }
std::string Tenant(uint64_t n) { return "tenant-" + std::to_string(n); }

struct Events {
  // `values` sources and as many tenants.
  explicit Events(uint64_t values) {
    std::mt19937_64 random(1);
    for (size_t i = 0; i < kBatch; ++i) {
      headers[i].kind = static_cast<EventKind>(random() % kKindCount);
      headers[i].priority = static_cast<Priority>(random() % kPriorityCount);
      attributes[i].source = {SourceId(random() % values), "watcher", "1"};
      attributes[i].metadata = {{"trace", std::to_string(random())}, {"tenant", Tenant(random() % values)}};
      attributes[i].targets = {"service-" + std::to_string(random() % 50)};
    }
  }
  EventView view(size_t i) const { return {headers[i], attributes[i], 512}; }

  std::array<EventHeader, kBatch> headers;
  std::array<Attributes, kBatch> attributes;
};

class Tables {
 public:
  void AddSubscription(const std::string& service, std::vector<Filter> filters) {
    subscriptions_.push_back({std::make_shared<Service>(routing::ServiceSettings{.id = service}),
                              std::make_shared<FilterSet>(*FilterSet::Compile(filters))});
  }
  void AddRule(const Rule& rule) {
    if (!rules_.Add(rule, [](const std::string&) { return true; }).ok()) std::abort();
  }
  // Of one category each; together they hold for every event but those of two categories.
  void AddCategoryRules() {
    for (int i = 0; i < 5; ++i) {
      AddRule({.id = "rule-" + std::to_string(i),
               .filter = {.kinds = KindSet::Of(static_cast<Category>(i))},
               .targets = {"service-" + std::to_string(10 * i)}});
    }
  }
  Table Make() const { return Table(subscriptions_, rules_.rules()); }

 private:
  std::vector<Table::Subscription> subscriptions_;
  RuleBook rules_;
};

// A batch is one iteration.
void Measure(benchmark::State& state, const Table& table, const Events& events) {
  Balancer balancer(Balancing::kRoundRobin, 1);
  Decision decision;
  size_t receivers = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < kBatch; ++i) {
      table.Resolve(events.view(i), balancer, decision);
      receivers += decision.receivers.size();
    }
  }
  const double decisions = static_cast<double>(state.iterations()) * kBatch;
  state.SetItemsProcessed(static_cast<int64_t>(decisions));
  state.counters["receivers"] = static_cast<double>(receivers) / decisions;
}

// One subscription for each service, one rule that holds for each event, one receiver.
void Decide(benchmark::State& state) {
  Tables tables;
  for (int i = 0; i < 50; ++i) tables.AddSubscription("service-" + std::to_string(i), {});
  tables.AddCategoryRules();
  Events events(1000);
  for (EventHeader& header : events.headers) {
    while (CategoryOf(header.kind) >= Category::kSystem) {
      header.kind = static_cast<EventKind>(static_cast<size_t>(header.kind) * 7 % 35);
    }
    header.addressing = static_cast<Addressing>(state.range(0));
  }
  Measure(state, tables.Make(), events);
}
BENCHMARK(Decide)->ArgName("addressing")->Arg(0)->Arg(1)->Arg(2);

// Each subscription wants one source (even ones) or one tenant (odd ones); about one matches.
void Selective(benchmark::State& state) {
  const auto count = static_cast<uint64_t>(state.range(0));
  Tables tables;
  for (uint64_t i = 0; i < count; ++i) {
    Filter filter;
    if (i % 2 == 0) filter.sources = {{.id = SourceId(i)}};
    if (i % 2 == 1) filter.metadata = {{"tenant", Tenant(i)}};
    tables.AddSubscription("service-" + std::to_string(i), {filter});
  }
  for (int64_t r = 0; r < state.range(1); ++r) {
    // None of them holds: what rules cost that are not meant.
    tables.AddRule({.id = "rule-" + std::to_string(r),
                    .filter = {.metadata = {{"tenant", "nobody-" + std::to_string(r)}}},
                    .targets = {"service-0"}});
  }
  Measure(state, tables.Make(), Events(count));
}
BENCHMARK(Selective)
    ->ArgNames({"subscriptions", "rules"})
    ->ArgsProduct({{10, 100, 1000, 10'000, 100'000}, {0, 10, 1000}});

// No index helps: every subscription is asked, and about one wants the event. So is every rule.
void Unselective(benchmark::State& state) {
  const auto count = static_cast<uint64_t>(state.range(0));
  Tables tables;
  for (uint64_t i = 0; i < count; ++i) {
    tables.AddSubscription("service-" + std::to_string(i),
                           {{.expression = "source.id ends with '-" + std::to_string(i) + "'"}});
  }
  for (int64_t r = 0; r < state.range(1); ++r) {
    tables.AddRule({.id = "rule-" + std::to_string(r),
                    .filter = {.expression = "size > " + std::to_string(1000 + r)},
                    .targets = {"service-0"}});
  }
  Measure(state, tables.Make(), Events(count));
}
BENCHMARK(Unselective)
    ->ArgNames({"subscriptions", "rules"})
    ->ArgsProduct({{10, 1000, 100'000}, {0, 1000}})
    ->Unit(benchmark::kMicrosecond);

// Everybody wants everything: what is left is writing the receivers down.
void Everybody(benchmark::State& state) {
  Tables tables;
  for (int64_t i = 0; i < state.range(0); ++i) tables.AddSubscription("service-" + std::to_string(i), {});
  Measure(state, tables.Make(), Events(10));
}
BENCHMARK(Everybody)->ArgName("subscriptions")->Arg(1)->Arg(10)->Arg(1000);

// What each change of the subscriptions costs: the table is replaced whole.
void Build(benchmark::State& state) {
  Tables tables;
  for (int64_t i = 0; i < state.range(0); ++i) {
    tables.AddSubscription("service-" + std::to_string(i),
                           {{.sources = {{.id = SourceId(static_cast<uint64_t>(i))}}}});
  }
  for (auto _ : state) benchmark::DoNotOptimize(tables.Make());
}
BENCHMARK(Build)
    ->ArgName("subscriptions")
    ->RangeMultiplier(10)
    ->Range(10, 100'000)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace routebench::bench

int main(int argc, char** argv) {
  return routebench::bench::RunWithRatios(argc, argv,
                                          {{.title = "10,000 selective subscriptions beside 10",
                                            .ours = "Selective/subscriptions:10000/rules:0",
                                            .limit = "Selective/subscriptions:10/rules:0",
                                            .counter = "items_per_second",
                                            .bar = 1.0 / 3}});
}
