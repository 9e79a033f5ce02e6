#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "analysis/report/renderers.h"
#include "analysis/report/text.h"

namespace routebench::report {
namespace {

using Row = std::array<std::string, 7>;

std::vector<Row> RowsOf(const Report& report) {
  std::vector<Row> rows = {{"cell", "metric", "A", "B", "improvement", "95 % interval", "verdict"}};
  for (const CellReport& cell : report.cells) {
    for (const Comparison& comparison : cell.comparisons) {
      const std::string& name = comparison.metric.name;
      const bool shown = comparison.primary || name == "response_p50_ns" || name == "response_p99_ns" ||
                         name == "cpu_per_event_ns";
      if (!shown) continue;
      rows.push_back({cell.name, comparison.metric.label, comparison.a, comparison.b,
                      ImprovementText(comparison), IntervalText(comparison),
                      std::string(stats::Name(comparison.verdict))});
    }
  }
  return rows;
}

std::string ArmsLine(const Report& report) {
  std::vector<std::string> lines;
  for (const CellReport& cell : report.cells) {
    const std::string line = absl::StrCat("A = ", cell.a, ", B = ", cell.b);
    if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(line);
  }
  return absl::StrJoin(lines, "; ") + "; improvement is positive where B is better\n";
}

// Each invalid run once, and what that means for the report.
std::string InvalidLines(const Report& report) {
  if (report.invalid == 0) return "";
  std::string text;
  std::set<std::string> named;
  for (const CellReport& cell : report.cells) {
    for (const InvalidRun& run : cell.invalid) {
      if (!named.insert(run.path).second) continue;
      absl::StrAppend(&text, "INVALID: ", run.path, " (", run.arm, "): ", run.reasons, "\n");
    }
  }
  const std::vector<std::string> lacking = report.lacking();
  absl::StrAppend(
      &text, report.invalid, " of ", report.runs,
      report.invalid == 1 ? " runs is INVALID and was not used: " : " runs are INVALID and were not used: ",
      lacking.empty() ? "enough others are left" : absl::StrJoin(lacking, "; "), "\n");
  return text;
}

}  // namespace

std::string RenderTable(const Report& report) {
  const std::vector<Row> rows = RowsOf(report);
  std::array<size_t, 7> widths{};
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text = ArmsLine(report);
  for (const Row& row : rows) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    absl::StrAppend(&text, line, "\n");
  }
  for (const std::string& note : report.notes) absl::StrAppend(&text, note, "\n");
  absl::StrAppend(&text, InvalidLines(report));
  return absl::StrCat(text, report.recommendation, "\n");
}

}  // namespace routebench::report
