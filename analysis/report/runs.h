// From files to pairs: which runs may be compared with which.
#ifndef ROUTEBENCH_ANALYSIS_REPORT_RUNS_H_
#define ROUTEBENCH_ANALYSIS_REPORT_RUNS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "record.pb.h"

namespace routebench::report {

struct Run {
  std::string path;
  std::string arm;  // what is compared: the backend, with what was injected, or the side it was given on
  record::RunRecord record;
  std::vector<std::string> invalid;  // reasons; empty: valid

  bool valid() const { return invalid.empty(); }
};

// One comparison's worth of runs: same load, one machine.
struct Cell {
  std::string name;
  uint32_t planned_blocks = 0;
  std::string primary_metric;
  std::vector<Run> runs;
};

// A record with the plan of the cell's runs, which has the metrics that they have.
record::RunRecord WithoutFigures(const Cell& cell);

// Two valid runs of one block. The pointers live as long as the cell.
struct Pair {
  const Run* a = nullptr;
  const Run* b = nullptr;
};

// Whether runs that waited differently may be compared, on somebody's explicit wish.
enum class Waits : uint8_t { kEqual, kMayDiffer };

// Reads files, and every *.run below directories, in the order of their paths. The arm is the backend, with
// what was injected into it, and where waits may differ with every policy that is not `block`. An error names
// the file that cannot be trusted, or says that there is no record.
absl::StatusOr<std::vector<Run>> LoadRuns(const std::vector<std::string>& paths, Waits waits = Waits::kEqual);

// Cells by name (the campaign's, or the trace's or pattern's). InvalidArgument where runs of one cell must
// not be compared: other machines, wait policies (unless they may differ) or plans. Backend, endpoint,
// processes, injected delays and freezes, seed and the number of events that the seed gave may differ.
absl::StatusOr<std::vector<Cell>> GroupIntoCells(std::vector<Run> runs, Waits waits = Waits::kEqual);

// Pairs of valid runs by campaign and block; runs without a campaign in the order of their starts.
// InvalidArgument where the two runs of a block had different schedules, or a block has two valid runs of one
// arm.
absl::StatusOr<std::vector<Pair>> PairUp(const Cell& cell, const std::string& a, const std::string& b);

}  // namespace routebench::report

#endif  // ROUTEBENCH_ANALYSIS_REPORT_RUNS_H_
