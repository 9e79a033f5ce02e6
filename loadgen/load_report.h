// What came of publishing, as a message from the process that published.
#ifndef ROUTEBENCH_LOADGEN_LOAD_REPORT_H_
#define ROUTEBENCH_LOADGEN_LOAD_REPORT_H_

#include "absl/status/status.h"
#include "loadgen/load.h"
#include "loadgen/workload/schedule.h"
#include "receiver.pb.h"

namespace routebench::loadgen {

LoadReport ToReport(const LoadResults& results, const Schedule& schedule);
// Adds it to `results`, of the same schedule. Internal where it is none of such a load.
absl::Status MergeReport(const LoadReport& report, const Schedule& schedule, LoadResults& results);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_LOAD_REPORT_H_
