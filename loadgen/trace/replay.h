// A trace as the input of a run: its events, sent with their real distances in time.
#ifndef ROUTEBENCH_LOADGEN_TRACE_REPLAY_H_
#define ROUTEBENCH_LOADGEN_TRACE_REPLAY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "analysis/record/run_record.h"
#include "loadgen/trace/cloud_events.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

struct Trace {
  std::vector<TraceEvent> events;   // by time; events of one instant in the file's order
  uint64_t unknown_types = 0;       // events kept as custom
  uint64_t out_of_order = 0;        // lines that were earlier than a line before them, and were sorted
  uint64_t first_out_of_order = 0;  // the first such line, from 1; 0: none
};

// Limits of a trace in memory: its events, and the bytes of its bodies.
inline constexpr size_t kMaxTraceEvents = 5'000'000;
inline constexpr size_t kMaxTraceBytes = size_t{1} << 30;

// Reads the whole trace. Errors name path and line; InvalidArgument for one without events or above the
// limits.
absl::StatusOr<Trace> ReadTrace(const std::string& path);

// The schedule that keeps the trace's distances divided by plan.speed(); events go to the plan's publishers
// in turn, PlannedEvent::trace_index is the index into trace.events, there is no warm-up. Writes into the
// plan what the trace decides: pattern, loop, arrivals, rate, warm-up, duration, events, payload sizes and
// mix. InvalidArgument when it would last longer than a day.
absl::StatusOr<Schedule> MakeReplaySchedule(const Trace& trace, record::RunPlan& plan);

// What there is to say about a trace before it is used (unknown types, times out of order); empty: nothing.
std::string RemarksOn(const Trace& trace);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_TRACE_REPLAY_H_
