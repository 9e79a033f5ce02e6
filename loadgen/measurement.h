// One run, from its first due time to the accounted and judged record.
#ifndef ROUTEBENCH_LOADGEN_MEASUREMENT_H_
#define ROUTEBENCH_LOADGEN_MEASUREMENT_H_

#include "absl/status/status.h"
#include "analysis/record/run_record.h"
#include "loadgen/input.h"
#include "loadgen/interrupt.h"
#include "loadgen/output.h"
#include "loadgen/stage.h"

namespace routebench::loadgen {

// Publishes the input on a started stage, waits for what is in flight, and fills the record, whose plan is
// set. Blocks for the length of the run; an interrupt ends it early, which the record says. The record holds
// what is known even where the status is not OK: somebody died, or deliveries stayed in flight for a minute.
absl::Status Measure(const Input& input, Stage& stage, Interrupt& interrupt, ProgressLine& progress,
                     record::RunRecord& record);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_MEASUREMENT_H_
