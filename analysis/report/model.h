// What a report says, before anybody formats it: records in, one model, renderers out. Renderers compute
// nothing, so every format says the same.
#ifndef ROUTEBENCH_ANALYSIS_REPORT_MODEL_H_
#define ROUTEBENCH_ANALYSIS_REPORT_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "analysis/diagnosis/first_reading.h"
#include "analysis/record/metrics.h"
#include "analysis/record/stages.h"
#include "analysis/report/runs.h"
#include "analysis/stats/verdict.h"

namespace routebench::report {

// One metric of one cell. Improvements are shares, positive where B is better: latency and cost 1 - B/A,
// throughput B/A - 1; minus infinity where B did not deliver what A did.
struct Comparison {
  record::Metric metric;  // name, label, unit, direction; value unset
  bool primary = false;
  std::string a;  // median of the arm, as text; or why there is none
  std::string b;
  std::optional<double> median_a;
  std::optional<double> median_b;
  std::optional<std::string> floor;  // the generator's own, from runs of the null backend
  std::optional<stats::Estimate>
      estimate;           // nothing where no block has both figures, or ratios make no sense
  double adjusted_p = 1;  // Holm for primary metrics, Benjamini-Hochberg for the others
  std::optional<double> improvement;
  double improvement_low = 0;  // 95 % interval; widened (Bonferroni) for primary metrics
  double improvement_high = 0;
  stats::Verdict verdict = stats::Verdict::kExploratory;
  std::string note;  // one sentence, or empty
};

// The primary metric of one category of events: exploratory, and never part of a verdict.
struct CategoryComparison {
  std::string category;
  Comparison comparison;
};

struct InvalidRun {
  std::string path;
  std::string arm;
  std::string reasons;
};

struct Books {
  std::string arm;
  size_t runs = 0;  // valid ones
  size_t invalid = 0;
  uint64_t offered = 0;  // over the valid runs' measured parts
  uint64_t expected = 0;
  uint64_t delivered = 0;
  std::string losses;  // "12 dropped_queue_full, 3 expired"; empty: none
};

struct CurvePoint {
  double quantile = 0;
  std::optional<double> a_ns;  // nothing: not delivered
  std::optional<double> b_ns;
};

struct CellReport {
  std::string name;
  std::string load;  // one line: rate, duration, payload ...
  std::string a;     // arms
  std::string b;
  size_t blocks = 0;          // pairs used
  size_t planned_blocks = 0;  // 0: not a campaign
  std::vector<Books> books;   // of A, B
  std::vector<Comparison> comparisons;
  std::vector<CategoryComparison> categories;  // empty: one category, or no primary metric that they have
  std::vector<CurvePoint> response;            // all valid runs of an arm merged
  diagnosis::Reading reading;
  std::string reading_text;
  std::vector<InvalidRun> invalid;
  std::vector<record::StageTable> stages;  // of A, B: all valid runs of an arm together
};

struct Report {
  std::string machine;
  size_t runs = 0;
  size_t invalid = 0;
  std::vector<CellReport> cells;
  std::vector<std::string> notes;  // what was left out, and why
  std::string recommendation;      // built from verdicts only

  // What invalid runs have left too few others for: planned verdicts, and cells without a pair. One phrase
  // each.
  std::vector<std::string> lacking() const;
  bool inconclusive() const;  // a planned comparison has no verdict, or says so
  bool worse() const;         // a verdict says that B is worse
};

// Compares every arm with the arm `baseline`; where a cell has no such arm, with the first by name. Runs
// whose arm is "null" are the generator's floor and never compared. Errors are sentences: nothing to compare,
// or what must not be compared (see runs.h). Same runs, same model.
absl::StatusOr<Report> BuildReport(std::vector<Run> runs, const std::string& baseline = "coordinator",
                                   Waits waits = Waits::kEqual);

}  // namespace routebench::report

#endif  // ROUTEBENCH_ANALYSIS_REPORT_MODEL_H_
