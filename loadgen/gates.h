// Validity: whether a run measured what it was asked to measure.
#ifndef ROUTEBENCH_LOADGEN_GATES_H_
#define ROUTEBENCH_LOADGEN_GATES_H_

#include "analysis/record/run_record.h"
#include "loadgen/publisher.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// Judges the accounted record and adds its gates, each with a sentence that holds the figures:
//
//   offered_load  every phase of the measured part was offered within 2 % of its plan, and in time
//   accounting    the books balance; no duplicate, no event out of order, none of another run
//   self_lag      (open loop) the generator's lateness at p99 is at most a tenth of the response's p99, or
//                 200 us. Its waits for a processor do not count where others used at most 10 % of the
//                 processors' time
//   clock         never ran backwards
//   stages        (sampled events) every sampled delivery passed its marks in order, the same as the others,
//   and
//                 its stages sum to its response
//   interrupted   the run was not cut short
//
// A run that fails one is invalid, never slow.
void JudgeRun(const Schedule& schedule, const OfferResults& offers, uint64_t foreign,
              record::RunRecord& record);

// All gates passed.
bool IsValid(const record::RunRecord& record);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_GATES_H_
