// The routing rules of a run.
#ifndef ROUTEBENCH_LOADGEN_WORKLOAD_RULES_H_
#define ROUTEBENCH_LOADGEN_WORKLOAD_RULES_H_

#include <vector>

#include "analysis/record/run_record.h"
#include "events/rule.h"

namespace routebench::loadgen {

// plan.rules() rules, or none where nobody takes anything. They cost what rules cost and do not change who
// receives: each is for one category, in rotation over those that somebody takes, and leads to all services
// that take it. The first of a category asks for its kinds only. Further ones ask in turn for an urgent
// priority (by a condition), for a source that begins like those of the category (by an expression), and for
// a metadata entry that no event has (found by index, never holds).
std::vector<Rule> PlanRules(const record::RunPlan& plan);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_WORKLOAD_RULES_H_
