// What the probes keep of sampled deliveries.
#ifndef ROUTEBENCH_LOADGEN_STAGE_SAMPLES_H_
#define ROUTEBENCH_LOADGEN_STAGE_SAMPLES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "analysis/record/run_record.h"
#include "events/event.h"
#include "events/stages.h"

namespace routebench::loadgen {

// The first moments of all responses, and the stages of up to kMost deliveries, chosen at random: each has a
// random number, and the smallest stay. So two sets are merged by keeping the smallest of both. Not
// thread-safe.
class StageSamples {
 public:
  static constexpr size_t kMost = 8192;

  // `seed` differs between sets that are merged.
  explicit StageSamples(uint64_t seed = 0) : random_(seed << 32) {}

  // So that Add allocates nothing.
  void Reserve() { kept_.reserve(kMost); }
  // A delivery that was handed at `stages`' last mark, when the probe saw it; `measured`: not in the warm-up.
  // It must be in order, have the marks that the others have, begin with the header's due time, and its
  // stages must sum to the response; else it is a violation and nothing more.
  void Add(const StageStamps& stages, const EventHeader& header, TimePoint arrival, bool measured);
  void Merge(const StageSamples& other);

  uint64_t violations() const { return violations_; }
  void ToRecord(record::StageRecord* stages) const;

 private:
  using Marks = uint16_t;  // a bit for each
  struct Sample {
    uint64_t number;
    std::array<int64_t, kStageMarkCount> stage;  // by the mark that ends it
    bool operator<(const Sample& other) const { return number < other.number; }
  };
  static Sample StagesOf(const StageStamps& stages, Marks* marks);
  void Keep(const Sample& sample);

  uint64_t random_;
  Marks marks_ = 0;  // of the first one
  uint64_t deliveries_ = 0;
  uint64_t violations_ = 0;
  double sum_ = 0;  // of the responses, in nanoseconds
  double sum_of_squares_ = 0;
  std::vector<Sample> kept_;  // a heap, the largest number first
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_STAGE_SAMPLES_H_
