// `loadgen campaign`: paired runs in blocks, so that a drift of the machine does not become a difference of
// the backends.
#ifndef ROUTEBENCH_LOADGEN_CAMPAIGN_CAMPAIGN_H_
#define ROUTEBENCH_LOADGEN_CAMPAIGN_CAMPAIGN_H_

#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace routebench::loadgen {

struct CampaignOptions {
  std::string a = "coordinator";
  std::string b = "daemon";
  std::vector<std::string> cells;  // PATTERN:BLOCKS or replay=FILE:BLOCKS
  std::string primary_metric = "p99";
  uint64_t seed = 1;
  std::string out;  // directory of the records; made when missing, its runs must not exist yet
  bool floor = false;
  bool dry_run = false;
  bool progress = false;               // rewrite one line on `err`: set where that is a terminal
  std::string executable;              // what is started for each run; empty: this program's own
  std::vector<std::string> run_flags;  // passed on to every run that takes them
};

// Adds the subcommand; what follows `--` is passed on to every run.
CLI::App* AddCampaignCommand(CLI::App& app, CampaignOptions& options);

// Prints what it will do, runs it, and prints where the records are. Every run is a process of its own,
// started as `EXECUTABLE --backend B --pattern P --seed S --out FILE --campaign-place JSON RUN_FLAGS`; flags
// that only a daemon takes are left out of the runs of an arm that is none.
// Blocks. Returns 0; 1 when a run could not be carried out, with its words on `err`, or a file could not be
// written; 4 when every run was carried out and some are invalid; 64 for options that make no sense; 130
// after SIGINT or SIGTERM. Finished records are kept whatever happens. Call it before threads are started: it
// takes the two signals.
int RunCampaign(const CampaignOptions& options, std::ostream& out, std::ostream& err);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_CAMPAIGN_CAMPAIGN_H_
