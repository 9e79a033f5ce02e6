// One run as text for a terminal: what loadgen prints at the end and `analysis show` prints later.
#ifndef ROUTEBENCH_ANALYSIS_RECORD_SUMMARY_H_
#define ROUTEBENCH_ANALYSIS_RECORD_SUMMARY_H_

#include <string>

#include "record.pb.h"

namespace routebench::record {

// The record has passed CheckRunRecord. Several lines, at most 110 columns for usual figures, final newline.
std::string RenderSummary(const RunRecord& record);

}  // namespace routebench::record

#endif  // ROUTEBENCH_ANALYSIS_RECORD_SUMMARY_H_
