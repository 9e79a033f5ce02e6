#include "loadgen/load_report.h"

#include <algorithm>
#include <string>

namespace routebench::loadgen {
namespace {

void SetAnswers(const AnswerCell& answers, record::Cell& cell) {
  cell.set_answered(answers.answered);
  cell.set_request_timeouts(answers.timeouts);
  cell.set_request_errors(answers.errors);
  answers.round_trip.ToData(cell.mutable_round_trip());
}

// False: not a histogram.
bool MergeInto(record::Histogram& histogram, const record::HistogramData& data) {
  const auto read = record::Histogram::FromData(data);
  if (read.ok()) histogram.Merge(*read);
  return read.ok();
}

bool MergeAnswers(const record::Cell& cell, AnswerCell& answers) {
  answers.answered += cell.answered();
  answers.timeouts += cell.request_timeouts();
  answers.errors += cell.request_errors();
  return MergeInto(answers.round_trip, cell.round_trip());
}

bool MergeCell(const record::Cell& cell, const Schedule& schedule, LoadResults& results) {
  const auto phase = std::find(schedule.phases.begin(), schedule.phases.end(), cell.phase());
  const auto category = ParseCategory(cell.category());
  if (phase == schedule.phases.end() || !category.has_value()) return false;
  const size_t at = static_cast<size_t>(phase - schedule.phases.begin());
  OfferCell& offered = results.offers.cells.At(at, *category);
  offered.offered += cell.offered();
  offered.expected += cell.expected();
  if (!MergeInto(offered.self_lag, cell.self_lag()) || !MergeInto(offered.blocked, cell.blocked()))
    return false;
  if (!cell.has_round_trip()) return true;
  if (!results.answers.has_value()) results.answers.emplace(schedule.phases.size());
  return MergeAnswers(cell, results.answers->cells.At(at, *category));
}

}  // namespace

LoadReport ToReport(const LoadResults& results, const Schedule& schedule) {
  LoadReport report;
  for (size_t phase = 0; phase < schedule.phases.size(); ++phase) {
    for (size_t c = 0; c < kCategoryCount; ++c) {
      const auto category = static_cast<Category>(c);
      const OfferCell& offered = results.offers.cells.At(phase, category);
      if (offered.offered == 0) continue;
      record::Cell& cell = *report.add_cells();
      cell.set_phase(schedule.phases[phase]);
      cell.set_category(std::string(Name(category)));
      cell.set_offered(offered.offered);
      cell.set_expected(offered.expected);
      offered.self_lag.ToData(cell.mutable_self_lag());
      offered.blocked.ToData(cell.mutable_blocked());
      if (results.answers.has_value()) SetAnswers(results.answers->cells.At(phase, category), cell);
    }
    results.offers.lateness[phase].ToData(report.add_lateness());
    results.offers.own_lateness[phase].ToData(report.add_own_lateness());
  }
  for (const uint64_t count : results.offers.answers) report.add_answers(count);
  report.set_accepted_deliveries(results.offers.accepted_deliveries);
  report.set_accepted_unrouted(results.offers.accepted_unrouted);
  report.set_clock_ran_backwards(results.offers.clock_ran_backwards);
  if (results.answers.has_value()) report.set_responses_received(results.answers->received);
  if (results.wire.has_value()) {
    report.set_wire_bytes_sent(results.wire->sent);
    report.set_wire_bytes_received(results.wire->received);
  }
  return report;
}

absl::Status MergeReport(const LoadReport& report, const Schedule& schedule, LoadResults& results) {
  const absl::Status strange =
      absl::InternalError("a load process reports something that is no load of this run");
  OfferResults& offers = results.offers;
  if (static_cast<size_t>(report.lateness_size()) != schedule.phases.size() ||
      report.own_lateness_size() != report.lateness_size() ||
      static_cast<size_t>(report.answers_size()) != kPublishResultCount)
    return strange;
  for (const record::Cell& cell : report.cells()) {
    if (!MergeCell(cell, schedule, results)) return strange;
  }
  for (size_t phase = 0; phase < schedule.phases.size(); ++phase) {
    if (!MergeInto(offers.lateness[phase], report.lateness(static_cast<int>(phase))) ||
        !MergeInto(offers.own_lateness[phase], report.own_lateness(static_cast<int>(phase))))
      return strange;
  }
  for (size_t i = 0; i < kPublishResultCount; ++i) offers.answers[i] += report.answers(static_cast<int>(i));
  offers.accepted_deliveries += report.accepted_deliveries();
  offers.accepted_unrouted += report.accepted_unrouted();
  offers.clock_ran_backwards = offers.clock_ran_backwards || report.clock_ran_backwards();
  if (results.answers.has_value()) results.answers->received += report.responses_received();
  WireBytes& wire = results.wire.has_value() ? *results.wire : results.wire.emplace();
  wire.sent += report.wire_bytes_sent();
  wire.received += report.wire_bytes_received();
  return absl::OkStatus();
}

}  // namespace routebench::loadgen
