// What a run sends, from its plan: a pattern's schedule with sampled bodies, or a trace with its own.
#ifndef ROUTEBENCH_LOADGEN_INPUT_H_
#define ROUTEBENCH_LOADGEN_INPUT_H_

#include <string>

#include "absl/status/statusor.h"
#include "analysis/record/run_record.h"
#include "loadgen/corpus.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

struct Input {
  Schedule schedule;
  Corpus corpus;
  std::string remarks;  // what there is to say about a trace; may be empty
};

// Completes the plan with what its trace decides, if it has one. Errors: InvalidArgument where the plan or
// the trace cannot be offered, those of ReadTrace.
absl::StatusOr<Input> ReadInput(record::RunPlan& plan);

// The schedule alone, for a process that only receives: equal for equal plans.
absl::StatusOr<Schedule> ReadSchedule(record::RunPlan& plan);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_INPUT_H_
