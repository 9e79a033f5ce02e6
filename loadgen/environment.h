// The machine and the build a run happened on.
#ifndef ROUTEBENCH_LOADGEN_ENVIRONMENT_H_
#define ROUTEBENCH_LOADGEN_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "record.pb.h"

namespace routebench::loadgen {

// Reads /proc and /sys and measures what a read of the clock costs (about a millisecond). What cannot be read
// stays empty.
record::Environment ReadEnvironment(const std::vector<std::string>& command_line);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_ENVIRONMENT_H_
