#include "loadgen/input.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loadgen/trace/replay.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

// The mix of a trace is known only once it has been read, and with it who subscribes to what.
absl::StatusOr<Schedule> ScheduleTrace(const Trace& trace, record::RunPlan& plan) {
  auto schedule = MakeReplaySchedule(trace, plan);
  if (schedule.ok()) PlanServices(static_cast<uint32_t>(plan.services_size()), plan);
  return schedule;
}

}  // namespace

absl::StatusOr<Input> ReadInput(record::RunPlan& plan) {
  if (plan.trace().empty()) {
    auto schedule = MakeSchedule(plan);
    if (!schedule.ok()) return schedule.status();
    auto corpus = Corpus::ForSchedule(*schedule, plan.seed());
    if (!corpus.ok())
      return absl::InvalidArgumentError(absl::StrCat("--payload: ", std::string(corpus.status().message())));
    return Input{*std::move(schedule), *std::move(corpus), ""};
  }
  auto trace = ReadTrace(plan.trace());
  if (!trace.ok()) return trace.status();
  auto schedule = ScheduleTrace(*trace, plan);
  if (!schedule.ok()) return schedule.status();
  const std::string remarks = RemarksOn(*trace);
  std::vector<Event> events;
  for (TraceEvent& event : trace->events) events.push_back(std::move(event.event));
  Corpus corpus = Corpus::OfTrace(*schedule, std::move(events));
  return Input{*std::move(schedule), std::move(corpus), remarks};
}

absl::StatusOr<Schedule> ReadSchedule(record::RunPlan& plan) {
  if (plan.trace().empty()) return MakeSchedule(plan);
  const auto trace = ReadTrace(plan.trace());
  if (!trace.ok()) return trace.status();
  return ScheduleTrace(*trace, plan);
}

}  // namespace routebench::loadgen
