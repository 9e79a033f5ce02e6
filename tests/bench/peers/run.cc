#include "tests/bench/peers/run.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "loadgen/exit_codes.h"
#include "loadgen/interrupt.h"
#include "tests/bench/peers/comparison.h"
#include "tests/bench/peers/measure.h"
#include "tests/bench/peers/options.h"
#include "tests/bench/peers/output.h"

namespace routebench::bench {
namespace {

struct Arm {
  const Broker* broker;
  Measure measure;
  Placement placement;
};

// Keeps what was asked for; empty: a name is unknown, which `unknown` then holds.
std::vector<Broker> Choose(const Options& options, std::string& unknown) {
  std::vector<Broker> all = AllBrokers(options.eventd);
  if (options.brokers.empty()) return all;
  std::vector<Broker> chosen;
  for (const std::string& name : options.brokers) {
    const auto it = std::find_if(all.begin(), all.end(), [&](const Broker& b) { return b.name == name; });
    if (it == all.end()) {
      unknown = name;
      return {};
    }
    chosen.push_back(*it);
  }
  return chosen;
}

std::vector<Arm> ArmsOf(const Options& options, const std::vector<Broker>& brokers) {
  std::vector<Arm> arms;
  for (const Broker& broker : brokers) {
    if (!broker.missing.empty()) continue;
    if (options.measure != "round-trip") {
      for (const Placement& placement : OneWayPlacements())
        arms.push_back({&broker, Measure::kOneWay, placement});
    }
    if (options.measure != "one-way") {
      for (const Placement& placement : RoundTripPlacements())
        arms.push_back({&broker, Measure::kRoundTrip, placement});
    }
  }
  return arms;
}

Run RunArm(const Arm& arm, const Options& options, size_t block) {
  Run run{
      .block = block, .measure = arm.measure, .broker = arm.broker->name, .placement = arm.placement.name};
  absl::Status status;
  if (arm.measure == Measure::kOneWay) {
    const auto rate = MeasureOneWay(*arm.broker, arm.placement, options.events, options.window);
    status = rate.status();
    if (rate.ok()) run.figure = *rate;
  } else {
    const auto trip = MeasureRoundTrip(*arm.broker, arm.placement, options.trips);
    status = trip.status();
    if (trip.ok()) {
      run.figure = trip->p50_us;
      run.p99_us = trip->p99_us;
    }
  }
  run.invalid = std::string(status.message());
  return run;
}

std::vector<Run> RunBlocks(const Options& options, std::vector<Arm> arms, loadgen::Interrupt& interrupt,
                           std::ostream& err) {
  std::mt19937_64 random(options.seed);
  std::shuffle(arms.begin(), arms.end(), random);
  const bool progress = !options.quiet && isatty(STDERR_FILENO) == 1;
  std::vector<Run> runs;
  for (size_t block = 1; block <= options.blocks; ++block) {
    for (const Arm& arm : arms) {
      if (progress)
        err << absl::StrFormat("\r\033[Kblock %d of %d: %s, %s, %s", block, options.blocks, arm.broker->name,
                               Name(arm.measure), arm.placement.name)
            << std::flush;
      runs.push_back(RunArm(arm, options, block));
      if (interrupt.WaitFor(Duration::zero())) break;
    }
    if (interrupt.flag().load()) break;
    std::reverse(arms.begin(), arms.end());
  }
  if (progress) err << "\r\033[K" << std::flush;
  return runs;
}

}  // namespace

int RunPeers(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CLI::App app("The same events through our daemon and through other brokers.", "peers_bench");
  Options options;
  AddFlags(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? loadgen::kExitOk : loadgen::kExitUsage;
  }
  std::string unknown;
  const std::vector<Broker> brokers = Choose(options, unknown);
  if (!unknown.empty()) {
    err << "peers_bench: --brokers: " << unknown << " is not one of";
    for (const Broker& broker : AllBrokers(options.eventd)) err << " " << broker.name;
    err << "\n";
    return loadgen::kExitUsage;
  }
  if (options.seed == 0) options.seed = std::random_device()();
  signal(SIGPIPE, SIG_IGN);
  loadgen::Interrupt interrupt;
  const std::vector<Arm> arms = ArmsOf(options, brokers);
  const std::vector<Run> runs = RunBlocks(options, arms, interrupt, err);
  if (interrupt.flag().load()) return loadgen::kExitInterrupted;
  (options.json ? PrintJson : PrintTable)(options, brokers, runs, Compare(brokers, runs), out);
  if (runs.empty()) return loadgen::kExitError;
  const bool invalid = std::any_of(runs.begin(), runs.end(), [](const Run& r) { return !r.invalid.empty(); });
  return invalid ? loadgen::kExitInvalid : loadgen::kExitOk;
}

}  // namespace routebench::bench
