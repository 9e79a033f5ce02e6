// Prints what a benchmark is worth beside its limit: the best of each over the repetitions, and their ratio.
#ifndef ROUTEBENCH_TESTS_BENCH_RATIO_REPORTER_H_
#define ROUTEBENCH_TESTS_BENCH_RATIO_REPORTER_H_

#include <map>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"

namespace routebench::bench {

// One comparison: benchmarks whose names begin with `ours` against those that begin with `limit` (pinned and
// unpinned variants and repetitions alike; the best of each counts).
struct Ratio {
  std::string title;
  std::string ours;
  std::string limit;
  std::string counter;  // a user counter, for instance "items_per_second" or "p50_us"
  bool higher_is_better = true;
  double bar = 0;  // what the project asks of ours / limit; 0: nothing
};

// A console reporter that closes with one line for each ratio. Judges nothing: prints the bar beside the
// figure.
class RatioReporter final : public benchmark::ConsoleReporter {
 public:
  explicit RatioReporter(std::vector<Ratio> ratios);
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override;

 private:
  void Note(std::map<std::string, double>& best, const Ratio& ratio, const std::string& prefix,
            const Run& run);

  std::vector<Ratio> ratios_;
  std::map<std::string, double> best_ours_;   // by title
  std::map<std::string, double> best_limit_;  // by title
};

// What every ratio benchmark's main does: flags, run, close with the ratios.
int RunWithRatios(int argc, char** argv, std::vector<Ratio> ratios);

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_RATIO_REPORTER_H_
