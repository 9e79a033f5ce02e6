// Where the time of sampled deliveries went, in bands around two quantiles of the response.
#ifndef ROUTEBENCH_ANALYSIS_RECORD_STAGES_H_
#define ROUTEBENCH_ANALYSIS_RECORD_STAGES_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "record.pb.h"

namespace routebench::record {

// All marks in their order (events/stages.h has what they mean; this room does not see it).
const std::vector<std::string>& StageMarkNames();

// The sampled deliveries whose response lies in a band of quantiles of all responses.
struct StageBand {
  std::string name;        // "p50": p45 to p55; "p99": p98.5 to p99.5
  uint64_t samples = 0;    // that lie in it
  double response_ns = 0;  // their mean response, which is the sum of the stages
  // Mean of each stage, by the mark that ends it, in the order of StageTable::stages. Empty: too few samples
  // (below kMinSamples), or the band is not delivered.
  std::vector<double> mean_ns;

  static constexpr uint64_t kMinSamples = 20;
  bool known() const { return !mean_ns.empty(); }
  // Of the response; 0 where that is 0.
  double share(size_t stage) const { return response_ns > 0 ? mean_ns[stage] / response_ns : 0; }
};

// Whether the sampled deliveries are as fast as all of them.
enum class SampleCheck : uint8_t {
  kAgrees,   // the mean responses differ by at most 2 %
  kTooFew,   // the standard error of the difference does not allow to say
  kDiffers,  // they differ by more, and by more than three standard errors
};

struct StageTable {
  uint32_t one_in = 0;              // events; 0: nothing was sampled
  uint64_t deliveries = 0;          // sampled ones in the measured part
  uint64_t violations = 0;          // out of order, or their stages did not sum to their response
  std::vector<std::string> stages;  // by the mark that ends each, in order
  std::vector<StageBand> bands;     // p50, p99
  double difference = 0;      // of the mean response of the sampled deliveries from that of all, as a share
  double standard_error = 0;  // of it; fan-out counted as one observation
  SampleCheck check = SampleCheck::kTooFew;

  bool empty() const { return deliveries == 0; }
};

// Of one run, or of runs of one plan together. The records have passed CheckRunRecord.
StageTable TabulateStages(const std::vector<const RunRecord*>& runs);

// "1 in 128 events, 1,234 deliveries sampled; their mean response is 0.3 % from that of all (standard error
// 0.5 %)". Requires deliveries.
std::string SamplingText(const StageTable& table);

// "INJECTED: routed delayed by 20.0 us; handled frozen ..."; empty: the run is a real one.
std::string InjectionText(const RunPlan& plan);

// Whether marks and numbers fit together.
absl::Status CheckStages(const StageRecord& stages);

}  // namespace routebench::record

#endif  // ROUTEBENCH_ANALYSIS_RECORD_STAGES_H_
