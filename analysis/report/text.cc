#include "analysis/report/text.h"

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "analysis/record/format.h"

namespace routebench::report {
namespace {

using stats::Verdict;

// One decimal below 100 %, none above: "-1,234 %" says enough.
std::string Percent(double share) {
  const double percent = share * 100;
  if (!std::isfinite(percent)) return percent > 0 ? "+inf" : "-inf";
  if (std::abs(percent) < 0.05) return "0.0";
  return std::abs(percent) < 100 ? absl::StrFormat("%+.1f", percent) : absl::StrFormat("%+.0f", percent);
}

std::string Finding(const CellReport& cell, const Comparison& comparison) {
  const std::string what = absl::StrCat(cell.name, ", ", comparison.metric.label);
  const std::string figures =
      absl::StrCat(ImprovementText(comparison), ", interval ", IntervalText(comparison));
  switch (comparison.verdict) {
    case Verdict::kBetter:
    case Verdict::kWorse:
      return absl::StrCat(what, ": ", cell.b, " is ", std::string(stats::Name(comparison.verdict)), " than ",
                          cell.a, " (", figures, ").");
    case Verdict::kEquivalent:
      return absl::StrCat(what, ": ", cell.b, " and ", cell.a, " are equivalent (", figures, ").");
    case Verdict::kInconclusive:
      return absl::StrCat(what, ": inconclusive (", figures, "); ", comparison.note, ".");
    case Verdict::kInvalid:
      return absl::StrCat(what, ": no valid measurement.");
    case Verdict::kExploratory:
      return absl::StrCat(what, ": no verdict; ", comparison.note, ".");
  }
  return what;
}

}  // namespace

std::string ImprovementText(const Comparison& comparison) {
  if (!comparison.improvement) return "-";
  if (!std::isfinite(*comparison.improvement)) return "not delivered";
  return absl::StrCat(Percent(*comparison.improvement), " %");
}

std::string IntervalText(const Comparison& comparison) {
  if (!comparison.improvement) return "-";
  const stats::Interval& ratio =
      comparison.primary ? comparison.estimate->interval_family : comparison.estimate->interval95;
  if (ratio.low == 0 && std::isinf(ratio.high)) return "unbounded";
  return absl::StrCat(Percent(comparison.improvement_low), " to ", Percent(comparison.improvement_high),
                      " %");
}

std::string VerdictText(const Comparison& comparison) {
  const std::string name(stats::Name(comparison.verdict));
  return comparison.note.empty() ? name : absl::StrCat(name, ": ", comparison.note);
}

std::string BlocksText(const CellReport& cell) {
  if (cell.planned_blocks == 0) return absl::StrCat(cell.blocks, cell.blocks == 1 ? " pair" : " pairs");
  return absl::StrCat(cell.blocks, " of ", cell.planned_blocks, " planned blocks");
}

std::string CategoriesText(const CellReport& cell) {
  return absl::StrCat(
      "The primary metric, ", cell.categories.front().comparison.metric.label,
      ", of each category of events. Exploratory: nobody planned a verdict on one of them, and the intervals "
      "are not widened for how many there are.");
}

std::string BooksText(const Books& books) {
  return absl::StrCat(books.runs, " valid ", books.runs == 1 ? "run" : "runs", ", ", books.invalid,
                      " invalid; offered ", record::FormatCount(books.offered), ", delivered ",
                      record::FormatCount(books.delivered), " of ", record::FormatCount(books.expected), "; ",
                      books.losses.empty() ? "nothing lost" : "lost or refused: " + books.losses);
}

std::string ReadingText(const CellReport& cell) {
  if (cell.reading.changes.empty()) return "No resource is known for both.";
  if (!cell.reading.largest) return "No clear one: no single resource explains most of the change.";
  const diagnosis::ResourceChange& largest = *cell.reading.largest;
  const bool more = largest.b > largest.a;
  return absl::StrCat("Largest change per event: ", largest.resource, ", ", more ? "+" : "-",
                      record::FormatValue(std::abs(largest.b - largest.a), largest.unit), " with ", cell.b,
                      " (", record::FormatValue(largest.a, largest.unit), " with ", cell.a, ", ",
                      record::FormatValue(largest.b, largest.unit), " with ", cell.b, ").");
}

std::string RecommendationText(const Report& report) {
  std::vector<std::string> findings;
  for (const CellReport& cell : report.cells) {
    for (const Comparison& comparison : cell.comparisons) {
      if (comparison.primary) findings.push_back(Finding(cell, comparison));
    }
  }
  if (report.invalid == report.runs) return "No recommendation: every run is invalid.";
  if (findings.empty()) {
    return absl::StrCat(
        "No recommendation: all figures are exploratory. A verdict needs a campaign with a primary "
        "metric and at least ",
        stats::kMinBlocks, " blocks.");
  }
  return absl::StrJoin(findings, " ");
}

std::string MethodText() {
  return absl::StrCat(
      "A figure is the median over an arm's valid runs. The improvement compares runs of one block: positive "
      "where B is better (latency and cost 1 - B/A, throughput B/A - 1), the Hodges-Lehmann estimate with "
      "the "
      "95 % interval of the exact signed-rank test, widened for primary metrics so that all of them hold "
      "together. "
      "Quantiles are over what was offered: a lost delivery counts as slower than all. Verdicts are given "
      "for "
      "planned primary metrics with at least ",
      stats::kMinBlocks,
      " blocks only (Holm-adjusted p below 5 %; equivalent: 90 % interval inside 5 % for latency, 2 % for "
      "capacity "
      "and CPU); everything else is exploratory.");
}

}  // namespace routebench::report
