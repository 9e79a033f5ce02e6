#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "analysis/record/format.h"
#include "analysis/report/renderers.h"
#include "analysis/report/stage_rows.h"
#include "analysis/report/text.h"

namespace routebench::report {
namespace {

// Text from records (host names, paths, trace names) must not become markup.
std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(
      text,
      {{"\\", "\\\\"}, {"|", "\\|"}, {"<", "&lt;"}, {"`", "\\`"}, {"*", "\\*"}, {"[", "\\["}, {"\n", " "}});
}

template <typename... Cells>
void AddRow(std::string& text, const Cells&... cells) {
  absl::StrAppend(&text, "| ", absl::StrJoin({Escaped(cells)...}, " | "), " |\n");
}

void AddComparisons(const CellReport& cell, std::string& text) {
  const bool floor = !cell.comparisons.empty() && cell.comparisons.front().floor.has_value();
  absl::StrAppend(&text, "| Metric | ", Escaped(cell.a), " | ", Escaped(cell.b),
                  " | Improvement | 95 % interval | Adjusted p | Verdict |",
                  floor ? " Generator floor |" : "", "\n|---|---:|---:|---:|---:|---:|---|",
                  floor ? "---:|" : "", "\n");
  for (const Comparison& comparison : cell.comparisons) {
    const std::string p =
        comparison.estimate ? absl::StrFormat("%.4f", comparison.adjusted_p) : std::string("-");
    const std::string label =
        comparison.primary ? absl::StrCat(comparison.metric.label, " (primary)") : comparison.metric.label;
    if (floor) {
      AddRow(text, label, comparison.a, comparison.b, ImprovementText(comparison), IntervalText(comparison),
             p, VerdictText(comparison), comparison.floor.value_or("-"));
    } else {
      AddRow(text, label, comparison.a, comparison.b, ImprovementText(comparison), IntervalText(comparison),
             p, VerdictText(comparison));
    }
  }
}

void AddCategories(const CellReport& cell, std::string& text) {
  if (cell.categories.empty()) return;
  absl::StrAppend(&text, "\n", Escaped(CategoriesText(cell)), "\n\n| Category | ", Escaped(cell.a), " | ",
                  Escaped(cell.b),
                  " | Improvement | 95 % interval | Verdict |\n|---|---:|---:|---:|---:|---|\n");
  for (const auto& [category, comparison] : cell.categories) {
    AddRow(text, category, comparison.a, comparison.b, ImprovementText(comparison), IntervalText(comparison),
           VerdictText(comparison));
  }
}

void AddCurve(const CellReport& cell, std::string& text) {
  absl::StrAppend(&text, "\nResponse, all valid runs merged:\n\n| Quantile | ", Escaped(cell.a), " | ",
                  Escaped(cell.b), " |\n|---:|---:|---:|\n");
  const auto figure = [](const std::optional<double>& nanos) {
    return nanos ? record::FormatNanos(*nanos) : std::string("not delivered");
  };
  for (const CurvePoint& point : cell.response) {
    AddRow(text, absl::StrFormat("%g %%", point.quantile * 100), figure(point.a_ns), figure(point.b_ns));
  }
}

void AddStages(const CellReport& cell, std::string& text) {
  const std::vector<StageRow> rows = StageRows(cell);
  if (rows.empty()) return;
  const std::vector<std::string> columns = StageColumns(cell);
  absl::StrAppend(&text, "\n", Escaped(StagesText(cell)), "\n\n");
  AddRow(text, columns[0], columns[1], columns[2], columns[3], columns[4]);
  absl::StrAppend(&text, "|---|---:|---:|---:|---:|\n");
  for (const auto& [until, figures] : rows) {
    AddRow(text, until, figures[0], figures[1], figures[2], figures[3]);
  }
}

void AddResources(const CellReport& cell, std::string& text) {
  absl::StrAppend(&text, "\n", Escaped(cell.reading_text), "\n");
  if (cell.reading.changes.empty()) return;
  absl::StrAppend(&text, "\n| Per event | ", Escaped(cell.a), " | ", Escaped(cell.b),
                  " |\n|---|---:|---:|\n");
  for (const auto& change : cell.reading.changes) {
    AddRow(text, change.resource, record::FormatValue(change.a, change.unit),
           record::FormatValue(change.b, change.unit));
  }
}

void AddCell(const CellReport& cell, std::string& text) {
  absl::StrAppend(&text, "\n## ", Escaped(cell.name), ": ", Escaped(cell.b), " compared with ",
                  Escaped(cell.a), "\n\n", Escaped(cell.load), ". ", BlocksText(cell), ".\n\n");
  AddComparisons(cell, text);
  AddCategories(cell, text);
  AddResources(cell, text);
  absl::StrAppend(&text, "\n");
  for (const Books& books : cell.books) {
    absl::StrAppend(&text, "- ", Escaped(books.arm), ": ", Escaped(BooksText(books)), "\n");
  }
  AddStages(cell, text);
  AddCurve(cell, text);
  if (cell.invalid.empty()) return;
  absl::StrAppend(&text, "\nInvalid runs, not used:\n\n");
  for (const InvalidRun& run : cell.invalid) {
    absl::StrAppend(&text, "- ", Escaped(run.path), " (", Escaped(run.arm), "): ", Escaped(run.reasons),
                    "\n");
  }
}

}  // namespace

std::string RenderMarkdown(const Report& report) {
  std::string text =
      absl::StrCat("# routebench report\n\n**", Escaped(report.recommendation), "**\n\n", report.runs,
                   " runs, ", report.invalid, " invalid. Machine: ", Escaped(report.machine), ".\n");
  for (const std::string& note : report.notes) absl::StrAppend(&text, "\n- ", Escaped(note), "\n");
  for (const CellReport& cell : report.cells) AddCell(cell, text);
  return absl::StrCat(text, "\n## How to read this\n\n", MethodText(), "\n");
}

}  // namespace routebench::report
