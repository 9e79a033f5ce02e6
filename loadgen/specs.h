// What a plan's receivers register, as a router wants it.
#ifndef ROUTEBENCH_LOADGEN_SPECS_H_
#define ROUTEBENCH_LOADGEN_SPECS_H_

#include <cstddef>
#include <string>

#include "analysis/record/run_record.h"
#include "events/router.h"

namespace routebench::loadgen {

// On the publishing and on the receiving side.
RouterOptions RouterOptionsOf(const record::RunPlan& plan);
Guarantee GuaranteeOf(const record::RunPlan& plan);

QueueOrder OrderOf(const record::RunPlan& plan);

// Of the plan's `index`-th service. It is preferred to those after it (Balancing::kPriorityBased).
ServiceSpec ServiceSpecOf(const record::RunPlan& plan, size_t index);
// Its subscription. `run_id` makes the name of an at-least-once subscription unique.
SubscriptionSpec SubscriptionSpecOf(const record::RunPlan& plan, size_t index, const std::string& run_id);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_SPECS_H_
