#include "analysis/record/hdr_log.h"

#include <zlib.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace routebench::record {
namespace {

constexpr uint32_t kCookieV2 = 0x1c849303 | 0x10;
constexpr uint32_t kCookieV2Compressed = 0x1c849304 | 0x10;
constexpr uint32_t kSignificantDigits = 2;

void PutBigEndian(uint64_t value, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

// LEB128 with zig-zag; the ninth byte, if any, carries eight bits.
void PutZigZag(int64_t value, std::string& out) {
  auto bits = static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  for (int i = 0; i < 8; ++i) {
    if (bits < 0x80) {
      out.push_back(static_cast<char>(bits));
      return;
    }
    out.push_back(static_cast<char>(bits | 0x80));
    bits >>= 7;
  }
  out.push_back(static_cast<char>(bits));
}

// Runs of zeros are one negative number.
std::string Counts(const Histogram& histogram) {
  std::string out;
  const auto& counts = histogram.counts();
  const auto end =
      std::find_if(counts.rbegin(), counts.rend(), [](uint64_t count) { return count != 0; }).base();
  for (auto it = counts.begin(); it != end;) {
    const auto next = std::find_if(it, end, [](uint64_t count) { return count != 0; });
    if (next - it > 1) {
      PutZigZag(-(next - it), out);
    } else if (next - it == 1) {
      PutZigZag(0, out);
    }
    if (next == end) break;
    PutZigZag(static_cast<int64_t>(*next), out);
    it = next + 1;
  }
  return out;
}

std::string Deflated(const std::string& plain) {
  uLongf size = compressBound(plain.size());
  std::string packed(size, '\0');
  // Cannot fail: the buffer is as large as zlib asks for.
  compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(plain.data()),
           plain.size());
  packed.resize(size);
  return packed;
}

}  // namespace

std::string EncodeHdrV2(const Histogram& histogram) {
  const std::string counts = Counts(histogram);
  std::string plain;
  PutBigEndian(kCookieV2, 4, plain);
  PutBigEndian(counts.size(), 4, plain);
  PutBigEndian(0, 4, plain);  // normalising index offset
  PutBigEndian(kSignificantDigits, 4, plain);
  PutBigEndian(1, 8, plain);  // lowest discernible value
  PutBigEndian(static_cast<uint64_t>(Histogram::kHighest), 8, plain);
  PutBigEndian(0x3ff0000000000000, 8, plain);  // integer to double conversion ratio: 1.0
  plain.append(counts);
  const std::string packed = Deflated(plain);
  std::string out;
  PutBigEndian(kCookieV2Compressed, 4, out);
  PutBigEndian(packed.size(), 4, out);
  return out + packed;
}

std::string HdrLog(const Histogram& histogram, const std::string& tag, int64_t started_unix_ns,
                   uint64_t length_ns) {
  const double start = static_cast<double>(started_unix_ns) / 1e9;
  return absl::StrCat(
      "#[routebench: values in nanoseconds]\n#[Histogram log format version 1.3]\n",
      absl::StrFormat("#[StartTime: %.3f (seconds since epoch)]\n", start),
      "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
      absl::StrFormat("Tag=%s,%.3f,%.3f,%.3f,%s\n", tag, 0.0, static_cast<double>(length_ns) / 1e9,
                      static_cast<double>(histogram.max().value_or(0)),
                      absl::Base64Escape(EncodeHdrV2(histogram))));
}

}  // namespace routebench::record
