// Durations of single operations, for benchmarks that report quantiles.
#ifndef ROUTEBENCH_TESTS_BENCH_SAMPLES_H_
#define ROUTEBENCH_TESTS_BENCH_SAMPLES_H_

#include <algorithm>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "events/clock.h"

namespace routebench::bench {

class Samples {
 public:
  void Add(Duration duration) { nanos_.push_back(duration.count()); }
  // Runs and times it.
  template <typename Operation>
  void Time(const Operation& operation) {
    const TimePoint start = std::chrono::steady_clock::now();
    operation();
    Add(std::chrono::steady_clock::now() - start);
  }
  // As the counters `name`_p50_us and `name`_p99_us.
  void Report(benchmark::State& state, const std::string& name) {
    if (nanos_.empty()) return;
    std::sort(nanos_.begin(), nanos_.end());
    state.counters[name + "_p50_us"] = static_cast<double>(nanos_[nanos_.size() / 2]) / 1e3;
    state.counters[name + "_p99_us"] = static_cast<double>(nanos_[nanos_.size() * 99 / 100]) / 1e3;
  }

 private:
  std::vector<int64_t> nanos_;
};

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_SAMPLES_H_
