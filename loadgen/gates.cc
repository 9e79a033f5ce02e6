#include "loadgen/gates.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analysis/record/histogram.h"
#include "loadgen/workload/quantities.h"

namespace routebench::loadgen {
namespace {

constexpr double kOfferedTolerance = 0.02;
constexpr double kSelfLagShare = 0.1;
constexpr double kSelfLagFloorNs = 200e3;
constexpr double kOthersTolerance = 0.1;  // interrupts and wake-ups from idle are among it

void AddGate(record::RunRecord& record, const char* name, bool passed, std::string finding) {
  record::Gate& gate = *record.add_gates();
  gate.set_name(name);
  gate.set_passed(passed);
  gate.set_finding(std::move(finding));
}

uint64_t CountAbove(const record::Histogram& histogram, double limit) {
  uint64_t count = 0;
  for (size_t i = 0; i < histogram.counts().size(); ++i) {
    if (static_cast<double>(record::Histogram::LowestOf(i)) > limit) count += histogram.counts()[i];
  }
  return count;
}

// An event that the generator, by its own fault, sent later than 2 % of the measured part was not offered in
// its phase.
void JudgeOfferedLoad(const Schedule& schedule, const OfferResults& offers, record::RunRecord& record) {
  std::vector<uint64_t> planned(schedule.phases.size());
  for (const PlannedEvent& event : schedule.events) ++planned[event.phase];
  const double latest = kOfferedTolerance * static_cast<double>(record.plan().duration_ns());
  bool passed = true;
  std::string finding;
  for (size_t phase = 1; phase < schedule.phases.size(); ++phase) {
    const record::Histogram& lateness = offers.lateness[phase];
    const uint64_t in_time = lateness.count() - CountAbove(lateness, latest);
    passed = passed &&
             static_cast<double>(in_time) >= (1 - kOfferedTolerance) * static_cast<double>(planned[phase]);
    absl::StrAppend(&finding, finding.empty() ? "" : ", ", schedule.phases[phase], ": ", in_time, " of ",
                    planned[phase], " planned events offered in time");
  }
  AddGate(record, "offered_load", passed, finding);
}

// Merged over the measured part.
record::Histogram MergeMeasured(const record::RunRecord& record,
                                const record::HistogramData& (record::Cell::*field)() const) {
  record::Histogram all;
  for (const record::Cell& cell : record.cells()) {
    if (cell.phase() == "warmup") continue;
    if (const auto histogram = record::Histogram::FromData((cell.*field)()); histogram.ok())
      all.Merge(*histogram);
  }
  return all;
}

double P99(const std::vector<record::Histogram>& phases) {
  record::Histogram all;
  for (size_t phase = 1; phase < phases.size(); ++phase) all.Merge(phases[phase]);
  return static_cast<double>(all.Quantile(0.99).value_or(0));
}

// Of all processors' time; nothing where it is not known.
std::optional<double> ShareOfOthers(const record::MachineUsage& machine) {
  const double all = static_cast<double>(machine.elapsed_ns()) * machine.cpus();
  if (!machine.has_other_cpu_ns() || all <= 0) return std::nullopt;
  return static_cast<double>(machine.other_cpu_ns()) / all;
}

// Judged by the lateness, not by the self-lag of single events: see OfferResults. Where others left the
// processors to the run, a thread that waited for one waited for the run's own threads. That is what the
// backend costs on this machine, like the time inside Publish, and no fault of the generator.
void JudgeSelfLag(const OfferResults& offers, record::RunRecord& record) {
  uint64_t missing = 0;
  for (const record::Cell& cell : record.cells()) {
    if (cell.phase() != "warmup") missing += cell.expected() - std::min(cell.expected(), cell.delivered());
  }
  const auto response = MergeMeasured(record, &record::Cell::response).Quantile(0.99, missing);
  // Without a measured tail (null, or more lost than delivered) there is nothing it could have distorted.
  if (!response.has_value()) return;
  const double limit = std::max(kSelfLagFloorNs, kSelfLagShare * static_cast<double>(*response));
  const double late = P99(offers.lateness);
  const double own = P99(offers.own_lateness);
  const std::optional<double> others = ShareOfOthers(record.machine());
  const bool undisturbed = others.has_value() && *others <= kOthersTolerance;
  std::string finding = absl::StrCat("the generator was late by ", FormatDuration(late),
                                     " at p99; the limit is ", FormatDuration(limit));
  if (late > limit) {
    absl::StrAppend(&finding, "; without its waits for a processor it was ", FormatDuration(own));
    if (others.has_value())
      absl::StrAppend(
          &finding, absl::StrFormat(", with %.0f %% of the processors' time used by others", *others * 100));
  }
  AddGate(record, "self_lag", late <= limit || (undisturbed && own <= limit), finding);
}

void JudgeAccounting(uint64_t foreign, record::RunRecord& record) {
  const record::BooksRecord& books = record.books();
  std::string finding = books.imbalance();
  if (finding.empty() && books.probe_duplicates() > 0) {
    finding = absl::StrCat(books.probe_duplicates(), " events were handed once more than they should");
  }
  if (finding.empty() && books.probe_out_of_order() > 0) {
    finding = absl::StrCat(books.probe_out_of_order(), " events came out of order");
  }
  if (finding.empty() && foreign > 0) finding = absl::StrCat(foreign, " events of another run were received");
  const bool passed = finding.empty();
  if (passed) {
    finding = absl::StrCat("the books balance: ", books.routed(), " routed, ", books.probe_delivered(),
                           " seen by probes");
  }
  AddGate(record, "accounting", passed, finding);
}

void JudgeStages(record::RunRecord& record) {
  if (record.stages().deliveries() == 0 && record.stages().violations() == 0) return;
  const uint64_t violations = record.stages().violations();
  AddGate(record, "stages", violations == 0,
          violations == 0
              ? absl::StrCat("the stages of ", record.stages().deliveries(),
                             " sampled deliveries are in order and sum to their responses")
              : absl::StrCat("the stages of ", violations,
                             " sampled deliveries are out of order, or do not sum to the response"));
}

}  // namespace

void JudgeRun(const Schedule& schedule, const OfferResults& offers, uint64_t foreign,
              record::RunRecord& record) {
  JudgeOfferedLoad(schedule, offers, record);
  JudgeAccounting(foreign, record);
  // In the closed loop an event is due when there is room for it: it cannot be late.
  if (record.plan().loop() == "open") JudgeSelfLag(offers, record);
  AddGate(record, "clock", !offers.clock_ran_backwards,
          offers.clock_ran_backwards ? "the clock ran backwards" : "the clock never ran backwards");
  JudgeStages(record);
  if (record.interrupted()) AddGate(record, "interrupted", false, "the run was interrupted");
}

bool IsValid(const record::RunRecord& record) {
  return std::all_of(record.gates().begin(), record.gates().end(),
                     [](const record::Gate& gate) { return gate.passed(); });
}

}  // namespace routebench::loadgen
