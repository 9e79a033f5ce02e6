// The table of stages as text, the same in every format.
#ifndef ROUTEBENCH_ANALYSIS_REPORT_STAGE_ROWS_H_
#define ROUTEBENCH_ANALYSIS_REPORT_STAGE_ROWS_H_

#include <array>
#include <string>
#include <vector>

#include "analysis/report/model.h"

namespace routebench::report {

// Around p50 and around p99 of A, then of B: "12.3 us (24.0 %)"; "-" where the backend has no such mark, "too
// few" where the band has too few samples.
struct StageRow {
  std::string until;  // the mark that ends the stage; at the end "response" and "samples"
  std::array<std::string, 4> figures;
};

// Empty: neither arm has sampled deliveries.
std::vector<StageRow> StageRows(const CellReport& cell);
// The titles of those columns, the first included.
std::vector<std::string> StageColumns(const CellReport& cell);
// How to read the table, and what the sampling of each arm is worth. Requires rows.
std::string StagesText(const CellReport& cell);

}  // namespace routebench::report

#endif  // ROUTEBENCH_ANALYSIS_REPORT_STAGE_ROWS_H_
