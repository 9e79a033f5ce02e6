#include "analysis/report/model.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "analysis/record/format.h"
#include "analysis/report/comparison.h"
#include "analysis/report/text.h"

namespace routebench::report {
namespace {

using stats::Verdict;

constexpr char kNullBackend[] = "null";

// The baseline first, the others by name.
std::vector<std::string> ArmsOf(const Cell& cell, const std::string& baseline) {
  std::set<std::string> arms;
  for (const Run& run : cell.runs) {
    if (run.arm != kNullBackend) arms.insert(run.arm);
  }
  std::vector<std::string> ordered(arms.begin(), arms.end());
  std::stable_partition(ordered.begin(), ordered.end(),
                        [&](const std::string& arm) { return arm == baseline; });
  return ordered;
}

std::string LoadText(const record::RunPlan& plan) {
  return absl::StrCat(record::FormatValue(plan.rate_per_s(), record::Unit::kPerSecond), " (", plan.arrivals(),
                      " arrivals) for ", record::FormatNanos(static_cast<double>(plan.duration_ns())),
                      ", payload ", record::FormatBytes(static_cast<double>(plan.payload_min_bytes())),
                      " to ", record::FormatBytes(static_cast<double>(plan.payload_max_bytes())), ", ",
                      plan.services_size(), " services, ", absl::StrFormat("%.2f", plan.fan_out()),
                      " deliveries an event, waiting: ", plan.wait_policy());
}

Books BooksOf(const Cell& cell, const std::string& arm) {
  Books books;
  books.arm = arm;
  std::map<std::string, uint64_t> losses;
  for (const Run& run : cell.runs) {
    if (run.arm != arm) continue;
    if (!run.valid()) {
      ++books.invalid;
      continue;
    }
    ++books.runs;
    const record::MeasuredPart part = record::MeasuredPartOf(run.record);
    books.offered += part.offered;
    books.expected += part.expected;
    books.delivered += part.delivered;
    for (const auto& outcome : run.record.books().outcomes()) {
      if (outcome.name() != "delivered") losses[outcome.name()] += outcome.count();
    }
    for (const auto& answer : run.record.books().answers()) {
      if (answer.name() != "accepted") losses[answer.name()] += answer.count();
    }
  }
  std::vector<std::string> parts;
  for (const auto& [name, count] : losses) {
    if (count > 0) parts.push_back(absl::StrCat(record::FormatCount(count), " ", name));
  }
  books.losses = absl::StrJoin(parts, ", ");
  return books;
}

std::vector<CurvePoint> ResponseCurve(const Cell& cell, const std::string& a, const std::string& b) {
  std::map<std::string, std::pair<record::Histogram, uint64_t>> merged;
  for (const Run& run : cell.runs) {
    if (!run.valid()) continue;
    const record::MeasuredPart part = record::MeasuredPartOf(run.record);
    merged[run.arm].first.Merge(part.response);
    merged[run.arm].second += part.missing();
  }
  std::vector<CurvePoint> curve;
  for (const double q : {0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9995, 0.9999, 0.99999}) {
    const auto at = [&](const std::string& arm) -> std::optional<double> {
      const auto value = merged[arm].first.Quantile(q, merged[arm].second);
      return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
    };
    curve.push_back({q, at(a), at(b)});
  }
  return curve;
}

std::vector<const record::RunRecord*> ValidRecords(const Cell& cell, const std::string& arm) {
  std::vector<const record::RunRecord*> records;
  for (const Run& run : cell.runs) {
    if (run.arm == arm && run.valid()) records.push_back(&run.record);
  }
  return records;
}

absl::StatusOr<CellReport> CompareArms(const Cell& cell, const std::string& a, const std::string& b,
                                       size_t family_size) {
  const auto pairs = PairUp(cell, a, b);
  if (!pairs.ok()) return pairs.status();
  CellReport report;
  report.name = cell.name;
  report.load = LoadText(cell.runs.front().record.plan());
  report.a = a;
  report.b = b;
  report.blocks = pairs->size();
  report.planned_blocks = cell.planned_blocks;
  report.books = {BooksOf(cell, a), BooksOf(cell, b)};
  report.comparisons = CompareMetrics(cell, a, b, *pairs, family_size);
  report.categories = CompareCategories(cell, a, b, *pairs);
  report.response = ResponseCurve(cell, a, b);
  report.reading = diagnosis::ReadFirst(ValidRecords(cell, a), ValidRecords(cell, b));
  report.reading_text = ReadingText(report);
  for (const std::string& arm : {a, b})
    report.stages.push_back(record::TabulateStages(ValidRecords(cell, arm)));
  for (const Run& run : cell.runs) {
    if (run.valid() || (run.arm != a && run.arm != b)) continue;
    report.invalid.push_back({run.path, run.arm, absl::StrJoin(run.invalid, "; ")});
  }
  return report;
}

// Such runs test the instrument: nobody should take them for real ones.
std::set<std::string> InjectionNotes(const Cell& cell) {
  std::set<std::string> notes;
  for (const Run& run : cell.runs) {
    const std::string injected = record::InjectionText(run.record.plan());
    if (!injected.empty())
      notes.insert(absl::StrCat(cell.name, ": runs of ", run.record.plan().backend(), " are not real ones. ",
                                injected));
  }
  return notes;
}

bool IsPlanned(const Cell& cell) {
  return cell.planned_blocks >= stats::kMinBlocks && !cell.primary_metric.empty();
}

absl::Status CheckPrimary(const Cell& cell) {
  if (cell.primary_metric.empty() ||
      record::FindMetric(record::MetricsOf(WithoutFigures(cell)), cell.primary_metric) != nullptr) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the campaign's primary metric is unknown: ", cell.primary_metric));
}

std::string MachineText(const record::Environment& environment) {
  return absl::StrCat(environment.cpu_model(), ", ", environment.cpus(), " CPUs, ",
                      record::FormatBytes(static_cast<double>(environment.memory_bytes())), ", kernel ",
                      environment.kernel(), ", clock ", environment.clock_source(), "; ",
                      environment.compiler(), " ", environment.build_type());
}

bool WaitsDiffer(const Cell& cell) {
  return std::any_of(cell.runs.begin(), cell.runs.end(), [&](const Run& run) {
    return run.record.plan().wait_policy() != cell.runs.front().record.plan().wait_policy();
  });
}

// How many primary comparisons the plan holds.
size_t FamilySize(const std::vector<Cell>& cells, const std::string& baseline) {
  size_t size = 0;
  for (const Cell& cell : cells) {
    const size_t arms = ArmsOf(cell, baseline).size();
    if (IsPlanned(cell) && arms > 1) size += arms - 1;
  }
  return size;
}

template <typename Predicate>
bool AnyPrimary(const std::vector<CellReport>& cells, Predicate predicate) {
  return std::any_of(cells.begin(), cells.end(), [&](const CellReport& cell) {
    return std::any_of(cell.comparisons.begin(), cell.comparisons.end(), [&](const Comparison& comparison) {
      return comparison.primary && predicate(comparison.verdict);
    });
  });
}

}  // namespace

std::vector<std::string> Report::lacking() const {
  std::vector<std::string> lacking;
  for (const CellReport& cell : cells) {
    if (cell.invalid.empty()) continue;
    if (cell.blocks == 0) lacking.push_back(absl::StrCat(cell.name, " has no valid pair of runs"));
    for (const Comparison& comparison : cell.comparisons) {
      if (cell.blocks == 0 || !comparison.primary || comparison.verdict != Verdict::kExploratory) continue;
      lacking.push_back(absl::StrCat(cell.name, " has no verdict on ", comparison.metric.label, " (",
                                     comparison.note, ")"));
    }
  }
  return lacking;
}

bool Report::inconclusive() const {
  return AnyPrimary(cells, [](Verdict verdict) {
    return verdict == Verdict::kInconclusive || verdict == Verdict::kExploratory ||
           verdict == Verdict::kInvalid;
  });
}

bool Report::worse() const {
  return AnyPrimary(cells, [](Verdict verdict) { return verdict == Verdict::kWorse; });
}

absl::StatusOr<Report> BuildReport(std::vector<Run> runs, const std::string& baseline, Waits waits) {
  if (runs.empty()) return absl::NotFoundError("there is no run record to report on");
  Report report;
  report.machine = MachineText(runs.front().record.environment());
  report.runs = runs.size();
  report.invalid = static_cast<size_t>(
      std::count_if(runs.begin(), runs.end(), [](const Run& run) { return !run.valid(); }));
  const auto cells = GroupIntoCells(std::move(runs), waits);
  if (!cells.ok()) return cells.status();
  const size_t family_size = FamilySize(*cells, baseline);
  for (const Cell& cell : *cells) {
    if (absl::Status status = CheckPrimary(cell); !status.ok()) return status;
    const std::vector<std::string> arms = ArmsOf(cell, baseline);
    for (const std::string& note : InjectionNotes(cell)) report.notes.push_back(note);
    if (WaitsDiffer(cell)) {
      report.notes.push_back(absl::StrCat(cell.name,
                                          ": the arms waited by different policies; a difference is of the "
                                          "policies as much as of the backends"));
    }
    if (arms.size() < 2) {
      report.notes.push_back(absl::StrCat(cell.name, " is left out: it was run with ",
                                          arms.empty() ? "the null backend only" : arms.front() + " only"));
    }
    for (size_t i = 1; i < arms.size(); ++i) {
      auto compared = CompareArms(cell, arms.front(), arms[i], family_size);
      if (!compared.ok()) return compared.status();
      report.cells.push_back(*std::move(compared));
    }
  }
  if (report.cells.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is nothing to compare: ", absl::StrJoin(report.notes, "; ")));
  }
  Decide(report.cells);
  report.recommendation = RecommendationText(report);
  return report;
}

}  // namespace routebench::report
