#include "tests/bench/peers/output.h"

#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loadgen/environment.h"

namespace routebench::bench {
namespace {

std::string Today() {
  const time_t now = std::time(nullptr);
  tm utc;
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string Value(Measure measure, double value) {
  return measure == Measure::kOneWay ? absl::StrFormat("%.0f k/s", value / 1e3)
                                     : absl::StrFormat("%.1f us", value);
}

std::string Bound(double value) {
  return std::isfinite(value) ? absl::StrFormat("%.2f", value) : "unbounded";
}

void PrintFigures(Measure measure, const Comparison& comparison, std::ostream& out) {
  out << absl::StrFormat("\n%s, %s\n  %-12s %-14s %12s %26s %10s %5s\n", Name(measure),
                         measure == Measure::kOneWay ? "events per second" : "p50 of one outstanding",
                         "broker", "placement", "median", "lowest to highest", "p99", "runs");
  for (const Figure& figure : comparison.figures) {
    if (figure.measure != measure) continue;
    out << absl::StrFormat(
        "%s %-12s %-14s %12s %26s %10s %5d\n", figure.best ? " *" : "  ", figure.broker, figure.placement,
        Value(measure, figure.median),
        absl::StrCat(Value(measure, figure.lowest), " to ", Value(measure, figure.highest)),
        measure == Measure::kOneWay ? "" : Value(measure, figure.p99_us), figure.runs);
  }
}

nlohmann::ordered_json FiguresJson(const Comparison& comparison) {
  auto figures = nlohmann::ordered_json::array();
  for (const Figure& figure : comparison.figures) {
    nlohmann::ordered_json json = {{"measure", Name(figure.measure)}, {"broker", figure.broker},
                                   {"placement", figure.placement},   {"runs", figure.runs},
                                   {"median", figure.median},         {"lowest", figure.lowest},
                                   {"highest", figure.highest},       {"best", figure.best}};
    if (figure.measure == Measure::kRoundTrip) json["p99_us"] = figure.p99_us;
    figures.push_back(std::move(json));
  }
  return figures;
}

// JSON has no infinity: an end that is not bounded is absent.
void SetBound(nlohmann::ordered_json& json, const char* key, double value) {
  if (std::isfinite(value)) json[key] = value;
}

nlohmann::ordered_json RatiosJson(const Comparison& comparison) {
  auto ratios = nlohmann::ordered_json::array();
  for (const Ratio& ratio : comparison.ratios) {
    nlohmann::ordered_json json = {{"measure", Name(ratio.measure)},
                                   {"ours", ratio.ours},
                                   {"peer", ratio.peer},
                                   {"placement", ratio.placement},
                                   {"blocks", ratio.estimate.blocks},
                                   {"ratio", ratio.estimate.ratio},
                                   {"p", ratio.estimate.p}};
    SetBound(json, "low95", ratio.estimate.interval95.low);
    SetBound(json, "high95", ratio.estimate.interval95.high);
    ratios.push_back(std::move(json));
  }
  return ratios;
}

}  // namespace

void PrintTable(const Options& options, const std::vector<Broker>& brokers, const std::vector<Run>& runs,
                const Comparison& comparison, std::ostream& out) {
  const record::Environment machine = loadgen::ReadEnvironment({});
  out << absl::StrFormat("%s, %s, %d processors, %s, %s build\n", Today(), machine.cpu_model(),
                         machine.cpus(), machine.kernel(), machine.build_type())
      << absl::StrFormat("%d blocks, seed %d: %d events of %d B in a window of %d one way, %d round trips\n",
                         options.blocks, options.seed, options.events, kBodyBytes, options.window,
                         options.trips);
  for (const Broker& broker : brokers) {
    out << absl::StrFormat("  %-12s %s\n", broker.name,
                           broker.missing.empty() ? absl::StrCat(broker.version, "; ", broker.settings)
                                                  : absl::StrCat("skipped: ", broker.missing));
  }
  for (const Measure measure : {Measure::kOneWay, Measure::kRoundTrip}) {
    if (options.measure != "both" && (options.measure == "one-way") != (measure == Measure::kOneWay))
      continue;
    PrintFigures(measure, comparison, out);
  }
  out << "\nours over theirs, by blocks, with 95 % intervals (each in its best placement, * above)\n";
  for (const Ratio& ratio : comparison.ratios) {
    if (ratio.placement != kBestOfEach) continue;  // the others are in the JSON
    out << absl::StrFormat("  %-10s %-12s / %-8s %6.2f  (%s to %s)\n", Name(ratio.measure), ratio.ours,
                           ratio.peer, ratio.estimate.ratio, Bound(ratio.estimate.interval95.low),
                           Bound(ratio.estimate.interval95.high));
  }
  for (const Bar& bar : comparison.bars) {
    out << absl::StrFormat("asked: %s, %s over the best (%s) at %s %.3g: %.2f, %s\n", Name(bar.measure),
                           bar.ours, bar.peer, bar.at_least ? "least" : "most", bar.limit, bar.ratio,
                           bar.met ? "met" : "NOT met");
  }
  for (const Run& run : runs) {
    if (run.invalid.empty()) continue;
    out << absl::StrFormat("invalid: block %d, %s, %s, %s: %s\n", run.block, Name(run.measure), run.broker,
                           run.placement, run.invalid);
  }
  out << std::flush;
}

void PrintJson(const Options& options, const std::vector<Broker>& brokers, const std::vector<Run>& runs,
               const Comparison& comparison, std::ostream& out) {
  const record::Environment machine = loadgen::ReadEnvironment({});
  nlohmann::ordered_json json = {{"schema", "routebench.peers.v1"},  {"date", Today()},
                                 {"cpu_model", machine.cpu_model()}, {"cpus", machine.cpus()},
                                 {"kernel", machine.kernel()},       {"build_type", machine.build_type()},
                                 {"blocks", options.blocks},         {"seed", options.seed},
                                 {"events", options.events},         {"body_bytes", kBodyBytes},
                                 {"window", options.window},         {"trips", options.trips}};
  for (const Broker& broker : brokers) {
    nlohmann::ordered_json entry = {{"name", broker.name}};
    if (broker.missing.empty()) {
      entry["version"] = broker.version;
      entry["settings"] = broker.settings;
    } else {
      entry["skipped"] = broker.missing;
    }
    json["brokers"].push_back(std::move(entry));
  }
  json["runs"] = nlohmann::ordered_json::array();
  for (const Run& run : runs) {
    nlohmann::ordered_json entry = {{"block", run.block},
                                    {"measure", Name(run.measure)},
                                    {"broker", run.broker},
                                    {"placement", run.placement}};
    if (!run.invalid.empty()) {
      entry["invalid"] = run.invalid;
    } else if (run.measure == Measure::kOneWay) {
      entry["events_per_s"] = run.figure;
    } else {
      entry["p50_us"] = run.figure;
      entry["p99_us"] = run.p99_us;
    }
    json["runs"].push_back(std::move(entry));
  }
  json["figures"] = FiguresJson(comparison);
  json["ratios"] = RatiosJson(comparison);
  json["bars"] = nlohmann::ordered_json::array();
  for (const Bar& bar : comparison.bars) {
    json["bars"].push_back({{"measure", Name(bar.measure)},
                            {"ours", bar.ours},
                            {"peer", bar.peer},
                            {bar.at_least ? "at_least" : "at_most", bar.limit},
                            {"ratio", bar.ratio},
                            {"met", bar.met}});
  }
  out << json.dump(2) << "\n" << std::flush;
}

}  // namespace routebench::bench
