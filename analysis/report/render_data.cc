// The forms that other programs read: JSON and CSV.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "analysis/report/renderers.h"

namespace routebench::report {
namespace {

using Json = nlohmann::ordered_json;

const char* UnitName(record::Unit unit) {
  switch (unit) {
    case record::Unit::kNanos:
      return "ns";
    case record::Unit::kBytes:
      return "bytes";
    case record::Unit::kPerSecond:
      return "per_s";
    case record::Unit::kCount:
      return "count";
    case record::Unit::kShare:
      return "share";
  }
  return "";
}

Json OrNull(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? Json(*value) : Json(nullptr);
}

Json ToJson(const Comparison& comparison) {
  Json json;
  json["metric"] = comparison.metric.name;
  json["unit"] = UnitName(comparison.metric.unit);
  json["primary"] = comparison.primary;
  json["median_a"] = OrNull(comparison.median_a);
  json["median_b"] = OrNull(comparison.median_b);
  json["improvement"] = OrNull(comparison.improvement);
  const bool known = comparison.improvement.has_value();
  json["improvement_low"] = OrNull(known ? std::optional(comparison.improvement_low) : std::nullopt);
  json["improvement_high"] = OrNull(known ? std::optional(comparison.improvement_high) : std::nullopt);
  json["blocks"] = comparison.estimate ? comparison.estimate->blocks : 0;
  json["p"] = OrNull(comparison.estimate ? std::optional(comparison.estimate->p) : std::nullopt);
  json["adjusted_p"] = OrNull(comparison.estimate ? std::optional(comparison.adjusted_p) : std::nullopt);
  json["beyond"] = comparison.metric.beyond ? Json(*comparison.metric.beyond) : Json(nullptr);
  json["verdict"] = std::string(stats::Name(comparison.verdict));
  json["note"] = comparison.note;
  return json;
}

Json ToJson(const Books& books) {
  return Json{{"arm", books.arm},         {"runs", books.runs},         {"invalid", books.invalid},
              {"offered", books.offered}, {"expected", books.expected}, {"delivered", books.delivered},
              {"losses", books.losses}};
}

Json ToJson(const record::StageTable& table, const std::string& arm) {
  Json json{{"arm", arm},
            {"one_in", table.one_in},
            {"deliveries", table.deliveries},
            {"response_difference", table.difference},
            {"response_difference_error", table.standard_error}};
  json["bands"] = Json::array();
  for (const record::StageBand& band : table.bands) {
    Json entry{{"around", band.name}, {"samples", band.samples}, {"response_ns", nullptr}};
    entry["stages"] = Json::array();
    if (band.known()) entry["response_ns"] = band.response_ns;
    for (size_t i = 0; i < band.mean_ns.size(); ++i) {
      entry["stages"].push_back(
          Json{{"until", table.stages[i]}, {"mean_ns", band.mean_ns[i]}, {"share", band.share(i)}});
    }
    json["bands"].push_back(std::move(entry));
  }
  return json;
}

Json ToJson(const CellReport& cell) {
  Json json;
  json["cell"] = cell.name;
  json["a"] = cell.a;
  json["b"] = cell.b;
  json["load"] = cell.load;
  json["blocks"] = cell.blocks;
  json["planned_blocks"] = cell.planned_blocks;
  json["metrics"] = Json::array();
  for (const Comparison& comparison : cell.comparisons) json["metrics"].push_back(ToJson(comparison));
  json["categories"] = Json::array();
  for (const auto& [category, comparison] : cell.categories) {
    Json entry{{"category", category}};
    entry.update(ToJson(comparison));
    entry["adjusted_p"] = nullptr;
    json["categories"].push_back(std::move(entry));
  }
  json["books"] = Json::array();
  for (const Books& books : cell.books) json["books"].push_back(ToJson(books));
  json["response"] = Json::array();
  for (const CurvePoint& point : cell.response) {
    json["response"].push_back(
        Json{{"quantile", point.quantile}, {"a_ns", OrNull(point.a_ns)}, {"b_ns", OrNull(point.b_ns)}});
  }
  json["stages"] = Json::array();
  for (size_t arm = 0; arm < cell.stages.size(); ++arm) {
    if (cell.stages[arm].empty()) continue;
    json["stages"].push_back(ToJson(cell.stages[arm], arm == 0 ? cell.a : cell.b));
  }
  json["reading"] = cell.reading_text;
  json["resources"] = Json::array();
  for (const auto& change : cell.reading.changes) {
    json["resources"].push_back(Json{
        {"resource", change.resource}, {"unit", UnitName(change.unit)}, {"a", change.a}, {"b", change.b}});
  }
  json["invalid_runs"] = Json::array();
  for (const InvalidRun& run : cell.invalid) {
    json["invalid_runs"].push_back(Json{{"path", run.path}, {"arm", run.arm}, {"reasons", run.reasons}});
  }
  return json;
}

std::string Quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  return absl::StrCat("\"", absl::StrReplaceAll(field, {{"\"", "\"\""}}), "\"");
}

// Empty where it is not known or not finite.
std::string Number(const std::optional<double>& value) {
  return value && std::isfinite(*value) ? absl::StrFormat("%.6g", *value) : std::string();
}

// `category`: empty for all of them together.
void AddLine(const CellReport& cell, const Comparison& comparison, const std::string& category,
             std::string& csv) {
  const auto& estimate = comparison.estimate;
  const bool known = comparison.improvement.has_value();
  const auto if_known = [known](double value) { return known ? std::optional(value) : std::nullopt; };
  const bool adjusted = estimate.has_value() && category.empty();
  absl::StrAppend(
      &csv,
      absl::StrJoin(
          {Quoted(cell.name), Quoted(cell.a), Quoted(cell.b), comparison.metric.name,
           std::string(UnitName(comparison.metric.unit)), std::string(comparison.primary ? "1" : "0"),
           Number(comparison.median_a), Number(comparison.median_b), Number(comparison.improvement),
           Number(if_known(comparison.improvement_low)), Number(if_known(comparison.improvement_high)),
           absl::StrCat(estimate ? estimate->blocks : 0), estimate ? Number(estimate->p) : std::string(),
           adjusted ? Number(comparison.adjusted_p) : std::string(),
           std::string(stats::Name(comparison.verdict)), Quoted(comparison.note), Quoted(category)},
          ","),
      "\r\n");
}

// The mean of one stage in a band, where an arm has it.
std::optional<double> StageMean(const record::StageTable& table, const std::string& mark, size_t band) {
  const auto stage = std::find(table.stages.begin(), table.stages.end(), mark);
  if (stage == table.stages.end() || !table.bands[band].known()) return std::nullopt;
  return table.bands[band].mean_ns[static_cast<size_t>(stage - table.stages.begin())];
}

// A line for each stage and band that an arm has, as of any other exploratory metric.
void AddStageLines(const CellReport& cell, std::string& csv) {
  if (cell.stages.size() != 2) return;
  for (const std::string& mark : record::StageMarkNames()) {
    for (size_t band = 0; band < 2; ++band) {
      Comparison line;
      line.metric.name = absl::StrCat("stage_", mark, band == 0 ? "_p50_ns" : "_p99_ns");
      line.median_a = StageMean(cell.stages[0], mark, band);
      line.median_b = StageMean(cell.stages[1], mark, band);
      line.note = "mean over the samples around that quantile";
      if (line.median_a.has_value() || line.median_b.has_value()) AddLine(cell, line, "", csv);
    }
  }
}

}  // namespace

std::string RenderJson(const Report& report) {
  Json json;
  json["schema"] = "routebench.report.v1";
  json["recommendation"] = report.recommendation;
  json["machine"] = report.machine;
  json["runs"] = report.runs;
  json["invalid_runs"] = report.invalid;
  json["notes"] = report.notes;
  json["cells"] = Json::array();
  for (const CellReport& cell : report.cells) json["cells"].push_back(ToJson(cell));
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string RenderCsv(const Report& report) {
  std::string csv =
      "cell,a,b,metric,unit,primary,median_a,median_b,improvement,improvement_low,improvement_high,blocks,p,"
      "adjusted_p,verdict,note,category\r\n";
  for (const CellReport& cell : report.cells) {
    for (const Comparison& comparison : cell.comparisons) AddLine(cell, comparison, "", csv);
    for (const auto& [category, comparison] : cell.categories) AddLine(cell, comparison, category, csv);
    AddStageLines(cell, csv);
  }
  return csv;
}

}  // namespace routebench::report
