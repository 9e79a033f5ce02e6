// From paired log ratios to one of five verdicts, as docs/measurement.md words them.
#ifndef ROUTEBENCH_ANALYSIS_STATS_VERDICT_H_
#define ROUTEBENCH_ANALYSIS_STATS_VERDICT_H_

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

#include "analysis/stats/signed_rank.h"

namespace routebench::stats {

inline constexpr size_t kMinBlocks = 12;           // below: exploratory
inline constexpr double kLevel = 0.05;             // of the test, after Holm
inline constexpr double kEquivalenceLevel = 0.10;  // the 90 % interval is two one-sided tests at 5 %
inline constexpr double kLatencyMargin = 0.05;
inline constexpr double kCapacityAndCpuMargin = 0.02;

enum class Verdict {
  kBetter,  // B is better than A
  kWorse,
  kEquivalent,    // the 90 % interval lies inside the margin
  kInconclusive,  // never green
  kInvalid,       // no usable measurement
  kExploratory,   // not a verdict: fewer than kMinBlocks, or not planned as primary
};
// "better", "worse", ...
std::string_view Name(Verdict verdict);

// What one metric's blocks amount to: d = ln(B / A) per block, ratios are exp(d).
struct Estimate {
  size_t blocks = 0;
  double ratio = 1;     // Hodges-Lehmann
  Interval interval95;  // of the ratio; an end may be 0 or infinite
  Interval interval90;
  Interval interval_family;  // Bonferroni-widened over the family the metric belongs to
  double p = 1;
};

// Nothing for no blocks.
std::optional<Estimate> EstimateRatio(std::span<const double> log_ratios, size_t family_size);

struct Decision {
  Verdict verdict = Verdict::kInconclusive;
  bool equivalent_but_different = false;  // equivalent, while the 90 % interval excludes 1
  std::optional<size_t> further_blocks;   // only with kInconclusive; nothing: no realistic number
};

// `margin` m makes ratios from 1/(1+m) to 1+m equivalent, the same whichever side is called A (TOST by
// interval: Schuirmann 1987). `adjusted_p` is the estimate's p after Holm.
//
// further_blocks takes the interval to shrink with the square root of the number of blocks and the estimate
// to stay where it is; it is the smaller of what equivalence and what a difference would take, and nothing
// above 10,000.
Decision Decide(const Estimate& estimate, double adjusted_p, bool lower_is_better, double margin);

}  // namespace routebench::stats

#endif  // ROUTEBENCH_ANALYSIS_STATS_VERDICT_H_
