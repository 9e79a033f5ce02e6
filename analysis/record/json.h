// One run as a flat JSON object, schema routebench.run.v1: the output of `loadgen --json`. docs/json.md lists
// the keys.
#ifndef ROUTEBENCH_ANALYSIS_RECORD_JSON_H_
#define ROUTEBENCH_ANALYSIS_RECORD_JSON_H_

#include <string>

#include "record.pb.h"

namespace routebench::record {

// One line for each key, with a final newline. Integers are numbers, units are in the names, a key whose
// value is not known is absent. Text that is not UTF-8 has its bad bytes replaced.
std::string RunToJson(const RunRecord& record);

}  // namespace routebench::record

#endif  // ROUTEBENCH_ANALYSIS_RECORD_JSON_H_
