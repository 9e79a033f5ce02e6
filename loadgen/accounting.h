// The books of a run: what was offered, what was to come of it, and what did (R22).
#ifndef ROUTEBENCH_LOADGEN_ACCOUNTING_H_
#define ROUTEBENCH_LOADGEN_ACCOUNTING_H_

#include <optional>

#include "analysis/record/run_record.h"
#include "events/outcome.h"
#include "loadgen/asker.h"
#include "loadgen/publisher.h"
#include "loadgen/workload/schedule.h"
#include "receiver.pb.h"

namespace routebench::loadgen {

// Brings the sides together into the record: its cells and its books. `statistics` is the router's view after
// the drain (absent when it could not be had); `answers` is there where requests were made. The record has
// its plan.
void Account(const Schedule& schedule, const OfferResults& offers,
             const std::optional<AnswerResults>& answers, const ReceiverReport& arrivals,
             const std::optional<RouterStatistics>& statistics, record::RunRecord& record);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_ACCOUNTING_H_
