// What a run with many clients says about them, for people and for programs.
#ifndef ROUTEBENCH_ANALYSIS_RECORD_CLIENTS_H_
#define ROUTEBENCH_ANALYSIS_RECORD_CLIENTS_H_

#include <string>
#include <utility>
#include <vector>

#include "record.pb.h"

namespace routebench::record {

// Keys of routebench.run.v1 with their values; what is not known is left out.
std::vector<std::pair<std::string, double>> ClientFigures(const RunRecord& record);

// Lines of the summary, each a heading and its text. None where the run has no such clients.
std::vector<std::pair<std::string, std::string>> ClientLines(const RunRecord& record);

}  // namespace routebench::record

#endif  // ROUTEBENCH_ANALYSIS_RECORD_CLIENTS_H_
