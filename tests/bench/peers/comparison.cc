#include "tests/bench/peers/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

namespace routebench::bench {
namespace {

struct Wanted {
  Measure measure;
  const char* ours;
  double limit;
};
constexpr Wanted kBars[] = {{Measure::kOneWay, "daemon:unix", 2},
                            {Measure::kRoundTrip, "daemon:unix", 1.1},
                            {Measure::kOneWay, "daemon:shm", 5}};

bool HigherIsBetter(Measure measure) { return measure == Measure::kOneWay; }
bool IsBetter(Measure measure, double a, double b) { return HigherIsBetter(measure) ? a > b : a < b; }

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<Figure> FiguresOf(const std::vector<Run>& runs) {
  std::vector<Figure> figures;
  std::map<std::tuple<Measure, std::string, std::string>, std::pair<std::vector<double>, std::vector<double>>>
      values;
  for (const Run& run : runs) {
    if (!run.invalid.empty()) continue;
    auto& [main, tail] = values[{run.measure, run.broker, run.placement}];
    main.push_back(run.figure);
    tail.push_back(run.p99_us);
  }
  for (const auto& [key, both] : values) {
    const auto& [measure, broker, placement] = key;
    const auto [lowest, highest] = std::minmax_element(both.first.begin(), both.first.end());
    figures.push_back({measure, broker, placement, both.first.size(), Median(both.first), *lowest, *highest,
                       Median(both.second), false});
  }
  return figures;
}

Figure* BestOf(std::vector<Figure>& figures, Measure measure, const std::string& broker) {
  Figure* best = nullptr;
  for (Figure& figure : figures) {
    if (figure.measure != measure || figure.broker != broker) continue;
    if (best == nullptr || IsBetter(measure, figure.median, best->median)) best = &figure;
  }
  return best;
}

// By block, of the valid runs.
std::map<size_t, double> ByBlock(const std::vector<Run>& runs, const Figure& figure) {
  std::map<size_t, double> values;
  for (const Run& run : runs) {
    if (run.invalid.empty() && run.measure == figure.measure && run.broker == figure.broker &&
        run.placement == figure.placement)
      values[run.block] = run.figure;
  }
  return values;
}

std::optional<stats::Estimate> Estimated(const std::vector<Run>& runs, const Figure& ours,
                                         const Figure& peer) {
  const std::map<size_t, double> peers = ByBlock(runs, peer);
  std::vector<double> log_ratios;
  for (const auto& [block, value] : ByBlock(runs, ours)) {
    if (const auto it = peers.find(block); it != peers.end())
      log_ratios.push_back(std::log(value / it->second));
  }
  return stats::EstimateRatio(log_ratios, 1);
}

void AddRatios(const std::vector<Run>& runs, Measure measure, const std::string& ours,
               const std::string& peer, Comparison& comparison) {
  const Figure* const our_best = BestOf(comparison.figures, measure, ours);
  const Figure* const their_best = BestOf(comparison.figures, measure, peer);
  if (our_best == nullptr || their_best == nullptr) return;
  if (auto estimate = Estimated(runs, *our_best, *their_best))
    comparison.ratios.push_back({measure, ours, peer, kBestOfEach, *estimate});
  for (const Figure& mine : comparison.figures) {
    for (const Figure& theirs : comparison.figures) {
      if (mine.measure != measure || theirs.measure != measure || mine.broker != ours ||
          theirs.broker != peer || mine.placement != theirs.placement)
        continue;
      if (auto estimate = Estimated(runs, mine, theirs))
        comparison.ratios.push_back({measure, ours, peer, mine.placement, *estimate});
    }
  }
}

void AddBars(const std::vector<Broker>& brokers, Comparison& comparison) {
  for (const Wanted& wanted : kBars) {
    const Figure* best = nullptr;
    for (const Broker& broker : brokers) {
      const Figure* const figure =
          broker.ours ? nullptr : BestOf(comparison.figures, wanted.measure, broker.name);
      if (figure != nullptr && (best == nullptr || IsBetter(wanted.measure, figure->median, best->median)))
        best = figure;
    }
    if (best == nullptr) continue;
    for (const Ratio& ratio : comparison.ratios) {
      if (ratio.measure != wanted.measure || ratio.ours != wanted.ours || ratio.peer != best->broker ||
          ratio.placement != kBestOfEach)
        continue;
      const bool at_least = HigherIsBetter(wanted.measure);
      const double value = ratio.estimate.ratio;
      comparison.bars.push_back({wanted.measure, wanted.ours, best->broker, wanted.limit, at_least, value,
                                 at_least ? value >= wanted.limit : value <= wanted.limit});
    }
  }
}

}  // namespace

const char* Name(Measure measure) { return measure == Measure::kOneWay ? "one way" : "round trip"; }

Comparison Compare(const std::vector<Broker>& brokers, const std::vector<Run>& runs) {
  Comparison comparison;
  comparison.figures = FiguresOf(runs);
  for (const Measure measure : {Measure::kOneWay, Measure::kRoundTrip}) {
    for (const Broker& broker : brokers) {
      if (Figure* const best = BestOf(comparison.figures, measure, broker.name)) best->best = true;
    }
    for (const Broker& ours : brokers) {
      for (const Broker& peer : brokers) {
        if (ours.ours && !peer.ours) AddRatios(runs, measure, ours.name, peer.name, comparison);
      }
    }
  }
  AddBars(brokers, comparison);
  return comparison;
}

}  // namespace routebench::bench
