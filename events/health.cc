#include "events/health.h"

#include <array>

namespace routebench {
namespace {

constexpr std::array<std::string_view, kHealthCount> kNames = {"healthy", "degraded", "unhealthy",
                                                               "maintenance", "unknown"};

}  // namespace

std::string_view Name(Health health) { return kNames[static_cast<size_t>(health)]; }

std::optional<Health> ParseHealth(std::string_view name) {
  for (size_t i = 0; i < kHealthCount; ++i) {
    if (kNames[i] == name) return static_cast<Health>(i);
  }
  return std::nullopt;
}

}  // namespace routebench
