#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "analysis/record/format.h"
#include "analysis/report/renderers.h"
#include "analysis/report/stage_rows.h"
#include "analysis/report/text.h"

namespace routebench::report {
namespace {

constexpr char kHead[] = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>routebench report</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-bottom: 1px solid #8886; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #8884; }
th:first-child, td:first-child, .text { text-align: left; }
thead th { border-bottom: 2px solid #8888; }
.recommendation { border-left: .3rem solid #4477aa; padding: .6rem 1rem; background: #4477aa1a; }
.better { color: #1b7f3b; font-weight: 600; } .worse { color: #b3261e; font-weight: 600; }
.equivalent { color: #4477aa; font-weight: 600; } .inconclusive, .invalid { color: #9a6700; font-weight: 600; }
.primary td { background: #4477aa14; }
.quiet { color: #888; } .wide { overflow-x: auto; }
@media (prefers-color-scheme: dark) {
  .better { color: #6cc287; } .worse { color: #f2867d; } .equivalent { color: #8fb8de; }
  .inconclusive, .invalid { color: #e0b050; }
}
</style>
</head>
<body>
)";

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

// A cell of a table with an optional class.
std::string Td(const std::string& text, const std::string& style = "") {
  return absl::StrCat("<td", style.empty() ? "" : absl::StrCat(" class=\"", style, "\""), ">", Escaped(text),
                      "</td>");
}

void OpenTable(std::string& html, const std::vector<std::string>& columns) {
  absl::StrAppend(&html, "<div class=\"wide\"><table><thead><tr>");
  for (const std::string& column : columns) absl::StrAppend(&html, "<th>", Escaped(column), "</th>");
  absl::StrAppend(&html, "</tr></thead><tbody>\n");
}
void CloseTable(std::string& html) { absl::StrAppend(&html, "</tbody></table></div>\n"); }

void AddComparisons(const CellReport& cell, std::string& html) {
  const bool floor = !cell.comparisons.empty() && cell.comparisons.front().floor.has_value();
  std::vector<std::string> columns = {"Metric",        cell.a,       cell.b,   "Improvement",
                                      "95 % interval", "Adjusted p", "Verdict"};
  if (floor) columns.push_back("Generator floor");
  OpenTable(html, columns);
  for (const Comparison& comparison : cell.comparisons) {
    const std::string p =
        comparison.estimate ? absl::StrFormat("%.4f", comparison.adjusted_p) : std::string("-");
    absl::StrAppend(&html, comparison.primary ? "<tr class=\"primary\">" : "<tr>",
                    Td(comparison.metric.label + (comparison.primary ? " (primary)" : "")), Td(comparison.a),
                    Td(comparison.b), Td(ImprovementText(comparison)), Td(IntervalText(comparison)), Td(p));
    const bool exploratory = comparison.verdict == stats::Verdict::kExploratory;
    absl::StrAppend(
        &html,
        Td(VerdictText(comparison),
           absl::StrCat("text ", exploratory ? "quiet" : std::string(stats::Name(comparison.verdict)))));
    if (floor) absl::StrAppend(&html, Td(comparison.floor.value_or("-")));
    absl::StrAppend(&html, "</tr>\n");
  }
  CloseTable(html);
}

void AddCategories(const CellReport& cell, std::string& html) {
  if (cell.categories.empty()) return;
  absl::StrAppend(&html, "<h3>By category</h3>\n<p>", Escaped(CategoriesText(cell)), "</p>\n");
  OpenTable(html, {"Category", cell.a, cell.b, "Improvement", "95 % interval", "Verdict"});
  for (const auto& [category, comparison] : cell.categories) {
    absl::StrAppend(&html, "<tr>", Td(category), Td(comparison.a), Td(comparison.b),
                    Td(ImprovementText(comparison)), Td(IntervalText(comparison)),
                    Td(VerdictText(comparison), "text quiet"), "</tr>\n");
  }
  CloseTable(html);
}

void AddResources(const CellReport& cell, std::string& html) {
  absl::StrAppend(&html, "<h3>Where the difference may come from</h3>\n<p>", Escaped(cell.reading_text),
                  "</p>\n");
  if (cell.reading.changes.empty()) return;
  OpenTable(html, {"Per event", cell.a, cell.b});
  for (const auto& change : cell.reading.changes) {
    absl::StrAppend(&html, "<tr>", Td(change.resource), Td(record::FormatValue(change.a, change.unit)),
                    Td(record::FormatValue(change.b, change.unit)), "</tr>\n");
  }
  CloseTable(html);
}

void AddStages(const CellReport& cell, std::string& html) {
  const std::vector<StageRow> rows = StageRows(cell);
  if (rows.empty()) return;
  absl::StrAppend(&html, "<h3>Stages</h3>\n<p>", Escaped(StagesText(cell)), "</p>\n");
  OpenTable(html, StageColumns(cell));
  for (const StageRow& row : rows) {
    absl::StrAppend(&html, "<tr>", Td(row.until));
    for (const std::string& figure : row.figures) absl::StrAppend(&html, Td(figure));
    absl::StrAppend(&html, "</tr>\n");
  }
  CloseTable(html);
}

void AddCurve(const CellReport& cell, std::string& html) {
  absl::StrAppend(&html, "<h3>Response by quantile, all valid runs merged</h3>\n");
  OpenTable(html, {"Quantile", cell.a, cell.b});
  const auto figure = [](const std::optional<double>& nanos) {
    return nanos ? record::FormatNanos(*nanos) : std::string("not delivered");
  };
  for (const CurvePoint& point : cell.response) {
    absl::StrAppend(&html, "<tr>", Td(absl::StrFormat("%g %%", point.quantile * 100)), Td(figure(point.a_ns)),
                    Td(figure(point.b_ns)), "</tr>\n");
  }
  CloseTable(html);
}

void AddCell(const CellReport& cell, std::string& html) {
  absl::StrAppend(&html, "<h2>", Escaped(cell.name), ": ", Escaped(cell.b), " compared with ",
                  Escaped(cell.a), "</h2>\n<p>", Escaped(cell.load), ". ", BlocksText(cell), ".</p>\n");
  AddComparisons(cell, html);
  AddCategories(cell, html);
  AddResources(cell, html);
  absl::StrAppend(&html, "<h3>Books</h3>\n<ul>\n");
  for (const Books& books : cell.books) {
    absl::StrAppend(&html, "<li>", Escaped(books.arm), ": ", Escaped(BooksText(books)), "</li>\n");
  }
  absl::StrAppend(&html, "</ul>\n");
  AddStages(cell, html);
  AddCurve(cell, html);
  if (cell.invalid.empty()) return;
  absl::StrAppend(&html, "<h3>Invalid runs, not used</h3>\n<ul>\n");
  for (const InvalidRun& run : cell.invalid) {
    absl::StrAppend(&html, "<li>", Escaped(run.path), " (", Escaped(run.arm), "): ", Escaped(run.reasons),
                    "</li>\n");
  }
  absl::StrAppend(&html, "</ul>\n");
}

}  // namespace

std::string RenderHtml(const Report& report) {
  std::string html = absl::StrCat(kHead, "<h1>routebench report</h1>\n<p class=\"recommendation\">",
                                  Escaped(report.recommendation), "</p>\n<p>", report.runs, " runs, ",
                                  report.invalid, " invalid. Machine: ", Escaped(report.machine), ".</p>\n");
  for (const std::string& note : report.notes) absl::StrAppend(&html, "<p>", Escaped(note), ".</p>\n");
  for (const CellReport& cell : report.cells) AddCell(cell, html);
  return absl::StrCat(html, "<h2>How to read this</h2>\n<p>", Escaped(MethodText()),
                      "</p>\n<p class=\"quiet\">This version of the report has tables and no "
                      "charts.</p>\n</body>\n</html>\n");
}

}  // namespace routebench::report
