#include "analysis/stats/signed_rank.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

namespace routebench::stats {
namespace {

// Mid-ranks are multiples of one half: everything below counts in halves.
using Ranks = std::vector<uint32_t>;

struct Ranked {
  Ranks ranks;            // of the differences that are not zero, ascending
  uint64_t positive = 0;  // sum of the ranks of the positive ones
};

Ranked Rank(std::span<const double> differences, double shift) {
  std::vector<double> moved;
  for (const double difference : differences) moved.push_back(difference - shift);
  std::sort(moved.begin(), moved.end(), [](double a, double b) { return std::abs(a) < std::abs(b); });
  Ranked ranked;
  for (size_t i = 0; i < moved.size();) {
    size_t end = i;
    while (end < moved.size() && std::abs(moved[end]) == std::abs(moved[i])) ++end;
    const auto twice_mid_rank = static_cast<uint32_t>(i + 1 + end);
    for (; i < end; ++i) {
      if (moved[i] == 0) continue;
      ranked.ranks.push_back(twice_mid_rank);
      if (moved[i] > 0) ranked.positive += twice_mid_rank;
    }
  }
  return ranked;
}

// Probability of each value of the statistic when every sign is a fair coin.
std::vector<double> Distribution(const Ranks& ranks) {
  std::vector<double> probability(std::accumulate(ranks.begin(), ranks.end(), size_t{1}), 0.0);
  probability[0] = 1;
  size_t reach = 0;
  for (const uint32_t rank : ranks) {
    reach += rank;
    for (size_t value = reach + 1; value-- > 0;) {
      probability[value] = (probability[value] + (value >= rank ? probability[value - rank] : 0)) / 2;
    }
  }
  return probability;
}

// Distributions by their ranks: without ties among the data, every shift has the same one.
using Distributions = std::map<Ranks, std::vector<double>>;

double TwoSidedP(const Ranked& ranked, Distributions& distributions) {
  if (ranked.ranks.empty()) return 1;
  auto [it, is_new] = distributions.try_emplace(ranked.ranks);
  if (is_new) it->second = Distribution(ranked.ranks);
  const std::vector<double>& probability = it->second;
  // The distribution is symmetric: the smaller tail is the one on the statistic's own side.
  const uint64_t tail = std::min<uint64_t>(ranked.positive, probability.size() - 1 - ranked.positive);
  const double below =
      std::accumulate(probability.begin(), probability.begin() + static_cast<ptrdiff_t>(tail) + 1, 0.0);
  return std::min(1.0, 2 * below);
}

std::vector<double> WalshAverages(std::span<const double> differences) {
  std::vector<double> averages;
  averages.reserve(differences.size() * (differences.size() + 1) / 2);
  for (size_t i = 0; i < differences.size(); ++i) {
    for (size_t j = i; j < differences.size(); ++j) averages.push_back((differences[i] + differences[j]) / 2);
  }
  std::sort(averages.begin(), averages.end());
  return averages;
}

// From the outside inward: the first average whose own shift, or the gap beyond it, the test does not reject.
template <typename Iterator>
double Bound(Iterator begin, Iterator end, double outermost, std::span<const double> differences,
             double alpha, Distributions& distributions) {
  const auto kept = [&](double shift) { return TwoSidedP(Rank(differences, shift), distributions) > alpha; };
  double before = outermost;
  for (Iterator it = begin; it != end; ++it) {
    if (*it == before) continue;
    const double gap = std::isinf(before) ? *it + (before > 0 ? 1.0 : -1.0) : before + (*it - before) / 2;
    if (kept(gap)) return before;
    if (kept(*it)) return *it;
    before = *it;
  }
  return before;
}

}  // namespace

double SignedRankP(std::span<const double> differences, double shift) {
  Distributions distributions;
  return TwoSidedP(Rank(differences, shift), distributions);
}

std::optional<double> HodgesLehmann(std::span<const double> differences) {
  const std::vector<double> averages = WalshAverages(differences);
  if (averages.empty()) return std::nullopt;
  const size_t middle = averages.size() / 2;
  if (averages.size() % 2 == 1) return averages[middle];
  return (averages[middle - 1] + averages[middle]) / 2;
}

std::optional<Interval> SignedRankInterval(std::span<const double> differences, double alpha) {
  const std::vector<double> averages = WalshAverages(differences);
  if (averages.empty()) return std::nullopt;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Distributions distributions;
  return Interval{
      Bound(averages.begin(), averages.end(), -kInfinity, differences, alpha, distributions),
      Bound(averages.rbegin(), averages.rend(), kInfinity, differences, alpha, distributions),
  };
}

}  // namespace routebench::stats
