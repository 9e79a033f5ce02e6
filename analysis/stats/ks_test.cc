#include "analysis/stats/ks_test.h"

#include <algorithm>
#include <boost/math/distributions/kolmogorov_smirnov.hpp>
#include <cmath>

namespace routebench::stats {

KsResult KolmogorovSmirnov(std::vector<double> values, const std::function<double(double)>& cdf) {
  KsResult result;
  if (values.empty()) return result;
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const double expected = cdf(values[i]);
    const auto below = static_cast<double>(i);
    result.distance = std::max({result.distance, expected - below / n, (below + 1) / n - expected});
  }
  const double scale = std::sqrt(n) + 0.12 + 0.11 / std::sqrt(n);
  const boost::math::kolmogorov_smirnov_distribution<double> asymptotic(scale * scale);
  result.p = std::clamp(boost::math::cdf(boost::math::complement(asymptotic, result.distance)), 0.0, 1.0);
  return result;
}

}  // namespace routebench::stats
