#include "loadgen/workload/quantities.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace routebench::loadgen {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

absl::Status Wrong(std::string_view text, const char* what, const char* examples) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", std::string(text), "' is not ", what, "; write ", examples));
}

// A non-negative number followed by exactly one of the units; false otherwise.
template <size_t N>
bool ParseWithUnit(std::string_view text, const std::array<Unit, N>& units, double* value) {
  double number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || !std::isfinite(number) || number < 0) return false;
  const std::string_view unit(rest, static_cast<size_t>(text.data() + text.size() - rest));
  for (const Unit& candidate : units) {
    if (candidate.name != unit) continue;
    *value = number * candidate.factor;
    return true;
  }
  return false;
}

constexpr std::array<Unit, 3> kRates = {{{"/s", 1}, {"k/s", 1e3}, {"M/s", 1e6}}};
constexpr std::array<Unit, 6> kDurations = {
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
constexpr std::array<Unit, 3> kSizes = {{{"B", 1}, {"KiB", 1024}, {"MiB", 1024 * 1024}}};
constexpr std::array<Unit, 1> kSpeeds = {{{"x", 1}}};
constexpr std::array<Unit, 1> kShares = {{{"%", 0.01}}};

std::string Short(double value, const char* unit) {
  if (value >= 100 || value == std::floor(value)) return absl::StrFormat("%.0f%s", value, unit);
  return absl::StrFormat("%.*f%s", value >= 10 ? 1 : 2, value, unit);
}

}  // namespace

absl::StatusOr<double> ParseRate(std::string_view text) {
  double rate = 0;
  if (!ParseWithUnit(text, kRates, &rate)) return Wrong(text, "a rate", "500/s, 50k/s or 1.5M/s");
  if (rate <= 0 || rate > 1e9)
    return Wrong(text, "a rate that can be offered", "something above 0/s and up to 1000M/s");
  return rate;
}

absl::StatusOr<uint64_t> ParseDuration(std::string_view text) {
  double nanos = 0;
  if (!ParseWithUnit(text, kDurations, &nanos)) return Wrong(text, "a duration", "200us, 50ms, 30s or 2m");
  if (nanos > 24 * 3600e9) return Wrong(text, "a duration of at most a day", "200us, 50ms, 30s or 2m");
  return static_cast<uint64_t>(std::llround(nanos));
}

absl::StatusOr<uint64_t> ParseSize(std::string_view text) {
  double bytes = 0;
  if (!ParseWithUnit(text, kSizes, &bytes) || bytes != std::floor(bytes)) {
    return Wrong(text, "a size", "512B, 4KiB or 1MiB");
  }
  if (bytes > 1e12) return Wrong(text, "a size that fits", "512B, 4KiB or 1MiB");
  return static_cast<uint64_t>(bytes);
}

absl::StatusOr<SizeRange> ParseSizeRange(std::string_view text) {
  const size_t dots = text.find("..");
  const auto min = ParseSize(text.substr(0, dots));
  if (!min.ok()) return min.status();
  if (dots == std::string_view::npos) return SizeRange{*min, *min};
  const auto max = ParseSize(text.substr(dots + 2));
  if (!max.ok()) return max.status();
  if (*max < *min) return Wrong(text, "a range of sizes", "the smaller one first, as in 512B..4KiB");
  return SizeRange{*min, *max};
}

absl::StatusOr<double> ParseSpeed(std::string_view text) {
  double speed = 0;
  if (!ParseWithUnit(text, kSpeeds, &speed) || speed <= 0 || speed > 1e6) {
    return Wrong(text, "a speed", "10x, 1x or 0.5x");
  }
  return speed;
}

Mix DefaultMix() {
  Mix mix{};
  const std::pair<Category, double> shares[] = {{Category::kFilesystem, 30}, {Category::kDatabase, 25},
                                                {Category::kExternal, 20},   {Category::kMcp, 10},
                                                {Category::kService, 10},    {Category::kSystem, 5}};
  for (const auto& [category, percent] : shares) mix[static_cast<size_t>(category)] = percent;
  return mix;
}

absl::StatusOr<double> ParseShare(std::string_view text) {
  double share = 0;
  if (!ParseWithUnit(text, kShares, &share) || share > 1) return Wrong(text, "a share", "1%, 0.5% or 100%");
  return share;
}

absl::StatusOr<Mix> ParseMix(std::string_view text) {
  Mix mix{};
  double sum = 0;
  for (const absl::string_view part : absl::StrSplit(absl::string_view(text.data(), text.size()), ',')) {
    const std::pair<std::string, std::string> share = absl::StrSplit(part, absl::MaxSplits('=', 1));
    const auto category = ParseCategory(share.first);
    double percent = 0;
    const char* const end = share.second.data() + share.second.size();
    const auto [rest, error] = std::from_chars(share.second.data(), end, percent);
    if (!category.has_value() || error != std::errc() || rest != end || !(percent >= 0 && percent <= 100)) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", std::string(part),
                       "' is not a share of a category; write filesystem=60,database=40 with filesystem, ",
                       "database, external, mcp, service, system or custom"));
    }
    if (mix[static_cast<size_t>(*category)] != 0) {
      return absl::InvalidArgumentError(absl::StrCat("the mix names ", share.first, " twice"));
    }
    mix[static_cast<size_t>(*category)] = percent;
    sum += percent;
  }
  if (std::abs(sum - 100) > 1e-6) {
    return absl::InvalidArgumentError(absl::StrFormat("the mix sums to %g %% instead of 100 %%", sum));
  }
  return mix;
}

std::string FormatRate(double per_second) {
  if (per_second >= 1e6) return Short(per_second / 1e6, "M/s");
  if (per_second >= 1e3) return Short(per_second / 1e3, "k/s");
  return Short(per_second, "/s");
}

std::string FormatDuration(double nanos) {
  if (nanos >= 1e9) return Short(nanos / 1e9, " s");
  if (nanos >= 1e6) return Short(nanos / 1e6, " ms");
  if (nanos >= 1e3) return Short(nanos / 1e3, " us");
  return Short(nanos, " ns");
}

std::string FormatSize(double bytes) {
  if (bytes >= 1024.0 * 1024 * 1024) return Short(bytes / (1024.0 * 1024 * 1024), " GiB");
  if (bytes >= 1024.0 * 1024) return Short(bytes / (1024.0 * 1024), " MiB");
  if (bytes >= 1024) return Short(bytes / 1024, " KiB");
  return Short(bytes, " B");
}

}  // namespace routebench::loadgen
