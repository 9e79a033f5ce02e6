#include "loadgen/workload/intensity.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "loadgen/workload/quantities.h"

namespace routebench::loadgen {
namespace {

constexpr size_t kMaxSegments = 1'000'000;
constexpr double kRounding = 1e-9;  // of periods, when they are counted

double AreaOf(const Intensity::Segment& s) {
  return (s.end - s.start) * (s.rate_at_start + s.rate_at_end) / 2;
}

double RateAt(const Intensity::Segment& s, double time) {
  return s.rate_at_start + (s.rate_at_end - s.rate_at_start) * (time - s.start) / (s.end - s.start);
}

// What every shape needs to know: where the measured part begins and ends, and its mean rate.
struct Frame {
  double begin;
  double end;
  double rate;
  double share;
  uint8_t phase(uint8_t of_shape) const { return single_phase ? 1 : of_shape; }
  bool single_phase;
};

absl::Status AddBursts(const Frame& frame, const record::Shape& shape, Intensity& intensity) {
  const double every = static_cast<double>(shape.burst_every_ns()) / 1e9;
  const double factor = shape.burst_factor();
  const double in_period = frame.rate * every;
  // A category of a mix bursts like the whole, with its share of the events.
  const double in_burst = static_cast<double>(shape.burst_size()) * frame.share;
  const double length = in_burst / (frame.rate * factor);
  if (every <= 0 || factor <= 1 || length >= every || in_burst > in_period) {
    return absl::InvalidArgumentError(
        "bursts must be shorter than the time between them and faster than the mean: see --burst-size, "
        "--burst-every and --burst-factor");
  }
  if ((frame.end - frame.begin) / every > static_cast<double>(kMaxSegments) / 2) {
    return absl::InvalidArgumentError("--burst-every is too short for the duration");
  }
  const double between = (in_period - in_burst) / (every - length);
  // Whole periods only, and the mean rate after the last one: part of a period would not have the mean.
  const double periods = std::floor((frame.end - frame.begin) / every + kRounding);
  if (periods < 1) return absl::InvalidArgumentError("--burst-every is longer than the measured part");
  const auto start_of = [&](double period) { return frame.begin + period * every; };
  for (double period = 0; period < periods; ++period) {
    const double burst_end = start_of(period) + length;
    const double end = std::min(start_of(period + 1), frame.end);
    intensity.Add({start_of(period), burst_end, frame.rate * factor, frame.rate * factor, frame.phase(1)});
    intensity.Add({burst_end, end, between, between, frame.phase(2)});
  }
  intensity.Add({start_of(periods), frame.end, frame.rate, frame.rate, frame.phase(2)});
  return absl::OkStatus();
}

absl::Status AddRamp(const Frame& frame, const record::Shape& shape, Intensity& intensity) {
  const double from = shape.ramp_from();
  const double to = shape.ramp_to();
  if (from < 0 || to < 0 || from + to <= 0) {
    return absl::InvalidArgumentError(
        "--ramp-from and --ramp-to are multiples of the mean rate and not both 0");
  }
  const double scale = 2 * frame.rate / (from + to);
  const double length = frame.end - frame.begin;
  const auto rate_at = [&](double part) { return scale * (from + (to - from) * part); };
  for (int third = 0; third < 3; ++third) {
    intensity.Add({frame.begin + length * third / 3, frame.begin + length * (third + 1) / 3,
                   rate_at(third / 3.0), rate_at((third + 1) / 3.0),
                   frame.phase(static_cast<uint8_t>(1 + third))});
  }
  return absl::OkStatus();
}

absl::Status AddSpikes(const Frame& frame, const record::Shape& shape, Intensity& intensity) {
  const double at = static_cast<double>(shape.spike_at_ns()) / 1e9;
  const double length = static_cast<double>(shape.spike_for_ns()) / 1e9;
  const double every = static_cast<double>(shape.spike_every_ns()) / 1e9;
  const double factor = shape.spike_factor();
  if (factor <= 0 || length <= 0 || frame.begin + at + length > frame.end || (every > 0 && every <= length)) {
    return absl::InvalidArgumentError(
        "a spike must lie inside the measured part and end before the next one: see --spike-at, --spike-for "
        "and --spike-every");
  }
  std::vector<double> starts;
  for (double start = frame.begin + at; start + length <= frame.end && starts.size() < kMaxSegments;
       start += every) {
    starts.push_back(start);
    if (every <= 0) break;
  }
  const double spiked = length * static_cast<double>(starts.size());
  const double all = frame.end - frame.begin;
  const double base = frame.rate * all / (all - spiked + factor * spiked);
  double now = frame.begin;
  for (const double start : starts) {
    intensity.Add({now, start, base, base, frame.phase(1)});
    intensity.Add({start, start + length, base * factor, base * factor, frame.phase(2)});
    now = start + length;
  }
  intensity.Add({now, frame.end, base, base, frame.phase(1)});
  return absl::OkStatus();
}

}  // namespace

void Intensity::Add(const Segment& segment) {
  if (segment.end <= segment.start) return;
  cumulative_.push_back(total() + AreaOf(segment));
  segments_.push_back(segment);
}

double Intensity::Integral(double time) const {
  double sum = 0;
  for (const Segment& s : segments_) {
    if (time >= s.end) {
      sum += AreaOf(s);
      continue;
    }
    if (time <= s.start) break;
    sum += (time - s.start) * (s.rate_at_start + RateAt(s, time)) / 2;
  }
  return sum;
}

Intensity::Inverse::Point Intensity::Inverse::At(double value) {
  while (segment_ + 1 < intensity_.segments_.size() && intensity_.cumulative_[segment_] < value) ++segment_;
  const Segment& s = intensity_.segments_[segment_];
  const double before = segment_ == 0 ? 0 : intensity_.cumulative_[segment_ - 1];
  const double area = value - before;
  const double slope = (s.rate_at_end - s.rate_at_start) / (s.end - s.start);
  // t = 2 y / (r + sqrt(r^2 + 2 s y)): the root without cancellation.
  const double root = std::sqrt(std::max(0.0, s.rate_at_start * s.rate_at_start + 2 * slope * area));
  const double denominator = s.rate_at_start + root;
  const double offset = denominator > 0 ? 2 * area / denominator : 0;
  return {std::clamp(s.start + offset, s.start, s.end), s.phase};
}

Intensity Superpose(const std::vector<Intensity>& parts) {
  Intensity sum;
  std::vector<size_t> at(parts.size());
  // From one border of any part to the next one of any part.
  for (double now = 0;;) {
    double next = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < parts.size(); ++i) {
      const auto& segments = parts[i].segments();
      while (at[i] < segments.size() && segments[at[i]].end <= now) ++at[i];
      if (at[i] < segments.size()) next = std::min(next, segments[at[i]].end);
    }
    if (std::isinf(next)) return sum;
    Intensity::Segment merged{.start = now, .end = next, .rate_at_start = 0, .rate_at_end = 0, .phase = 0};
    for (size_t i = 0; i < parts.size(); ++i) {
      if (at[i] == parts[i].segments().size()) continue;
      const Intensity::Segment& part = parts[i].segments()[at[i]];
      merged.rate_at_start += RateAt(part, now);
      merged.rate_at_end += RateAt(part, next);
      merged.phase = std::max(merged.phase, part.phase);
    }
    sum.Add(merged);
    now = next;
  }
}

std::vector<std::string> PhasesOf(const record::RunPlan& plan) {
  if (plan.pattern() == "burst") return {"warmup", "burst", "between"};
  if (plan.pattern() == "ramp") return {"warmup", "first third", "second third", "last third"};
  if (plan.pattern() == "spike") return {"warmup", "base", "spike"};
  return {"warmup", "measured"};
}

absl::StatusOr<Intensity> MakeIntensity(const record::RunPlan& plan, const std::string& pattern,
                                        double share) {
  const Frame frame{.begin = static_cast<double>(plan.warmup_ns()) / 1e9,
                    .end = static_cast<double>(plan.warmup_ns() + plan.duration_ns()) / 1e9,
                    .rate = plan.rate_per_s() * share,
                    .share = share,
                    .single_phase = plan.pattern() == "mixed"};
  Intensity intensity;
  intensity.Add({0, frame.begin, frame.rate, frame.rate, 0});
  absl::Status status;
  if (pattern == "steady") {
    intensity.Add({frame.begin, frame.end, frame.rate, frame.rate, 1});
  } else if (pattern == "burst") {
    status = AddBursts(frame, plan.shape(), intensity);
  } else if (pattern == "ramp") {
    status = AddRamp(frame, plan.shape(), intensity);
  } else if (pattern == "spike") {
    status = AddSpikes(frame, plan.shape(), intensity);
  } else {
    status = absl::InvalidArgumentError(absl::StrCat("unknown pattern ", pattern));
  }
  if (!status.ok()) return status;
  return intensity;
}

}  // namespace routebench::loadgen
