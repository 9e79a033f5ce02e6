// Corrections for asking several questions of one campaign.
#ifndef ROUTEBENCH_ANALYSIS_STATS_MULTIPLICITY_H_
#define ROUTEBENCH_ANALYSIS_STATS_MULTIPLICITY_H_

#include <cstddef>
#include <span>
#include <vector>

namespace routebench::stats {

// Adjusted p-values, in the order of `p`; reject where the adjusted value is below the level. Empty for none.

// Holm, A simple sequentially rejective multiple test procedure (1979): the chance of any false rejection.
std::vector<double> Holm(std::span<const double> p);
// Benjamini & Hochberg, Controlling the false discovery rate (1995): the share of false ones among the
// rejected.
std::vector<double> BenjaminiHochberg(std::span<const double> p);

// The level at which each of `count` intervals is drawn so that all of them hold together at 1 - alpha
// (Bonferroni). alpha itself for 0 and 1.
double BonferroniLevel(double alpha, size_t count);

}  // namespace routebench::stats

#endif  // ROUTEBENCH_ANALYSIS_STATS_MULTIPLICITY_H_
