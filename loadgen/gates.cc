#include "loadgen/gates.h"

#include <algorithm>
#include <cmath>
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

void AddGate(record::RunRecord& record, const char* name, bool passed, std::string finding) {
  record::Gate& gate = *record.add_gates();
  gate.set_name(name);
  gate.set_passed(passed);
  gate.set_finding(std::move(finding));
}

void JudgeOfferedLoad(const Schedule& schedule, const OfferResults& offers, record::RunRecord& record) {
  std::vector<uint64_t> planned(schedule.phases.size());
  std::vector<uint64_t> offered(schedule.phases.size());
  for (const PlannedEvent& event : schedule.events) ++planned[event.phase];
  for (size_t phase = 0; phase < schedule.phases.size(); ++phase) {
    for (size_t c = 0; c < kCategoryCount; ++c) {
      offered[phase] += offers.cells.At(phase, static_cast<Category>(c)).offered;
    }
  }
  bool passed = true;
  std::string finding;
  for (size_t phase = 1; phase < schedule.phases.size(); ++phase) {
    const double difference =
        std::abs(static_cast<double>(offered[phase]) - static_cast<double>(planned[phase]));
    passed = passed && difference <= kOfferedTolerance * static_cast<double>(planned[phase]);
    absl::StrAppend(&finding, finding.empty() ? "" : ", ", schedule.phases[phase], ": ", offered[phase],
                    " of ", planned[phase], " planned events offered");
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

void JudgeSelfLag(record::RunRecord& record) {
  const double lag =
      static_cast<double>(MergeMeasured(record, &record::Cell::self_lag).Quantile(0.99).value_or(0));
  uint64_t missing = 0;
  for (const record::Cell& cell : record.cells()) {
    if (cell.phase() != "warmup") missing += cell.expected() - std::min(cell.expected(), cell.delivered());
  }
  const auto response = MergeMeasured(record, &record::Cell::response).Quantile(0.99, missing);
  const double limit = response.has_value()
                           ? std::max(kSelfLagFloorNs, kSelfLagShare * static_cast<double>(*response))
                           : kSelfLagFloorNs;
  AddGate(record, "self_lag", lag <= limit,
          absl::StrCat("the generator was late by ", FormatDuration(lag), " at p99; the limit is ",
                       FormatDuration(limit)));
}

void JudgeAccounting(uint64_t foreign, record::RunRecord& record) {
  const record::BooksRecord& books = record.books();
  const bool fifo = record.plan().subscription().order() == "fifo";
  std::string finding = books.imbalance();
  if (finding.empty() && books.probe_duplicates() > 0) {
    finding = absl::StrCat(books.probe_duplicates(), " events were delivered twice");
  }
  if (finding.empty() && fifo && books.probe_out_of_order() > 0) {
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

}  // namespace

void JudgeRun(const Schedule& schedule, const OfferResults& offers, uint64_t foreign,
              record::RunRecord& record) {
  JudgeOfferedLoad(schedule, offers, record);
  JudgeAccounting(foreign, record);
  // In the closed loop an event is due when there is room for it.
  if (record.plan().loop() == "open") JudgeSelfLag(record);
  AddGate(record, "clock", !offers.clock_ran_backwards,
          offers.clock_ran_backwards ? "the clock ran backwards" : "the clock never ran backwards");
  if (record.interrupted()) AddGate(record, "interrupted", false, "the run was interrupted");
}

bool IsValid(const record::RunRecord& record) {
  return std::all_of(record.gates().begin(), record.gates().end(),
                     [](const record::Gate& gate) { return gate.passed(); });
}

}  // namespace routebench::loadgen
