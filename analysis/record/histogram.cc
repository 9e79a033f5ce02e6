#include "analysis/record/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "record.pb.h"

namespace routebench::record {
namespace {

// Rank of a quantile among `total` events, from 1. The tolerance keeps 0.99 * 100 from becoming the 100th.
uint64_t RankOf(double q, uint64_t total) {
  const double exact = q * static_cast<double>(total);
  const double rank = std::ceil(exact - 1e-9 * std::max(1.0, exact));
  return std::clamp<uint64_t>(static_cast<uint64_t>(std::max(rank, 1.0)), 1, total);
}

}  // namespace

Histogram::Histogram() : counts_(kBuckets) {}

int64_t Histogram::LowestOf(size_t index) {
  const size_t octave = index < 2 * kSubBuckets ? 0 : index / kSubBuckets - 1;
  return static_cast<int64_t>((index - (octave << kSubBucketBits)) << octave);
}

int64_t Histogram::HighestOf(size_t index) {
  const size_t octave = index < 2 * kSubBuckets ? 0 : index / kSubBuckets - 1;
  return LowestOf(index) + (int64_t{1} << octave) - 1;
}

void Histogram::Merge(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  above_range_ += other.above_range_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

uint64_t Histogram::count() const { return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0}); }

// Nothing has been recorded as long as min_ lies above max_.
std::optional<int64_t> Histogram::min() const { return min_ > max_ ? std::nullopt : std::optional(min_); }
std::optional<int64_t> Histogram::max() const { return min_ > max_ ? std::nullopt : std::optional(max_); }
std::optional<double> Histogram::mean() const {
  if (min_ > max_) return std::nullopt;
  return static_cast<double>(sum_) / static_cast<double>(count());
}

std::optional<int64_t> Histogram::Quantile(double q, uint64_t missing) const {
  const uint64_t recorded = count();
  const uint64_t total = recorded + missing;
  if (total == 0) return std::nullopt;
  const uint64_t rank = RankOf(q, total);
  if (rank > recorded) return std::nullopt;
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return std::clamp(HighestOf(i), min_, max_);
  }
  return max_;
}

uint64_t Histogram::Beyond(double q, uint64_t missing) const {
  const uint64_t total = count() + missing;
  return total == 0 ? 0 : total - RankOf(q, total);
}

void Histogram::ToData(HistogramData* data) const {
  data->Clear();
  data->set_sub_bucket_bits(kSubBucketBits);
  if (min_ > max_) return;
  const auto used = [](uint64_t count) { return count != 0; };
  const auto first = std::find_if(counts_.begin(), counts_.end(), used);
  const auto last = std::find_if(counts_.rbegin(), counts_.rend(), used).base();
  data->set_first_bucket(static_cast<uint32_t>(first - counts_.begin()));
  data->mutable_counts()->Add(first, last);
  data->set_min_ns(static_cast<uint64_t>(min_));
  data->set_max_ns(static_cast<uint64_t>(max_));
  data->set_sum_ns(static_cast<double>(sum_));
  data->set_above_range(above_range_);
}

absl::StatusOr<Histogram> Histogram::FromData(const HistogramData& data) {
  if (data.sub_bucket_bits() != kSubBucketBits) {
    return absl::InvalidArgumentError(absl::StrCat("a histogram has 2^", data.sub_bucket_bits(),
                                                   " buckets an octave; this version reads 2^",
                                                   kSubBucketBits));
  }
  if (uint64_t{data.first_bucket()} + static_cast<uint64_t>(data.counts_size()) > kBuckets) {
    return absl::InvalidArgumentError("a histogram has buckets beyond its range");
  }
  Histogram histogram;
  uint64_t total = 0;
  for (int i = 0; i < data.counts_size(); ++i) {
    const uint64_t count = data.counts(i);
    if (count > UINT64_MAX / 2 - total) {
      return absl::InvalidArgumentError("a histogram counts more events than there can be");
    }
    histogram.counts_[data.first_bucket() + static_cast<size_t>(i)] = count;
    total += count;
  }
  if (total == 0) return histogram;
  const bool ordered = data.min_ns() <= data.max_ns() && data.max_ns() <= static_cast<uint64_t>(kHighest) &&
                       data.above_range() <= total && std::isfinite(data.sum_ns()) && data.sum_ns() >= 0 &&
                       data.sum_ns() <= 1.000001 * static_cast<double>(total) * kHighest;
  if (!ordered || histogram.counts_[BucketOf(static_cast<int64_t>(data.min_ns()))] == 0 ||
      histogram.counts_[BucketOf(static_cast<int64_t>(data.max_ns()))] == 0) {
    return absl::InvalidArgumentError("a histogram's least and greatest values are not among its counts");
  }
  histogram.min_ = static_cast<int64_t>(data.min_ns());
  histogram.max_ = static_cast<int64_t>(data.max_ns());
  histogram.sum_ = static_cast<unsigned __int128>(data.sum_ns());
  histogram.above_range_ = data.above_range();
  return histogram;
}

}  // namespace routebench::record
