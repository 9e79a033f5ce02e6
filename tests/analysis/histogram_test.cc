#include "analysis/record/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "record.pb.h"

namespace routebench::record {
namespace {

int64_t ExactQuantile(const std::vector<int64_t>& sorted, double q) {
  const auto rank = static_cast<size_t>(std::ceil(q * static_cast<double>(sorted.size()) - 1e-9));
  return sorted[std::max<size_t>(rank, 1) - 1];
}

TEST(Histogram, AnswersWithinItsStatedError) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> exponent(0, 40);
  Histogram histogram;
  std::vector<int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<int64_t>(std::exp2(exponent(random))));
    histogram.Record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double q : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const int64_t exact = ExactQuantile(values, q);
    const int64_t answer = *histogram.Quantile(q);
    EXPECT_GE(answer, exact) << q;
    EXPECT_LE(static_cast<double>(answer), static_cast<double>(exact) * (1 + 1.0 / 128)) << q;
  }
  EXPECT_EQ(histogram.min(), values.front());
  EXPECT_EQ(histogram.max(), values.back());
}

TEST(Histogram, BucketsCoverTheRangeWithoutGaps) {
  int64_t next = 0;
  const size_t buckets = Histogram().counts().size();
  for (size_t i = 0; i < buckets; ++i) {
    ASSERT_EQ(Histogram::LowestOf(i), next);
    ASSERT_GE(Histogram::HighestOf(i), next);
    next = Histogram::HighestOf(i) + 1;
  }
  EXPECT_EQ(next - 1, Histogram::kHighest);
}

TEST(Histogram, RecordsEveryValueInTheBucketThatHoldsIt) {
  for (size_t i = 0; i < Histogram().counts().size(); i += 37) {
    for (const int64_t value : {Histogram::LowestOf(i), Histogram::HighestOf(i)}) {
      Histogram histogram;
      histogram.Record(value);
      EXPECT_EQ(histogram.counts()[i], 1u) << value;
    }
  }
}

TEST(Histogram, CountsWhatLiesOutsideItsRange) {
  Histogram histogram;
  histogram.Record(-5);
  histogram.Record(Histogram::kHighest);
  EXPECT_EQ(histogram.above_range(), 0u);
  histogram.Record(INT64_MAX);
  EXPECT_EQ(histogram.above_range(), 1u);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), Histogram::kHighest);
  EXPECT_EQ(histogram.count(), 3u);
}

TEST(Histogram, OfNothingHasNoFigures) {
  const Histogram histogram;
  EXPECT_FALSE(histogram.min() || histogram.max() || histogram.mean() || histogram.Quantile(0.5));
  EXPECT_EQ(histogram.Beyond(0.5), 0u);
}

TEST(Histogram, CountsTheMissingAsSlowerThanAll) {
  Histogram histogram;
  for (int i = 1; i <= 99; ++i) histogram.Record(i);
  EXPECT_EQ(histogram.Quantile(0.99), 99);     // rank 99 of 99
  EXPECT_EQ(histogram.Quantile(0.99, 1), 99);  // rank 99 of 100
  EXPECT_FALSE(histogram.Quantile(0.99, 2));   // rank 100 of 101: not delivered
  EXPECT_EQ(histogram.Quantile(0.5, 99), 99);  // rank 99 of 198
  EXPECT_FALSE(histogram.Quantile(0.5, 100));
  EXPECT_FALSE(Histogram().Quantile(0.5, 10));
}

TEST(Histogram, SaysHowManyLieBeyondAQuantile) {
  Histogram histogram;
  for (int i = 0; i < 1000; ++i) histogram.Record(i);
  EXPECT_EQ(histogram.Beyond(0.99), 10u);
  EXPECT_EQ(histogram.Beyond(0.9), 100u);
  EXPECT_EQ(histogram.Beyond(0.9, 1000), 200u);
  EXPECT_EQ(histogram.Beyond(1), 0u);
}

TEST(Histogram, MergesByAddition) {
  Histogram a;
  Histogram b;
  Histogram both;
  for (int i = 0; i < 500; ++i) {
    (i % 3 == 0 ? a : b).Record(i * i);
    both.Record(i * i);
  }
  b.Record(INT64_MAX);
  both.Record(INT64_MAX);
  a.Merge(b);
  EXPECT_EQ(a.counts(), both.counts());
  EXPECT_EQ(a.count(), both.count());
  EXPECT_EQ(a.min(), both.min());
  EXPECT_EQ(a.max(), both.max());
  EXPECT_DOUBLE_EQ(*a.mean(), *both.mean());
  EXPECT_EQ(a.above_range(), 1u);
  a.Merge(Histogram());
  EXPECT_EQ(a.min(), both.min());
}

TEST(Histogram, SurvivesItsData) {
  Histogram histogram;
  for (int i = 1; i < 300; ++i) histogram.Record(int64_t{i} * i * i * i);
  HistogramData data;
  histogram.ToData(&data);
  const auto back = Histogram::FromData(data);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->counts(), histogram.counts());
  EXPECT_EQ(back->min(), histogram.min());
  EXPECT_EQ(back->max(), histogram.max());
  EXPECT_EQ(back->mean(), histogram.mean());
  Histogram().ToData(&data);
  EXPECT_EQ(Histogram::FromData(data)->count(), 0u);
}

HistogramData SomeData() {
  Histogram histogram;
  histogram.Record(1000);
  histogram.Record(100'000);
  HistogramData data;
  histogram.ToData(&data);
  return data;
}

TEST(HistogramFromData, RejectsWhatItCannotTrust) {
  const auto rejects = [](auto change) {
    HistogramData data = SomeData();
    change(data);
    return !Histogram::FromData(data).ok();
  };
  EXPECT_FALSE(rejects([](HistogramData&) {}));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_sub_bucket_bits(8); }));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_first_bucket(UINT32_MAX); }));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_min_ns(2000); }));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_max_ns(200'000); }));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_max_ns(UINT64_MAX); }));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_min_ns(data.max_ns() + 1); }));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_sum_ns(-1); }));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_sum_ns(std::nan("")); }));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_above_range(3); }));
  EXPECT_TRUE(rejects([](HistogramData& data) { data.set_counts(0, UINT64_MAX); }));
}

}  // namespace
}  // namespace routebench::record
