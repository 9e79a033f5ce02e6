// The part of the command line that is about the stage clock: how many events carry times, and what a test
// injects at its marks.
#ifndef ROUTEBENCH_LOADGEN_OPTIONS_STAGES_H_
#define ROUTEBENCH_LOADGEN_OPTIONS_STAGES_H_

#include "CLI/CLI.hpp"
#include "analysis/record/run_record.h"
#include "events/stage_injection.h"
#include "loadgen/flag_reader.h"
#include "loadgen/options.h"

namespace routebench::loadgen {

void AddStageFlags(CLI::App& app, RunOptions& options);

// Writes into the plan what the flags amount to; errors go to the reader. The plan's backend is set.
void SetStages(const RunOptions& options, FlagReader& reader, record::RunPlan& plan);

// What the plan's processes are to inject; every mark belongs to one of them.
StageInjection InjectionOf(const record::RunPlan& plan);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_OPTIONS_STAGES_H_
