#include "analysis/report/comparison.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "analysis/record/format.h"
#include "analysis/stats/multiplicity.h"

namespace routebench::report {
namespace {

using record::Metric;
using record::Unit;
using stats::Verdict;

constexpr uint64_t kMinBeyond = 100;  // events beyond a quantile in each run, for a verdict on it

// The metric number `index` of every valid run of an arm.
std::vector<Metric> FiguresOf(const std::vector<std::vector<Metric>>& runs, size_t index) {
  std::vector<Metric> figures;
  for (const auto& metrics : runs) figures.push_back(metrics[index]);
  return figures;
}

std::vector<std::vector<Metric>> MetricsOfArm(const Cell& cell, const std::string& arm) {
  std::vector<std::vector<Metric>> metrics;
  for (const Run& run : cell.runs) {
    if (run.arm == arm && run.valid()) metrics.push_back(record::MetricsOf(run.record));
  }
  return metrics;
}

// Median, with what was not delivered as slower than all.
Metric MedianOf(std::vector<Metric> figures) {
  if (figures.empty()) {
    Metric none;
    none.absence = "no valid run";
    return none;
  }
  const auto size = [](const Metric& metric) { return metric.value.value_or(INFINITY); };
  std::stable_sort(figures.begin(), figures.end(),
                   [&](const Metric& one, const Metric& other) { return size(one) < size(other); });
  Metric median = figures[figures.size() / 2];
  const Metric& lower = figures[(figures.size() - 1) / 2];
  if (median.value && lower.value) median.value = (*lower.value + *median.value) / 2;
  return median;
}

std::optional<double> LogRatio(const Metric& a, const Metric& b) {
  if (a.not_delivered && b.not_delivered) return 0;
  if (a.not_delivered && b.value) return -kNotDeliveredLogRatio;
  if (b.not_delivered && a.value) return kNotDeliveredLogRatio;
  if (!a.value || !b.value) return std::nullopt;
  if (*a.value == *b.value) return 0;
  if (*a.value <= 0 || *b.value <= 0) return std::nullopt;
  return std::log(*b.value / *a.value);
}

double Improvement(const Metric& metric, double ratio) {
  return metric.better == record::Better::kLower ? 1 - ratio : ratio - 1;
}

void FillImprovement(Comparison& comparison) {
  const stats::Estimate& estimate = *comparison.estimate;
  const stats::Interval& ratio = comparison.primary ? estimate.interval_family : estimate.interval95;
  comparison.improvement = Improvement(comparison.metric, estimate.ratio);
  const double one = Improvement(comparison.metric, ratio.low);
  const double other = Improvement(comparison.metric, ratio.high);
  comparison.improvement_low = std::min(one, other);
  comparison.improvement_high = std::max(one, other);
}

double MarginOf(const Metric& metric) {
  const bool capacity_or_cpu = metric.unit == Unit::kPerSecond || metric.name == "cpu_per_event_ns";
  return capacity_or_cpu ? stats::kCapacityAndCpuMargin : stats::kLatencyMargin;
}

// Why a planned primary comparison cannot have a verdict; empty where it can.
std::string Obstacle(const CellReport& cell, const Comparison& comparison) {
  if (!comparison.estimate) return "no block has both figures";
  if (comparison.estimate->blocks < stats::kMinBlocks) {
    return absl::StrCat(comparison.estimate->blocks, " of ", cell.planned_blocks,
                        " planned blocks are usable; a verdict needs ", stats::kMinBlocks);
  }
  if (comparison.metric.beyond && *comparison.metric.beyond < kMinBeyond) {
    return absl::StrCat("only ", *comparison.metric.beyond,
                        " events of a run lie beyond this quantile; a verdict needs ", kMinBeyond);
  }
  return "";
}

void DecideOne(const CellReport& cell, Comparison& comparison) {
  const bool no_valid_run = cell.books[0].runs == 0 || cell.books[1].runs == 0;
  if (no_valid_run) {
    comparison.verdict = Verdict::kInvalid;
    return;
  }
  if (!comparison.primary) return;
  comparison.note = Obstacle(cell, comparison);
  if (!comparison.note.empty()) return;
  const stats::Decision decision =
      stats::Decide(*comparison.estimate, comparison.adjusted_p,
                    comparison.metric.better == record::Better::kLower, MarginOf(comparison.metric));
  comparison.verdict = decision.verdict;
  if (decision.equivalent_but_different) comparison.note = "different, but within the margin";
  if (decision.verdict == Verdict::kInconclusive) {
    comparison.note = decision.further_blocks
                          ? absl::StrCat("about ", *decision.further_blocks, " more blocks would decide")
                          : "no realistic number of blocks would decide";
  }
}

}  // namespace

std::vector<Comparison> CompareMetrics(const Cell& cell, const std::string& a, const std::string& b,
                                       const std::vector<Pair>& pairs, size_t family_size) {
  const auto metrics_a = MetricsOfArm(cell, a);
  const auto metrics_b = MetricsOfArm(cell, b);
  const auto floor = MetricsOfArm(cell, "null");
  std::vector<std::pair<std::vector<Metric>, std::vector<Metric>>> paired;
  for (const Pair& pair : pairs) {
    paired.emplace_back(record::MetricsOf(pair.a->record), record::MetricsOf(pair.b->record));
  }
  const std::vector<Metric> names = record::MetricsOf(record::RunRecord());
  const Metric* primary =
      cell.planned_blocks >= stats::kMinBlocks ? record::FindMetric(names, cell.primary_metric) : nullptr;
  std::vector<Comparison> comparisons;
  for (size_t i = 0; i < names.size(); ++i) {
    Comparison comparison;
    comparison.metric = names[i];
    comparison.metric.absence.clear();
    comparison.primary = &names[i] == primary;
    const Metric median_a = MedianOf(FiguresOf(metrics_a, i));
    const Metric median_b = MedianOf(FiguresOf(metrics_b, i));
    comparison.a = record::FormatMetric(median_a);
    comparison.b = record::FormatMetric(median_b);
    comparison.median_a = median_a.value;
    comparison.median_b = median_b.value;
    if (!floor.empty()) comparison.floor = record::FormatMetric(MedianOf(FiguresOf(floor, i)));
    std::vector<double> log_ratios;
    for (const auto& [of_a, of_b] : paired) {
      if (const auto log_ratio = LogRatio(of_a[i], of_b[i])) log_ratios.push_back(*log_ratio);
      for (const Metric* figure : {&of_a[i], &of_b[i]}) {
        if (figure->beyond) {
          comparison.metric.beyond = std::min(comparison.metric.beyond.value_or(UINT64_MAX), *figure->beyond);
        }
      }
    }
    // A loss of nothing has no ratio to another; shares are shown as they are.
    if (comparison.metric.unit != Unit::kShare) {
      comparison.estimate = stats::EstimateRatio(log_ratios, comparison.primary ? family_size : 1);
    }
    if (comparison.estimate) FillImprovement(comparison);
    comparisons.push_back(std::move(comparison));
  }
  return comparisons;
}

void Decide(std::vector<CellReport>& cells) {
  std::vector<Comparison*> primary;
  std::vector<Comparison*> others;
  for (CellReport& cell : cells) {
    for (Comparison& comparison : cell.comparisons) {
      if (comparison.primary) {
        primary.push_back(&comparison);
      } else if (comparison.estimate) {
        others.push_back(&comparison);
      }
    }
  }
  const auto adjust = [](const std::vector<Comparison*>& comparisons, auto method) {
    std::vector<double> p;
    for (const Comparison* comparison : comparisons)
      p.push_back(comparison->estimate ? comparison->estimate->p : 1);
    const std::vector<double> adjusted = method(p);
    for (size_t i = 0; i < comparisons.size(); ++i) comparisons[i]->adjusted_p = adjusted[i];
  };
  adjust(primary, [](const std::vector<double>& p) { return stats::Holm(p); });
  adjust(others, [](const std::vector<double>& p) { return stats::BenjaminiHochberg(p); });
  for (CellReport& cell : cells) {
    for (Comparison& comparison : cell.comparisons) DecideOne(cell, comparison);
  }
}

}  // namespace routebench::report
