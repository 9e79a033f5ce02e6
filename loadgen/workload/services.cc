#include "loadgen/workload/services.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/str_cat.h"

namespace routebench::loadgen {
namespace {

constexpr std::array<Level, 4> kLevels = {{{"light", 100, 3, 512, 100, 2},
                                           {"medium", 1'000, 10, 1024, 1'000, 5},
                                           {"heavy", 10'000, 50, 4096, 2'500, 20},
                                           {"stress", 100'000, 100, 8192, 10'000, 50}}};

}  // namespace

std::optional<Level> FindLevel(std::string_view name) {
  for (const Level& level : kLevels) {
    if (level.name == name) return level;
  }
  return std::nullopt;
}

void PlanServices(uint32_t count, record::RunPlan& plan) {
  std::vector<std::string> categories;
  for (const record::ShareOfKind& share : plan.mix()) {
    if (share.percent() > 0) categories.push_back(share.category());
  }
  plan.clear_services();
  for (uint32_t i = 0; i < count; ++i) {
    record::ServicePlan& service = *plan.add_services();
    service.set_id(absl::StrCat("service-", i + 1));
    service.add_categories(categories[i % categories.size()]);
    if (i % 3 == 2 && categories.size() > 1) service.add_categories(categories[(i + 1) % categories.size()]);
  }
}

KindSet KindsOf(const record::ServicePlan& service) {
  KindSet kinds;
  for (const std::string& name : service.categories()) {
    if (const auto category = ParseCategory(name)) kinds = kinds | KindSet::Of(*category);
  }
  return kinds;
}

double WeightOf(const record::RunPlan& plan, size_t service) {
  return plan.weights().empty() ? 1 : plan.weights(static_cast<int>(service) % plan.weights_size());
}

std::vector<std::string> TakersOf(const record::RunPlan& plan, Category category) {
  std::vector<std::string> takers;
  for (const record::ServicePlan& service : plan.services()) {
    for (const std::string& name : service.categories()) {
      if (name != Name(category)) continue;
      takers.push_back(service.id());
      break;
    }
  }
  return takers;
}

std::array<uint32_t, kKindCount> ReceiversByKind(const record::RunPlan& plan) {
  std::array<uint32_t, kKindCount> receivers{};
  for (const record::ServicePlan& service : plan.services()) {
    const KindSet kinds = KindsOf(service);
    for (size_t k = 0; k < kKindCount; ++k) receivers[k] += kinds.Contains(static_cast<EventKind>(k)) ? 1 : 0;
  }
  const uint32_t most = plan.addressing() == "to-group"     ? 1
                        : plan.addressing() == "to-targets" ? plan.targets()
                                                            : UINT32_MAX;
  for (uint32_t& count : receivers) count = std::min(count, most);
  return receivers;
}

double FanOut(const Schedule& schedule, const record::RunPlan& plan) {
  const auto receivers = ReceiversByKind(plan);
  double deliveries = 0;
  for (const PlannedEvent& event : schedule.events) deliveries += receivers[static_cast<size_t>(event.kind)];
  return schedule.events.empty() ? 0 : deliveries / static_cast<double>(schedule.events.size());
}

}  // namespace routebench::loadgen
