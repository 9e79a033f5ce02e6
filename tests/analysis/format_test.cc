#include "analysis/record/format.h"

#include <gtest/gtest.h>

namespace routebench::record {
namespace {

TEST(Format, ChoosesTheUnitThatFits) {
  EXPECT_EQ(FormatNanos(0), "0 ns");
  EXPECT_EQ(FormatNanos(812), "812 ns");
  EXPECT_EQ(FormatNanos(41'234), "41.2 us");
  EXPECT_EQ(FormatNanos(3'000'000), "3.00 ms");
  EXPECT_EQ(FormatNanos(999'999), "1.00 ms");
  EXPECT_EQ(FormatNanos(90e9), "90.0 s");
  EXPECT_EQ(FormatNanos(-41'234), "-41.2 us");
  EXPECT_EQ(FormatBytes(512), "512 B");
  EXPECT_EQ(FormatBytes(1536), "1.50 KiB");
}

TEST(Format, SeparatesThousands) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1'234'567), "1,234,567");
}

TEST(Format, DoesNotRoundALossToNothing) {
  EXPECT_EQ(FormatShare(0), "0 %");
  EXPECT_EQ(FormatShare(0.00001), "0.001 %");
  EXPECT_EQ(FormatShare(0.000001), "1.0e-04 %");
  EXPECT_EQ(FormatShare(0.123), "12.3 %");
}

TEST(Format, SaysWhyThereIsNoValue) {
  Metric metric;
  metric.absence = "not delivered";
  EXPECT_EQ(FormatMetric(metric), "not delivered");
  metric.value = 41'234;
  EXPECT_EQ(FormatMetric(metric), "41.2 us");
}

}  // namespace
}  // namespace routebench::record
