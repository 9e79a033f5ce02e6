// Validity: whether a run measured what it was asked to measure.
#ifndef ROUTEBENCH_LOADGEN_GATES_H_
#define ROUTEBENCH_LOADGEN_GATES_H_

#include "analysis/record/run_record.h"
#include "loadgen/publisher.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// Judges the accounted record and adds its gates, each with a sentence that holds the figures:
//   offered_load  every phase of the measured part was offered within 2 % of its plan, and in time (open
//   loop) accounting    the books balance; no duplicate, no event out of order, none of another run self_lag
//   the generator's own lateness at p99 is below a tenth of the response's p99, or below 200 us clock never
//   ran backwards interrupted   the run was not cut short
// A run that fails one is invalid, never slow.
void JudgeRun(const Schedule& schedule, const OfferResults& offers, uint64_t foreign,
              record::RunRecord& record);

// All gates passed.
bool IsValid(const record::RunRecord& record);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_GATES_H_
