// One cell's metrics compared block by block, before the verdicts: those need all cells.
#ifndef ROUTEBENCH_ANALYSIS_REPORT_COMPARISON_H_
#define ROUTEBENCH_ANALYSIS_REPORT_COMPARISON_H_

#include <cstddef>
#include <string>
#include <vector>

#include "analysis/report/model.h"
#include "analysis/report/runs.h"

namespace routebench::report {

// Log ratio of a figure that was not delivered to one that was: larger than any measured one, and finite, so
// that averages of pairs stay defined. Two that were not delivered are equal.
inline constexpr double kNotDeliveredLogRatio = 1000;

// Every metric, in the order of MetricsOf. The primary one has its interval widened for `family_size`.
std::vector<Comparison> CompareMetrics(const Cell& cell, const std::string& a, const std::string& b,
                                       const std::vector<Pair>& pairs, size_t family_size);

// The primary metric by category, with 95 % intervals that are not widened for how many there are.
std::vector<CategoryComparison> CompareCategories(const Cell& cell, const std::string& a,
                                                  const std::string& b, const std::vector<Pair>& pairs);

// Fills adjusted_p and verdict of all comparisons of a report, and the notes that belong to them.
void Decide(std::vector<CellReport>& cells);

}  // namespace routebench::report

#endif  // ROUTEBENCH_ANALYSIS_REPORT_COMPARISON_H_
