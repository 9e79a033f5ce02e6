#include "tests/bench/ratio_reporter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"

namespace routebench::bench {

RatioReporter::RatioReporter(std::vector<Ratio> ratios) : ratios_(std::move(ratios)) {}

void RatioReporter::ReportRuns(const std::vector<Run>& runs) {
  for (const Run& run : runs) {
    if (run.run_type != Run::RT_Iteration || run.error_occurred) continue;
    for (const Ratio& ratio : ratios_) {
      Note(best_ours_, ratio, ratio.ours, run);
      Note(best_limit_, ratio, ratio.limit, run);
    }
  }
  ConsoleReporter::ReportRuns(runs);
}

void RatioReporter::Note(std::map<std::string, double>& best, const Ratio& ratio, const std::string& prefix,
                         const Run& run) {
  if (!absl::StartsWith(run.benchmark_name(), prefix)) return;
  const auto counter = run.counters.find(ratio.counter);
  if (counter == run.counters.end()) return;
  const double value = counter->second.value;
  const auto [it, inserted] = best.emplace(ratio.title, value);
  if (!inserted)
    it->second = ratio.higher_is_better ? std::max(it->second, value) : std::min(it->second, value);
}

void RatioReporter::Finalize() {
  for (const Ratio& ratio : ratios_) {
    const auto ours = best_ours_.find(ratio.title);
    const auto limit = best_limit_.find(ratio.title);
    if (ours == best_ours_.end() || limit == best_limit_.end()) {
      GetOutputStream() << absl::StrFormat("%s: not measured\n", ratio.title);
      continue;
    }
    GetOutputStream() << absl::StrFormat("%s: %s ours %.4g, limit %.4g, ratio %.3f", ratio.title,
                                         ratio.counter, ours->second, limit->second,
                                         ours->second / limit->second);
    if (ratio.bar > 0) {
      GetOutputStream() << absl::StrFormat(" (asked: at %s %.3g)", ratio.higher_is_better ? "least" : "most",
                                           ratio.bar);
    }
    GetOutputStream() << "\n";
  }
}

int RunWithRatios(int argc, char** argv, std::vector<Ratio> ratios) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 64;
  RatioReporter reporter(std::move(ratios));
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}

}  // namespace routebench::bench
