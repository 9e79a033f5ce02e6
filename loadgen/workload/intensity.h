// Load shapes: the intensity of arrivals as a function of time, with its exact integral.
#ifndef ROUTEBENCH_LOADGEN_WORKLOAD_INTENSITY_H_
#define ROUTEBENCH_LOADGEN_WORKLOAD_INTENSITY_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "analysis/record/run_record.h"

namespace routebench::loadgen {

// A piecewise linear intensity. Times are seconds from the start of the run, rates events per second.
class Intensity {
 public:
  struct Segment {
    double start;
    double end;  // == the next one's start
    double rate_at_start;
    double rate_at_end;
    uint8_t phase;
  };

  // Segments follow each other; empty ones are left out.
  void Add(const Segment& segment);

  const std::vector<Segment>& segments() const { return segments_; }
  // Expected number of arrivals up to `time`.
  double Integral(double time) const;
  double total() const { return cumulative_.empty() ? 0 : cumulative_.back(); }

  // Times at which the integral reaches growing values: exact inverse by the quadratic formula. Values must
  // not fall.
  class Inverse {
   public:
    explicit Inverse(const Intensity& intensity) : intensity_(intensity) {}
    struct Point {
      double time;
      uint8_t phase;
    };
    // Requires 0 <= value <= total().
    Point At(double value);

   private:
    const Intensity& intensity_;
    size_t segment_ = 0;
  };

 private:
  std::vector<Segment> segments_;
  std::vector<double> cumulative_;  // at the end of each segment
};

// The intensity of processes that go on at the same time. All cover the same time and agree on its phases.
Intensity Superpose(const std::vector<Intensity>& parts);

// The phases of a pattern, in the order of their numbers; the first is "warmup".
std::vector<std::string> PhasesOf(const record::RunPlan& plan);

// The plan's pattern (steady, burst, ramp or spike; not mixed) over warm-up and measured part, its rate
// multiplied by `share`. The warm-up is steady at the mean rate; the mean over the measured part is the
// plan's rate whatever the shape. InvalidArgument where the shape cannot keep the mean (a burst that holds
// more than its period, a spike outside the run).
absl::StatusOr<Intensity> MakeIntensity(const record::RunPlan& plan, const std::string& pattern,
                                        double share);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_WORKLOAD_INTENSITY_H_
