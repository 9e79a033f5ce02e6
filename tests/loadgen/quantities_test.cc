#include "loadgen/workload/quantities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace routebench::loadgen {
namespace {

using ::testing::HasSubstr;

template <typename T>
std::string ErrorOf(const absl::StatusOr<T>& result) {
  return result.ok() ? "accepted" : std::string(result.status().message());
}

TEST(Quantities, ReadsWhatPeopleWrite) {
  EXPECT_EQ(ParseRate("500/s").value(), 500);
  EXPECT_EQ(ParseRate("50k/s").value(), 50'000);
  EXPECT_EQ(ParseRate("1.5M/s").value(), 1'500'000);
  EXPECT_EQ(ParseDuration("200us").value(), 200'000u);
  EXPECT_EQ(ParseDuration("0s").value(), 0u);
  EXPECT_EQ(ParseDuration("2m").value(), 120'000'000'000u);
  EXPECT_EQ(ParseDuration("0.1s").value(), 100'000'000u);
  EXPECT_EQ(ParseSize("512B").value(), 512u);
  EXPECT_EQ(ParseSize("1.5KiB").value(), 1536u);
  EXPECT_EQ(ParseSizeRange("512B..4KiB")->min, 512u);
  EXPECT_EQ(ParseSizeRange("512B..4KiB")->max, 4096u);
  EXPECT_EQ(ParseSizeRange("1KiB")->max, 1024u);
  EXPECT_EQ(ParseSpeed("0.5x").value(), 0.5);
}

TEST(Quantities, RefusesRates) {
  for (const char* text :
       {"", "/s", "50k", "50", "50 k/s", "fast", "-5/s", "nan/s", "inf/s", "5K/s", "5/s5"}) {
    EXPECT_THAT(ErrorOf(ParseRate(text)), HasSubstr("is not a rate; write")) << text;
  }
  for (const char* text : {"0/s", "0k/s", "1001M/s", "1e30M/s"}) {
    EXPECT_THAT(ErrorOf(ParseRate(text)), HasSubstr("that can be offered")) << text;
  }
}

TEST(Quantities, RefusesDurations) {
  for (const char* text : {"", "30", "s", "-1s", "30 s", "1d", "1e999s", "0x10s"}) {
    EXPECT_THAT(ErrorOf(ParseDuration(text)), HasSubstr("is not a duration")) << text;
  }
  EXPECT_THAT(ErrorOf(ParseDuration("25h")), HasSubstr("at most a day"));
  EXPECT_THAT(ErrorOf(ParseDuration("1e300h")), HasSubstr("a duration"));
}

TEST(Quantities, RefusesSizes) {
  for (const char* text : {"", "512", "0.5B", "-1B", "4KB", "4kib"}) {
    EXPECT_THAT(ErrorOf(ParseSize(text)), HasSubstr("is not a size")) << text;
  }
  EXPECT_THAT(ErrorOf(ParseSize("1e18MiB")), HasSubstr("a size"));
  EXPECT_THAT(ErrorOf(ParseSizeRange("4KiB..512B")), HasSubstr("smaller one first"));
  EXPECT_THAT(ErrorOf(ParseSizeRange("512B..")), HasSubstr("is not a size"));
  EXPECT_THAT(ErrorOf(ParseSizeRange("..512B")), HasSubstr("is not a size"));
}

TEST(Quantities, RefusesSpeeds) {
  for (const char* text : {"", "10", "0x", "-1x", "x", "1e9x"}) {
    EXPECT_THAT(ErrorOf(ParseSpeed(text)), HasSubstr("is not a speed")) << text;
  }
}

TEST(Quantities, ReadsMixes) {
  const Mix mix = ParseMix("filesystem=60,database=40").value();
  EXPECT_EQ(mix[static_cast<size_t>(Category::kFilesystem)], 60);
  EXPECT_EQ(mix[static_cast<size_t>(Category::kMcp)], 0);
  double sum = 0;
  for (const double share : DefaultMix()) sum += share;
  EXPECT_EQ(sum, 100);
}

TEST(Quantities, RefusesMixes) {
  EXPECT_THAT(ErrorOf(ParseMix("filesystem=60,database=30")), HasSubstr("sums to 90 %"));
  EXPECT_THAT(ErrorOf(ParseMix("filesystem=50,filesystem=50")), HasSubstr("twice"));
  for (const char* text : {"", "filesystem", "filesystem=", "filesystem=x", "files=100",
                           "filesystem=-1,database=101", "filesystem=100,", "filesystem=nan,database=100"}) {
    EXPECT_THAT(ErrorOf(ParseMix(text)), HasSubstr("is not a share")) << text;
  }
}

TEST(Quantities, WritesForPeople) {
  EXPECT_EQ(FormatRate(50'000), "50k/s");
  EXPECT_EQ(FormatRate(120), "120/s");
  EXPECT_EQ(FormatDuration(1'250'000), "1.25 ms");
  EXPECT_EQ(FormatDuration(30e9), "30 s");
  EXPECT_EQ(FormatSize(4096), "4 KiB");
  EXPECT_EQ(FormatSize(512), "512 B");
}

TEST(ParseShareTest, TakesPercentOnly) {
  EXPECT_DOUBLE_EQ(ParseShare("1%").value(), 0.01);
  EXPECT_DOUBLE_EQ(ParseShare("0.5%").value(), 0.005);
  EXPECT_DOUBLE_EQ(ParseShare("0%").value(), 0);
  EXPECT_DOUBLE_EQ(ParseShare("100%").value(), 1);
  for (const char* wrong : {"", "1", "0.01", "-1%", "101%", "%", "nan%", "1 %"})
    EXPECT_FALSE(ParseShare(wrong).ok()) << wrong;
}

}  // namespace
}  // namespace routebench::loadgen
