// The part of the command line that is about receiving: who gets an event, what its handler does, and what is
// promised.
#ifndef ROUTEBENCH_LOADGEN_OPTIONS_RECEIVING_H_
#define ROUTEBENCH_LOADGEN_OPTIONS_RECEIVING_H_

#include <cstdint>

#include "CLI/CLI.hpp"
#include "analysis/record/run_record.h"
#include "loadgen/flag_reader.h"
#include "loadgen/options.h"

namespace routebench::loadgen {

void AddReceivingFlags(CLI::App& app, RunOptions& options);

// Writes into the plan what the flags amount to; errors go to the reader. The plan's backend is set.
void SetReceiving(const RunOptions& options, FlagReader& reader, record::RunPlan& plan);
// `by_level` is the number of rules where no flag says it.
void SetRules(const RunOptions& options, uint32_t by_level, FlagReader& reader, record::RunPlan& plan);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_OPTIONS_RECEIVING_H_
