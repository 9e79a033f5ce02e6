#include "analysis/stats/multiplicity.h"

#include <algorithm>
#include <numeric>

namespace routebench::stats {
namespace {

std::vector<size_t> Ascending(std::span<const double> p) {
  std::vector<size_t> order(p.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [p](size_t a, size_t b) { return p[a] < p[b]; });
  return order;
}

}  // namespace

std::vector<double> Holm(std::span<const double> p) {
  std::vector<double> adjusted(p.size());
  double largest = 0;
  size_t remaining = p.size();
  for (const size_t i : Ascending(p)) {
    largest = std::max(largest, std::min(1.0, p[i] * static_cast<double>(remaining--)));
    adjusted[i] = largest;
  }
  return adjusted;
}

std::vector<double> BenjaminiHochberg(std::span<const double> p) {
  std::vector<double> adjusted(p.size());
  const std::vector<size_t> order = Ascending(p);
  double smallest = 1;
  for (size_t rank = p.size(); rank > 0; --rank) {
    const size_t i = order[rank - 1];
    smallest = std::min(smallest, p[i] * static_cast<double>(p.size()) / static_cast<double>(rank));
    adjusted[i] = smallest;
  }
  return adjusted;
}

double BonferroniLevel(double alpha, size_t count) {
  return alpha / static_cast<double>(std::max<size_t>(count, 1));
}

}  // namespace routebench::stats
