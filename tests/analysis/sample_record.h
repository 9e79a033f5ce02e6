// Run records made up for tests of what reads them: small, whole and balanced.
#ifndef ROUTEBENCH_TESTS_ANALYSIS_SAMPLE_RECORD_H_
#define ROUTEBENCH_TESTS_ANALYSIS_SAMPLE_RECORD_H_

#include <cstdint>
#include <string>

#include "record.pb.h"

namespace routebench::testing {

struct SampleRun {
  std::string backend = "coordinator";
  std::string pattern = "steady";
  uint32_t block = 1;  // 0: no campaign
  uint32_t planned_blocks = 12;
  std::string primary_metric = "p99";
  double scale = 1;          // of every latency and of the CPU
  uint64_t events = 20'000;  // half of them filesystem, half database; one delivery each
  uint64_t lost = 0;         // filesystem deliveries that never came
  bool stages = false;       // every 20th delivery was sampled; a tenth of its response is before "sent"
};

// Latencies are spread evenly in the logarithm from 20 us to 2 ms, times `scale`. Passes CheckRunRecord; the
// same argument makes the same bytes.
record::RunRecord MakeRecord(const SampleRun& run);

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_ANALYSIS_SAMPLE_RECORD_H_
