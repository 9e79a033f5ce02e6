// Recording one latency, which every probe does for every delivery. Bar: 2 ns, its limit the addition to an
// array that it cannot do without.
#include <cstdint>
#include <vector>

#include "analysis/record/histogram.h"
#include "benchmark/benchmark.h"

namespace routebench::bench {
namespace {

// Latencies from 1 us to 16 ms in no order, the same for both.
constexpr size_t kLatencies = 4096;  // a power of two: nobody wants to time a division

std::vector<int64_t> Latencies() {
  std::vector<int64_t> latencies(kLatencies);
  uint64_t state = 1;
  for (int64_t& latency : latencies) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    latency = static_cast<int64_t>(1000 + (state >> 40) % (uint64_t{1} << (10 + (state >> 33) % 14)));
  }
  return latencies;
}

void BM_Record(benchmark::State& state) {
  const std::vector<int64_t> latencies = Latencies();
  record::Histogram histogram;
  size_t i = 0;
  for (auto _ : state) histogram.Record(latencies[i++ % kLatencies]);
  benchmark::DoNotOptimize(histogram.count());
}
BENCHMARK(BM_Record);

void BM_LimitOneAddition(benchmark::State& state) {
  const std::vector<int64_t> latencies = Latencies();
  std::vector<uint64_t> counts(kLatencies);
  size_t i = 0;
  for (auto _ : state) ++counts[static_cast<uint64_t>(latencies[i++ % kLatencies]) % kLatencies];
  benchmark::DoNotOptimize(counts.data());
}
BENCHMARK(BM_LimitOneAddition);

}  // namespace
}  // namespace routebench::bench

BENCHMARK_MAIN();
