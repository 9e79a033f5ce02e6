// The exact signed-rank test and the estimate and interval that belong to it.
//
// Wilcoxon, Individual comparisons by ranking methods (1945); Pratt, Remarks on zeros and ties in the
// Wilcoxon signed rank procedures (1959); Hodges & Lehmann, Estimates of location based on rank tests (1963).
//
// The statistic is the sum of the ranks of the positive differences, ranked by magnitude together with the
// zeros (Pratt), ties by mid-ranks. Its distribution is enumerated exactly over all signs of the differences
// that are not zero, given their ranks: no normal approximation, no assumption that there are no ties.
// The interval holds every shift that the same test does not reject, so it contains 0 exactly when p > alpha.
#ifndef ROUTEBENCH_ANALYSIS_STATS_SIGNED_RANK_H_
#define ROUTEBENCH_ANALYSIS_STATS_SIGNED_RANK_H_

#include <optional>
#include <span>

namespace routebench::stats {

// Closed. An end is infinite where so few differences cannot bound it at the wanted level.
struct Interval {
  double low = 0;
  double high = 0;
};

// Two-sided p-value of "the differences are symmetric about `shift`". 1 without differences, and where all of
// them equal the shift. O(n^3) time.
double SignedRankP(std::span<const double> differences, double shift = 0);

// Hodges-Lehmann: the median of the averages of all pairs, each value with itself included. Nothing for n =
// 0.
std::optional<double> HodgesLehmann(std::span<const double> differences);

// The shifts with SignedRankP > alpha, for 0 < alpha < 1. Nothing for n = 0; unbounded on both sides where
// even the most extreme outcome has a p-value above alpha (for alpha 0.05: n < 6); a single point where all
// differences are equal and numerous enough.
std::optional<Interval> SignedRankInterval(std::span<const double> differences, double alpha);

}  // namespace routebench::stats

#endif  // ROUTEBENCH_ANALYSIS_STATS_SIGNED_RANK_H_
