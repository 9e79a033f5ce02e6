// `loadgen record`: the real file-system events that a real command causes, as a trace.
#ifndef ROUTEBENCH_LOADGEN_TRACE_RECORD_COMMAND_H_
#define ROUTEBENCH_LOADGEN_TRACE_RECORD_COMMAND_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace routebench::loadgen {

struct RecordOptions {
  std::string watch;  // a directory
  std::string out;    // the trace; outside of `watch`, or recording would record itself
  bool anonymise = false;
  std::vector<std::string> command;  // looked for on PATH; inherits the standard streams
};

// Adds the subcommand; app.got_subcommand("record") tells whether it was chosen.
CLI::App* AddRecordCommand(CLI::App& app, RecordOptions& options);

// Watches, runs the command, writes the trace, and says on `err` what was recorded. Blocks until the command
// has ended. Returns the command's exit code, 128 + N where signal N ended it, 130 after SIGINT or SIGTERM
// (the command is asked to end, and killed when it does not; the trace is written), 1 with a sentence on
// `err` and no trace where recording failed. Call it before threads are started: it blocks the two signals
// for the calling thread and takes them itself.
int RunRecordCommand(const RecordOptions& options, std::ostream& err);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_TRACE_RECORD_COMMAND_H_
