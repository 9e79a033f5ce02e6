#include "loadgen/addresses.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "loadgen/workload/random.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

// Not the numbers that the schedule is drawn from.
constexpr uint64_t kStream = 0x7461726765747321;

std::vector<std::string> Neighbours(const std::vector<std::string>& takers, size_t first, size_t count) {
  std::vector<std::string> targets;
  for (size_t i = 0; i < std::min(count, takers.size()); ++i)
    targets.push_back(takers[(first + i) % takers.size()]);
  return targets;
}

}  // namespace

Addresses::Addresses(const record::RunPlan& plan, const Schedule& schedule, const Corpus& corpus) {
  if (plan.addressing() == "to-group") addressing_ = Addressing::kToGroup;
  if (plan.addressing() != "to-targets") return;
  addressing_ = Addressing::kToTargets;
  NameTargets(plan, schedule, corpus);
}

void Addresses::NameTargets(const record::RunPlan& plan, const Schedule& schedule, const Corpus& corpus) {
  std::vector<std::vector<std::string>> takers;
  for (size_t c = 0; c < kCategoryCount; ++c) takers.push_back(TakersOf(plan, static_cast<Category>(c)));
  // Attributes without targets, the category, the first target. A pointer decides nothing but what is shared.
  std::map<std::tuple<const Attributes*, size_t, size_t>, uint32_t> known;
  Random random(Random(plan.seed() ^ kStream).Next());
  attributes_of_.reserve(schedule.events.size());
  for (size_t i = 0; i < schedule.events.size(); ++i) {
    const Event& event = corpus.events()[corpus.EventOf(i)];
    const auto category = static_cast<size_t>(CategoryOf(schedule.events[i].kind));
    const size_t first = takers[category].empty() ? 0 : random.Below(takers[category].size());
    const auto [entry, is_new] = known.try_emplace({event.attributes.get(), category, first},
                                                   static_cast<uint32_t>(attributes_.size()));
    if (is_new) {
      auto attributes = std::make_shared<Attributes>(AttributesOf(event));
      attributes->targets = Neighbours(takers[category], first, plan.targets());
      attributes_.push_back(std::move(attributes));
    }
    attributes_of_.push_back(entry->second);
  }
}

}  // namespace routebench::loadgen
