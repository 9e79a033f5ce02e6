// Who receives: the services of a run, the categories they subscribe to, and what that amounts to.
#ifndef ROUTEBENCH_LOADGEN_WORKLOAD_SERVICES_H_
#define ROUTEBENCH_LOADGEN_WORKLOAD_SERVICES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/record/run_record.h"
#include "events/kind.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// A named size of a run.
struct Level {
  std::string_view name;
  uint64_t events;
  uint32_t services;
  uint64_t payload_bytes;
  double rate_per_s;
  uint32_t rules;
};
// light, medium, heavy, stress.
std::optional<Level> FindLevel(std::string_view name);

// Writes `count` services into the plan: service i takes the i-th category that the mix contains, in
// rotation, and every third one the next category as well.
void PlanServices(uint32_t count, record::RunPlan& plan);

// Kinds a planned service subscribes to.
KindSet KindsOf(const record::ServicePlan& service);

// Of the i-th service.
double WeightOf(const record::RunPlan& plan, size_t service);

// The ids of those that take a category, in the plan's order.
std::vector<std::string> TakersOf(const record::RunPlan& plan, Category category);

// Deliveries that an event of each kind amounts to: the services that want it; to-targets at most as many as
// it names, to-group at most one.
using ReceiverCounts = std::array<uint32_t, kKindCount>;
ReceiverCounts ReceiversByKind(const record::RunPlan& plan);

// Mean deliveries for each event of the schedule.
double FanOut(const Schedule& schedule, const record::RunPlan& plan);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_WORKLOAD_SERVICES_H_
