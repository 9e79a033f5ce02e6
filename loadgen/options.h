// The command line of one run, and what its flags amount to.
#ifndef ROUTEBENCH_LOADGEN_OPTIONS_H_
#define ROUTEBENCH_LOADGEN_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "analysis/record/run_record.h"

namespace routebench::loadgen {

// Flags of a run as written; a nullopt or empty one was not given. Quantities are parsed by MakePlan, which
// names the flag in its errors.
struct RunOptions {
  std::string backend = "coordinator";
  std::string pattern = "steady";
  std::string level;
  std::optional<std::string> rate;
  std::optional<std::string> duration;
  std::optional<std::string> warmup;
  std::optional<uint64_t> events;
  std::optional<std::string> payload;
  std::string mix;
  std::optional<uint32_t> services;
  uint32_t publishers = 1;
  std::optional<uint32_t> clients;
  std::optional<uint32_t> load_processes;
  std::optional<std::string> idle;
  uint64_t seed = 1;
  std::string arrivals = "even";
  uint32_t outstanding = 0;  // closed loop when above 0
  std::string pacer = "sleep";
  std::string wait = "block";

  std::string policy = "block";
  uint64_t capacity = 4096;
  std::string block_deadline = "30s";
  std::string order = "fifo";
  uint32_t handler_threads = 2;

  std::string addressing = "to-all";
  std::optional<uint32_t> targets;
  std::optional<std::string> balancer;
  std::string weights;
  std::optional<uint32_t> concurrency;
  std::optional<uint32_t> rules;
  std::string delivery = "at-most-once";
  std::string exchange = "one-way";
  std::optional<std::string> request_timeout;
  std::optional<std::string> handler_time;
  std::optional<std::string> handler_work;
  std::optional<std::string> handler_failures;
  std::optional<uint32_t> retry;
  std::optional<std::string> retry_backoff;
  std::optional<std::string> breaker;
  std::optional<std::string> delivery_timeout;
  std::optional<std::string> expire_after;

  std::optional<uint64_t> burst_size;
  std::optional<std::string> burst_every;
  std::optional<double> burst_factor;
  std::optional<double> ramp_from;
  std::optional<double> ramp_to;
  std::optional<double> spike_factor;
  std::optional<std::string> spike_at;
  std::optional<std::string> spike_for;
  std::optional<std::string> spike_every;

  uint32_t stages = 128;
  std::string inject_delay;
  std::string inject_freeze;

  std::string replay;
  std::string speed = "1x";

  bool same_process = false;
  std::string endpoint;
  std::string token_file;
  std::string eventd;

  std::string out;
  bool json = false;
  bool print_plan = false;
  bool quiet = false;
  std::string campaign_place;  // record::CampaignPlace as JSON, from `loadgen campaign`
};

// Adds the flags of a run to `app`, in groups, with their defaults.
void AddRunFlags(CLI::App& app, RunOptions& options);

// The plan that the flags amount to, without replay's events (see trace/replay.h). InvalidArgument names the
// flag and says what would be right.
absl::StatusOr<record::RunPlan> MakePlan(const RunOptions& options);

// The names that --backend accepts, aliases included.
const std::vector<std::string>& BackendNames();

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_OPTIONS_H_
