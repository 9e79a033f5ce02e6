// The part of the command line that is about many clients, each with a connection of its own.
#ifndef ROUTEBENCH_LOADGEN_OPTIONS_CLIENTS_H_
#define ROUTEBENCH_LOADGEN_OPTIONS_CLIENTS_H_

#include <cstdint>

#include "CLI/CLI.hpp"
#include "analysis/record/run_record.h"
#include "loadgen/flag_reader.h"
#include "loadgen/options.h"

namespace routebench::loadgen {

inline constexpr uint32_t kMostClients = 4000;  // a router takes 4096 services, and who asks registers one

void AddClientsFlags(CLI::App& app, RunOptions& options);

// Writes into the plan what the flags amount to; errors go to the reader. The plan's backend and publishers
// are set: with clients there are as many publishers as clients.
void SetClients(const RunOptions& options, FlagReader& reader, record::RunPlan& plan);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_OPTIONS_CLIENTS_H_
