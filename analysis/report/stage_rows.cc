#include "analysis/report/stage_rows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "analysis/record/format.h"

namespace routebench::report {
namespace {

using record::StageBand;
using record::StageTable;

// Calls `visit(column, table, band)` for the bands of both arms.
template <typename Visit>
void ForEachBand(const CellReport& cell, const Visit& visit) {
  for (size_t arm = 0; arm < cell.stages.size(); ++arm) {
    const StageTable& table = cell.stages[arm];
    for (size_t i = 0; i < table.bands.size(); ++i) visit(2 * arm + i, table, table.bands[i]);
  }
}

StageRow EmptyRow(const std::string& until) {
  StageRow row;
  row.until = until;
  row.figures.fill("-");
  return row;
}

bool HasStage(const CellReport& cell, const std::string& mark) {
  return std::any_of(cell.stages.begin(), cell.stages.end(), [&](const StageTable& table) {
    return std::find(table.stages.begin(), table.stages.end(), mark) != table.stages.end();
  });
}

StageRow RowOf(const CellReport& cell, const std::string& mark) {
  StageRow row = EmptyRow(mark);
  ForEachBand(cell, [&](size_t column, const StageTable& table, const StageBand& band) {
    const auto stage = std::find(table.stages.begin(), table.stages.end(), mark);
    if (stage == table.stages.end()) return;
    const auto index = static_cast<size_t>(stage - table.stages.begin());
    row.figures[column] = band.known()
                              ? absl::StrFormat("%s (%.1f %%)", record::FormatNanos(band.mean_ns[index]),
                                                band.share(index) * 100)
                              : "too few";
  });
  return row;
}

}  // namespace

std::vector<StageRow> StageRows(const CellReport& cell) {
  std::vector<StageRow> rows;
  for (const std::string& mark : record::StageMarkNames()) {
    if (HasStage(cell, mark)) rows.push_back(RowOf(cell, mark));
  }
  if (rows.empty()) return rows;
  StageRow response = EmptyRow("response");
  StageRow samples = EmptyRow("samples");
  ForEachBand(cell, [&](size_t column, const StageTable&, const StageBand& band) {
    response.figures[column] = band.known() ? record::FormatNanos(band.response_ns) : "too few";
    samples.figures[column] = record::FormatCount(band.samples);
  });
  rows.push_back(std::move(response));
  rows.push_back(std::move(samples));
  return rows;
}

std::vector<std::string> StageColumns(const CellReport& cell) {
  return {"Until", absl::StrCat(cell.a, ", around p50"), absl::StrCat(cell.a, ", around p99"),
          absl::StrCat(cell.b, ", around p50"), absl::StrCat(cell.b, ", around p99")};
}

std::string StagesText(const CellReport& cell) {
  std::string text = absl::StrCat(
      "Where the response of sampled deliveries goes: the mean time up to each mark, since the mark above "
      "that "
      "the backend has, over the samples from p45 to p55 and from p98.5 to p99.5 of all responses. A band "
      "with fewer than ",
      StageBand::kMinSamples, " samples has no figures.");
  for (size_t arm = 0; arm < cell.stages.size(); ++arm) {
    const StageTable& table = cell.stages[arm];
    absl::StrAppend(&text, " ", arm == 0 ? cell.a : cell.b, ": ",
                    table.empty() ? "nothing was sampled" : record::SamplingText(table), ".");
  }
  return text;
}

}  // namespace routebench::report
