// The comparison as a table for people and as JSON for programs.
#ifndef ROUTEBENCH_TESTS_BENCH_PEERS_OUTPUT_H_
#define ROUTEBENCH_TESTS_BENCH_PEERS_OUTPUT_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "tests/bench/peers/comparison.h"
#include "tests/bench/peers/options.h"

namespace routebench::bench {

void PrintTable(const Options& options, const std::vector<Broker>& brokers, const std::vector<Run>& runs,
                const Comparison& comparison, std::ostream& out);
// One object, schema routebench.peers.v1.
void PrintJson(const Options& options, const std::vector<Broker>& brokers, const std::vector<Run>& runs,
               const Comparison& comparison, std::ostream& out);

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_PEERS_OUTPUT_H_
