// One run: from a plan to a record.
#ifndef ROUTEBENCH_LOADGEN_RUN_H_
#define ROUTEBENCH_LOADGEN_RUN_H_

#include <iosfwd>

#include "loadgen/options.h"

namespace routebench::loadgen {

// Exit codes of the design, shared by all executables.
inline constexpr int kExitOk = 0;
inline constexpr int kExitError = 1;
inline constexpr int kExitInvalid = 4;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitInterrupted = 130;

struct Streams {
  std::ostream& out;  // the answer
  std::ostream& err;  // progress and errors
};

// Runs the plan that `options` amount to: starts what it needs, warms up, measures, drains, balances the
// books, writes the record, prints the summary, and stops what it started, on every path. Blocks for the
// length of the run. SIGINT and SIGTERM, which the caller has blocked in all threads, end it early. Returns
// an exit code.
int RunOnce(const RunOptions& options, int argc, const char* const* argv, Streams streams);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_RUN_H_
