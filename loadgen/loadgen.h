// The loadgen executable: one run by default, and its subcommands.
#ifndef ROUTEBENCH_LOADGEN_LOADGEN_H_
#define ROUTEBENCH_LOADGEN_LOADGEN_H_

#include <iosfwd>

namespace routebench::loadgen {

// Parses the command line and does what it says. Returns the exit code; see docs/exit-codes in the README.
// Call it from the main thread before any other is started.
int Run(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_LOADGEN_H_
