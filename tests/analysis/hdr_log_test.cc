#include "analysis/record/hdr_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "temporary_directory.h"

namespace routebench::record {
namespace {

using ::testing::HasSubstr;

Histogram Sample() {
  Histogram histogram;
  for (int64_t i = 1; i <= 3000; ++i) histogram.Record(i * i * 37);
  histogram.Record(0);
  histogram.Record(Histogram::kHighest);
  return histogram;
}

uint64_t BigEndian(const std::string& bytes, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<uint8_t>(bytes[at + i]);
  return value;
}

TEST(HdrV2, HasTheHeaderOfItsFormat) {
  const std::string encoded = EncodeHdrV2(Sample());
  EXPECT_EQ(BigEndian(encoded, 0, 4), 0x1c849314u);
  ASSERT_EQ(BigEndian(encoded, 4, 4), encoded.size() - 8);
  std::string plain(1 << 20, '\0');
  uLongf size = plain.size();
  ASSERT_EQ(uncompress(reinterpret_cast<Bytef*>(plain.data()), &size,
                       reinterpret_cast<const Bytef*>(encoded.data()) + 8, encoded.size() - 8),
            Z_OK);
  EXPECT_EQ(BigEndian(plain, 0, 4), 0x1c849313u);
  EXPECT_EQ(BigEndian(plain, 4, 4), size - 40);
  EXPECT_EQ(BigEndian(plain, 12, 4), 2u);
  EXPECT_EQ(plain[40], 2);  // one zero value: zig-zag of 1
}

TEST(HdrV2, IsWhatTheReferenceReaderReads) {
  // The reader is npm's hdr-histogram-js, where it is installed.
  if (std::system("node -e 'require(\"hdr-histogram-js\")' > /dev/null 2>&1") != 0) {
    GTEST_SKIP() << "node with hdr-histogram-js is not there (npm install hdr-histogram-js, NODE_PATH)";
  }
  const Histogram histogram = Sample();
  testing::TemporaryDirectory directory;
  std::ofstream(directory / "in") << absl::Base64Escape(EncodeHdrV2(histogram));
  std::ofstream(directory / "read.js")
      << "const hdr = require('hdr-histogram-js'), fs = require('fs');\n"
         "const h = hdr.decodeFromCompressedBase64(fs.readFileSync(process.argv[2], 'utf8'));\n"
         "const q = [50, 90, 99, 99.9].map(p => h.getValueAtPercentile(p));\n"
         "fs.writeFileSync(process.argv[3], JSON.stringify({count: h.totalCount, q}));\n";
  ASSERT_EQ(
      std::system(
          ("node " + (directory / "read.js") + " " + (directory / "in") + " " + (directory / "out")).c_str()),
      0);
  std::ifstream out(directory / "out");
  const auto read = nlohmann::json::parse(out);
  EXPECT_EQ(read["count"], histogram.count());
  const double quantiles[] = {0.5, 0.9, 0.99, 0.999};
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(read["q"][i], *histogram.Quantile(quantiles[i])) << quantiles[i];
}

TEST(HdrLog, IsALogWithOneTaggedInterval) {
  const std::string log = HdrLog(Sample(), "response", 1'700'000'000'500'000'000, 10'000'000'000);
  EXPECT_THAT(log, HasSubstr("#[Histogram log format version 1.3]\n"));
  EXPECT_THAT(log, HasSubstr("#[StartTime: 1700000000.500 (seconds since epoch)]\n"));
  EXPECT_THAT(log, HasSubstr("\nTag=response,0.000,10.000,"));
}

TEST(HdrLog, OfNothingIsStillALog) {
  EXPECT_THAT(HdrLog(Histogram(), "response", 0, 0), HasSubstr("\nTag=response,0.000,0.000,0.000,"));
}

}  // namespace
}  // namespace routebench::record
