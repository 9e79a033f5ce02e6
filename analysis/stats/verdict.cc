#include "analysis/stats/verdict.h"

#include <algorithm>
#include <cmath>

#include "analysis/stats/multiplicity.h"

namespace routebench::stats {
namespace {

constexpr double kMostBlocks = 10000;

Interval Exp(const Interval& interval) { return {std::exp(interval.low), std::exp(interval.high)}; }

// Blocks at which an interval of this half-width, now resting on `blocks`, is `wanted` wide on each side.
double BlocksFor(double half_width, double wanted, size_t blocks) {
  if (wanted <= 0 || !std::isfinite(half_width)) return kMostBlocks + 1;
  const double factor = half_width / wanted;
  return std::ceil(static_cast<double>(blocks) * factor * factor);
}

std::optional<size_t> FurtherBlocks(const Estimate& estimate, double margin) {
  const auto half_width = [](const Interval& ratio) {
    return (std::log(ratio.high) - std::log(ratio.low)) / 2;
  };
  const double effect = std::abs(std::log(estimate.ratio));
  const double for_equivalence =
      BlocksFor(half_width(estimate.interval90), std::log1p(margin) - effect, estimate.blocks);
  const double for_difference = BlocksFor(half_width(estimate.interval_family), effect, estimate.blocks);
  const double wanted = std::min(for_equivalence, for_difference);
  if (wanted > kMostBlocks) return std::nullopt;
  const double further = std::max(1.0, wanted - static_cast<double>(estimate.blocks));
  return static_cast<size_t>(further);
}

}  // namespace

std::string_view Name(Verdict verdict) {
  switch (verdict) {
    case Verdict::kBetter:
      return "better";
    case Verdict::kWorse:
      return "worse";
    case Verdict::kEquivalent:
      return "equivalent";
    case Verdict::kInconclusive:
      return "inconclusive";
    case Verdict::kInvalid:
      return "invalid";
    case Verdict::kExploratory:
      return "exploratory";
  }
  return "unknown";
}

std::optional<Estimate> EstimateRatio(std::span<const double> log_ratios, size_t family_size) {
  const std::optional<double> shift = HodgesLehmann(log_ratios);
  if (!shift.has_value()) return std::nullopt;
  Estimate estimate;
  estimate.blocks = log_ratios.size();
  estimate.ratio = std::exp(*shift);
  estimate.interval95 = Exp(*SignedRankInterval(log_ratios, kLevel));
  estimate.interval90 = Exp(*SignedRankInterval(log_ratios, kEquivalenceLevel));
  estimate.interval_family = Exp(*SignedRankInterval(log_ratios, BonferroniLevel(kLevel, family_size)));
  estimate.p = SignedRankP(log_ratios);
  return estimate;
}

Decision Decide(const Estimate& estimate, double adjusted_p, bool lower_is_better, double margin) {
  Decision decision;
  if (estimate.blocks < kMinBlocks) {
    decision.verdict = Verdict::kExploratory;
    return decision;
  }
  const Interval& interval = estimate.interval90;
  if (interval.low >= 1 / (1 + margin) && interval.high <= 1 + margin) {
    decision.verdict = Verdict::kEquivalent;
    decision.equivalent_but_different = interval.low > 1 || interval.high < 1;
  } else if (adjusted_p < kLevel && estimate.ratio != 1) {
    decision.verdict = (estimate.ratio < 1) == lower_is_better ? Verdict::kBetter : Verdict::kWorse;
  } else {
    decision.verdict = Verdict::kInconclusive;
    decision.further_blocks = FurtherBlocks(estimate, margin);
  }
  return decision;
}

}  // namespace routebench::stats
