#include "analysis/record/format.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace routebench::record {
namespace {

// At least three significant digits, never a power of ten. Rounded before the digits are counted, so that
// 9.999 becomes 10.0.
std::string ThreeDigits(double value) {
  const double magnitude = std::abs(value);
  if (magnitude == 0) return "0";
  if (magnitude < 0.001) return absl::StrFormat("%.1e", value);
  if (magnitude < 0.9995) return absl::StrFormat("%.3f", value);
  if (magnitude < 9.995) return absl::StrFormat("%.2f", value);
  if (magnitude < 99.95) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.0f", value);
}

struct Step {
  double size;
  const char* unit;
};

// The largest unit in which the value is at least 1 once rounded.
template <size_t n>
std::string WithUnit(double value, const Step (&steps)[n]) {
  for (const Step& step : steps) {
    if (std::abs(value) >= step.size * 0.9995)
      return absl::StrCat(ThreeDigits(value / step.size), " ", step.unit);
  }
  return absl::StrCat(ThreeDigits(value), " ", steps[n - 1].unit);
}

}  // namespace

std::string FormatNanos(double nanos) {
  constexpr Step kSteps[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "us"}, {1, "ns"}};
  return WithUnit(nanos, kSteps);
}

std::string FormatBytes(double bytes) {
  constexpr Step kSteps[] = {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}};
  return WithUnit(bytes, kSteps);
}

std::string FormatCount(uint64_t count) {
  std::string text = absl::StrCat(count);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string FormatShare(double share) { return absl::StrCat(ThreeDigits(share * 100), " %"); }

std::string FormatValue(double value, Unit unit) {
  switch (unit) {
    case Unit::kNanos:
      return FormatNanos(value);
    case Unit::kBytes:
      return FormatBytes(value);
    case Unit::kPerSecond:
      return absl::StrCat(FormatCount(static_cast<uint64_t>(std::llround(value))), "/s");
    case Unit::kCount:
      return ThreeDigits(value);
    case Unit::kShare:
      return FormatShare(value);
  }
  return ThreeDigits(value);
}

std::string FormatMetric(const Metric& metric) {
  return metric.value ? FormatValue(*metric.value, metric.unit) : metric.absence;
}

}  // namespace routebench::record
