// A latency histogram with a stated error, mergeable, and cheap enough to record every event.
//
// Log-linear like HdrHistogram: values below 2^8 have a bucket each, above that every octave has 2^7 buckets,
// so that a bucket is at most 1/128 (0.8 %) of its value wide. Quantiles answer with the upper edge of their
// bucket: never below the true value and at most 0.8 % above it.
#ifndef ROUTEBENCH_ANALYSIS_RECORD_HISTOGRAM_H_
#define ROUTEBENCH_ANALYSIS_RECORD_HISTOGRAM_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace routebench::record {

class HistogramData;

// Values are nanoseconds from 0 to kHighest (about 73 minutes); what lies below counts as 0, what lies above
// as kHighest and in above_range(). Not thread-safe: one for each recording thread, merged afterwards.
class Histogram {
 public:
  static constexpr int kSubBucketBits = 7;
  static constexpr int kHighestBits = 42;
  static constexpr int64_t kHighest = (int64_t{1} << kHighestBits) - 1;

  // Allocates its fixed storage (about 35 KiB) here and never again.
  Histogram();

  // Allocates nothing; about two nanoseconds (tests/bench/histogram_bench).
  void Record(int64_t nanos) {
    if (static_cast<uint64_t>(nanos) > static_cast<uint64_t>(kHighest)) [[unlikely]]
      nanos = IntoRange(nanos);
    if (nanos < min_) [[unlikely]]
      min_ = nanos;
    if (nanos > max_) [[unlikely]]
      max_ = nanos;
    sum_ += static_cast<uint64_t>(nanos);
    ++counts_[BucketOf(nanos)];
  }

  void Merge(const Histogram& other);

  uint64_t count() const;  // adds up all buckets
  uint64_t above_range() const { return above_range_; }
  // Exact. Nothing where nothing was recorded.
  std::optional<int64_t> min() const;
  std::optional<int64_t> max() const;
  std::optional<double> mean() const;

  // The smallest value such that a share q (0 <= q <= 1) of all events is at most as slow, where `missing`
  // further events were offered and never arrived: they count as slower than everything recorded. Nothing
  // where the answer would be one of the missing ("not delivered"), or where nothing was offered.
  std::optional<int64_t> Quantile(double q, uint64_t missing = 0) const;
  // Recorded or missing events beyond that quantile: what it rests on.
  uint64_t Beyond(double q, uint64_t missing = 0) const;

  void ToData(HistogramData* data) const;
  // InvalidArgument with a sentence where `data` is not what ToData writes.
  static absl::StatusOr<Histogram> FromData(const HistogramData& data);

  // For exporters: bucket `index` holds values from LowestOf(index) to HighestOf(index).
  const std::vector<uint64_t>& counts() const { return counts_; }
  static int64_t LowestOf(size_t index);
  static int64_t HighestOf(size_t index);

 private:
  static constexpr uint64_t kSubBuckets = uint64_t{1} << kSubBucketBits;
  static constexpr size_t kBuckets = (kHighestBits - kSubBucketBits + 1) * kSubBuckets;

  int64_t IntoRange(int64_t nanos) {
    if (nanos < 0) return 0;
    ++above_range_;
    return kHighest;
  }

  // From the second octave on the first bits of a double are the bucket's number: its exponent counts
  // octaves, the first bits of its fraction the buckets of one. Values are exact as doubles.
  static size_t BucketOf(int64_t value) {
    if (value < static_cast<int64_t>(kSubBuckets)) [[unlikely]]
      return static_cast<size_t>(value);
    constexpr int kFractionBits = std::numeric_limits<double>::digits - 1;
    constexpr uint64_t kOffset = uint64_t{kExponentOfOne + kSubBucketBits - 1} << kSubBucketBits;
    return (std::bit_cast<uint64_t>(static_cast<double>(value)) >> (kFractionBits - kSubBucketBits)) -
           kOffset;
  }
  static constexpr int kExponentOfOne = 1023;  // as IEEE 754 stores it
  static_assert(std::numeric_limits<double>::is_iec559 &&
                kHighestBits <= std::numeric_limits<double>::digits);

  std::vector<uint64_t> counts_;
  uint64_t above_range_ = 0;
  int64_t min_ = kHighest;
  int64_t max_ = 0;
  unsigned __int128 sum_ = 0;  // a sum in floating point would make each recording wait for the one before
};

}  // namespace routebench::record

#endif  // ROUTEBENCH_ANALYSIS_RECORD_HISTOGRAM_H_
