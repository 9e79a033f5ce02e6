#include "analysis/report/comparison.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "absl/strings/str_cat.h"
#include "analysis/record/format.h"
#include "analysis/stats/multiplicity.h"

namespace routebench::report {
namespace {

using record::Metric;
using record::Unit;
using stats::Verdict;

constexpr uint64_t kMinBeyond = 100;  // events beyond a quantile in each run, for a verdict on it

// One arm's or one pair's figures: the same metrics in the same order for each run.
using Figures = std::vector<std::vector<Metric>>;
using MetricsOfRun = std::function<std::vector<Metric>(const record::RunRecord&)>;

struct Sides {
  Figures a;
  Figures b;
  Figures floor;  // of the null backend
  std::vector<std::pair<std::vector<Metric>, std::vector<Metric>>> pairs;
};

Sides SidesOf(const Cell& cell, const std::string& a, const std::string& b, const std::vector<Pair>& pairs,
              const MetricsOfRun& metrics_of) {
  const auto of_arm = [&](const std::string& arm) {
    Figures figures;
    for (const Run& run : cell.runs) {
      if (run.arm == arm && run.valid()) figures.push_back(metrics_of(run.record));
    }
    return figures;
  };
  Sides sides{of_arm(a), of_arm(b), of_arm("null"), {}};
  for (const Pair& pair : pairs) {
    sides.pairs.emplace_back(metrics_of(pair.a->record), metrics_of(pair.b->record));
  }
  return sides;
}

// The metric number `index` of every valid run of an arm.
std::vector<Metric> FiguresOf(const Figures& runs, size_t index) {
  std::vector<Metric> figures;
  for (const auto& metrics : runs) figures.push_back(metrics[index]);
  return figures;
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

// The metric `name`, which is number `index` of all figures.
Comparison CompareOne(const Metric& name, size_t index, const Sides& sides, bool primary,
                      size_t family_size) {
  Comparison comparison;
  comparison.metric = name;
  comparison.metric.absence.clear();
  comparison.primary = primary;
  const Metric median_a = MedianOf(FiguresOf(sides.a, index));
  const Metric median_b = MedianOf(FiguresOf(sides.b, index));
  comparison.a = record::FormatMetric(median_a);
  comparison.b = record::FormatMetric(median_b);
  comparison.median_a = median_a.value;
  comparison.median_b = median_b.value;
  if (!sides.floor.empty()) {
    comparison.floor = record::FormatMetric(MedianOf(FiguresOf(sides.floor, index)));
  }
  std::vector<double> log_ratios;
  for (const auto& [of_a, of_b] : sides.pairs) {
    if (const auto log_ratio = LogRatio(of_a[index], of_b[index])) log_ratios.push_back(*log_ratio);
    for (const Metric* figure : {&of_a[index], &of_b[index]}) {
      if (figure->beyond) {
        comparison.metric.beyond = std::min(comparison.metric.beyond.value_or(UINT64_MAX), *figure->beyond);
      }
    }
  }
  // A loss of nothing has no ratio to another; shares are shown as they are.
  if (comparison.metric.unit != Unit::kShare) {
    comparison.estimate = stats::EstimateRatio(log_ratios, primary ? family_size : 1);
  }
  if (comparison.estimate) FillImprovement(comparison);
  return comparison;
}

// Of all valid runs of the two arms, in the order of the records.
std::vector<std::string> CategoriesOf(const Cell& cell, const std::string& a, const std::string& b) {
  std::vector<std::string> categories;
  for (const Run& run : cell.runs) {
    if (!run.valid() || (run.arm != a && run.arm != b)) continue;
    for (const std::string& category : record::CategoriesOf(run.record)) {
      if (std::find(categories.begin(), categories.end(), category) == categories.end()) {
        categories.push_back(category);
      }
    }
  }
  return categories;
}

}  // namespace

std::vector<Comparison> CompareMetrics(const Cell& cell, const std::string& a, const std::string& b,
                                       const std::vector<Pair>& pairs, size_t family_size) {
  const Sides sides =
      SidesOf(cell, a, b, pairs, [](const record::RunRecord& run) { return record::MetricsOf(run); });
  const std::vector<Metric> names = record::MetricsOf(WithoutFigures(cell));
  const Metric* primary =
      cell.planned_blocks >= stats::kMinBlocks ? record::FindMetric(names, cell.primary_metric) : nullptr;
  std::vector<Comparison> comparisons;
  for (size_t i = 0; i < names.size(); ++i) {
    comparisons.push_back(CompareOne(names[i], i, sides, &names[i] == primary, family_size));
  }
  return comparisons;
}

std::vector<CategoryComparison> CompareCategories(const Cell& cell, const std::string& a,
                                                  const std::string& b, const std::vector<Pair>& pairs) {
  const std::vector<std::string> categories = CategoriesOf(cell, a, b);
  const std::vector<Metric> names = record::MetricsOf(WithoutFigures(cell), std::string_view());
  const Metric* const primary = record::FindMetric(names, cell.primary_metric);
  if (primary == nullptr || categories.size() < 2) return {};
  std::vector<CategoryComparison> compared;
  for (const std::string& category : categories) {
    Sides sides = SidesOf(cell, a, b, pairs,
                          [&](const record::RunRecord& run) { return record::MetricsOf(run, category); });
    sides.floor.clear();
    compared.push_back(
        {category, CompareOne(*primary, static_cast<size_t>(primary - names.data()), sides, false, 1)});
  }
  return compared;
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
