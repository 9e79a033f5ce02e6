// What a run is going to offer, fixed before it starts.
#ifndef ROUTEBENCH_LOADGEN_WORKLOAD_SCHEDULE_H_
#define ROUTEBENCH_LOADGEN_WORKLOAD_SCHEDULE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "analysis/record/run_record.h"
#include "events/event.h"

namespace routebench::loadgen {

struct PlannedEvent {
  int64_t due_ns = 0;  // from the start of the run, warm-up included
  uint32_t payload_bytes = 0;
  uint32_t trace_index = 0;  // replay only: which event of the trace
  EventKind kind = EventKind::kCustom;
  Priority priority = Priority::kNormal;
  uint8_t phase = 0;  // index into Schedule::phases
  uint16_t publisher = 0;
};

struct Schedule {
  std::vector<PlannedEvent> events;  // by due time
  std::vector<std::string> phases;   // the first is "warmup"
  int64_t end_ns = 0;                // of the measured part
  uint64_t hash = 0;                 // FNV-1a of all events' fields: equal on every machine for equal plans
};

inline constexpr uint64_t kMaxEvents = 50'000'000;

// The plan's schedule: its pattern, mix, arrivals and seed. The same plan gives the same schedule, to the
// bit, on every machine. InvalidArgument where the plan cannot be offered.
absl::StatusOr<Schedule> MakeSchedule(const record::RunPlan& plan);

// Sets Schedule::hash from the events.
void SetHash(Schedule& schedule);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_WORKLOAD_SCHEDULE_H_
