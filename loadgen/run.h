// One run: from a plan to a record.
#ifndef ROUTEBENCH_LOADGEN_RUN_H_
#define ROUTEBENCH_LOADGEN_RUN_H_

#include <iosfwd>

#include "loadgen/exit_codes.h"
#include "loadgen/options.h"

namespace routebench::loadgen {

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
