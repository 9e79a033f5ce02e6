// What the runs amount to: figures for each broker, and ours over each of the others with intervals.
#ifndef ROUTEBENCH_TESTS_BENCH_PEERS_COMPARISON_H_
#define ROUTEBENCH_TESTS_BENCH_PEERS_COMPARISON_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "analysis/stats/verdict.h"
#include "tests/bench/peers/broker.h"

namespace routebench::bench {

enum class Measure { kOneWay, kRoundTrip };
// "one way", "round trip".
const char* Name(Measure measure);

struct Run {
  size_t block = 0;  // from 1
  Measure measure = Measure::kOneWay;
  std::string broker;
  std::string placement;
  double figure = 0;    // one way: events per second; round trip: p50 in microseconds
  double p99_us = 0;    // round trip
  std::string invalid;  // why it has no figure; empty: it has
};

// Of one broker in one placement: medians over the valid runs.
struct Figure {
  Measure measure = Measure::kOneWay;
  std::string broker;
  std::string placement;
  size_t runs = 0;
  double median = 0;
  double lowest = 0;
  double highest = 0;
  double p99_us = 0;
  bool best = false;  // of this broker's placements
};

// Ours over another: Hodges-Lehmann of the blocks' log ratios, with the interval of the exact signed-rank
// test (analysis/stats/verdict.h). In one placement, or each in the one where it is best (then `placement`
// says so).
inline constexpr char kBestOfEach[] = "best of each";
struct Ratio {
  Measure measure = Measure::kOneWay;
  std::string ours;
  std::string peer;
  std::string placement;
  stats::Estimate estimate;
};

// What the project asks of ours over the best of the peers, each in its best placement.
struct Bar {
  Measure measure = Measure::kOneWay;
  std::string ours;
  std::string peer;  // the best one
  double limit = 0;
  bool at_least = true;
  double ratio = 0;
  bool met = false;
};

struct Comparison {
  std::vector<Figure> figures;
  std::vector<Ratio> ratios;
  std::vector<Bar> bars;
};

Comparison Compare(const std::vector<Broker>& brokers, const std::vector<Run>& runs);

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_PEERS_COMPARISON_H_
