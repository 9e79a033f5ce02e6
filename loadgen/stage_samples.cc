#include "loadgen/stage_samples.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace routebench::loadgen {
namespace {

// SplitMix64 (Steele et al. 2014).
uint64_t NextRandom(uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

// Requires that they begin at the due time and are in order.
StageSamples::Sample StageSamples::StagesOf(const StageStamps& stages, Marks* marks) {
  Sample sample{};
  int64_t previous = stages.nanos[0];
  for (size_t i = 0; i < kStageMarkCount; ++i) {
    if (!stages.has(static_cast<StageMark>(i))) continue;
    *marks = static_cast<Marks>(*marks | 1u << i);
    sample.stage[i] = stages.nanos[i] - previous;
    previous = stages.nanos[i];
  }
  return sample;
}

void StageSamples::Add(const StageStamps& stages, const EventHeader& header, TimePoint arrival,
                       bool measured) {
  Marks marks = 0;
  Sample sample{};
  const bool begins = stages.has(StageMark::kDue) && stages.of(StageMark::kDue) == header.due;
  const bool ends = stages.has(StageMark::kHandled) && stages.of(StageMark::kHandled) == arrival;
  if (begins && ends && stages.monotone()) sample = StagesOf(stages, &marks);
  if (marks_ == 0) marks_ = marks;
  const int64_t sum = std::accumulate(sample.stage.begin(), sample.stage.end(), int64_t{0});
  if (marks == 0 || marks != marks_ || sum != (arrival - header.due).count()) {
    ++violations_;
    return;
  }
  if (!measured) return;
  ++deliveries_;
  const auto response = static_cast<double>(sum);
  sum_ += response;
  sum_of_squares_ += response * response;
  sample.number = NextRandom(random_);
  Keep(sample);
}

void StageSamples::Keep(const Sample& sample) {
  if (kept_.size() == kMost) {
    if (!(sample < kept_.front())) return;
    std::pop_heap(kept_.begin(), kept_.end());
    kept_.back() = sample;
  } else {
    kept_.push_back(sample);
  }
  std::push_heap(kept_.begin(), kept_.end());
}

void StageSamples::Merge(const StageSamples& other) {
  violations_ += other.violations_;
  if (marks_ == 0) marks_ = other.marks_;
  if (other.marks_ != 0 && other.marks_ != marks_) {
    violations_ += other.deliveries_;
    return;
  }
  deliveries_ += other.deliveries_;
  sum_ += other.sum_;
  sum_of_squares_ += other.sum_of_squares_;
  for (const Sample& sample : other.kept_) Keep(sample);
}

void StageSamples::ToRecord(record::StageRecord* stages) const {
  stages->set_deliveries(deliveries_);
  stages->set_violations(violations_);
  stages->set_response_sum_ns(sum_);
  stages->set_response_sum_of_squares(sum_of_squares_);
  for (size_t i = 0; i < kStageMarkCount; ++i) {
    if ((marks_ >> i & 1) != 0) stages->add_marks(std::string(Name(static_cast<StageMark>(i))));
  }
  for (const Sample& sample : kept_) {
    for (size_t i = 1; i < kStageMarkCount; ++i) {
      if ((marks_ >> i & 1) != 0) stages->add_stage_ns(static_cast<uint64_t>(sample.stage[i]));
    }
  }
}

}  // namespace routebench::loadgen
