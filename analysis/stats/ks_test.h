// The one-sample Kolmogorov-Smirnov test: are these values a sample of that distribution?
//
// Kolmogorov 1933; for small samples with Stephens' correction (EDF statistics for goodness of fit and some
// comparisons, 1974), good to a few percent of p from n = 5 on.
#ifndef ROUTEBENCH_ANALYSIS_STATS_KS_TEST_H_
#define ROUTEBENCH_ANALYSIS_STATS_KS_TEST_H_

#include <functional>
#include <vector>

namespace routebench::stats {

struct KsResult {
  double distance = 0;  // largest difference between the empirical and the given distribution
  double p = 1;
};

// `cdf` is the cumulative distribution, continuous and non-decreasing, fixed before the values were seen (no
// parameter estimated from them). p = 1 for no values.
KsResult KolmogorovSmirnov(std::vector<double> values, const std::function<double(double)>& cdf);

}  // namespace routebench::stats

#endif  // ROUTEBENCH_ANALYSIS_STATS_KS_TEST_H_
