// The command line of the comparison with other brokers.
#ifndef ROUTEBENCH_TESTS_BENCH_PEERS_OPTIONS_H_
#define ROUTEBENCH_TESTS_BENCH_PEERS_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"

namespace routebench::bench {

struct Options {
  size_t blocks = 12;
  uint64_t events = 200'000;
  size_t trips = 3'000;
  uint64_t window = 8'192;
  std::string measure = "both";
  std::vector<std::string> brokers;  // empty: all
  uint64_t seed = 0;                 // of the first block's order; 0: drawn
  std::string eventd;
  bool json = false;
  bool quiet = false;
};

void AddFlags(CLI::App& app, Options& options);

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_PEERS_OPTIONS_H_
