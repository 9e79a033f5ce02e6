// Quantities as people write them on a command line: 50k/s, 200ms, 4KiB, 512B..4KiB, 10x,
// filesystem=60,database=40.
#ifndef ROUTEBENCH_LOADGEN_WORKLOAD_QUANTITIES_H_
#define ROUTEBENCH_LOADGEN_WORKLOAD_QUANTITIES_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "events/kind.h"

namespace routebench::loadgen {

// Every parser takes the whole text or answers InvalidArgument with a sentence that says what would be right.
// None accepts a missing unit.

// Events per second, above 0 and at most 1e9: "500/s", "50k/s", "1.5M/s".
absl::StatusOr<double> ParseRate(std::string_view text);
// Nanoseconds, 0 to 24 h: "200us", "50ms", "30s", "2m", "1h".
absl::StatusOr<uint64_t> ParseDuration(std::string_view text);
// Bytes: "512B", "4KiB", "1MiB".
absl::StatusOr<uint64_t> ParseSize(std::string_view text);

struct SizeRange {
  uint64_t min = 0;
  uint64_t max = 0;
};
// "512B" or "512B..4KiB".
absl::StatusOr<SizeRange> ParseSizeRange(std::string_view text);

// Above 0: "10x", "0.5x".
absl::StatusOr<double> ParseSpeed(std::string_view text);

// 0 to 1: "1%", "0.5%", up to "100%".
absl::StatusOr<double> ParseShare(std::string_view text);

// Percent of the events by category; sums to 100.
using Mix = std::array<double, kCategoryCount>;
// "filesystem=60,database=40"; categories that are not named get nothing.
absl::StatusOr<Mix> ParseMix(std::string_view text);
// filesystem 30, database 25, external 20, mcp 10, service 10, system 5 %.
Mix DefaultMix();

// Short, for people: "50k/s", "1.25 ms", "4 KiB".
std::string FormatRate(double per_second);
std::string FormatDuration(double nanos);
std::string FormatSize(double bytes);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_WORKLOAD_QUANTITIES_H_
