// How a service is (R16).
#ifndef ROUTEBENCH_EVENTS_HEALTH_H_
#define ROUTEBENCH_EVENTS_HEALTH_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace routebench {

// kUnknown: it has not said, and nobody has asked. The numbers are part of the wire format: never reuse one.
enum class Health : uint8_t { kHealthy = 0, kDegraded = 1, kUnhealthy = 2, kMaintenance = 3, kUnknown = 4 };
inline constexpr size_t kHealthCount = 5;

// "healthy" .. "unknown".
std::string_view Name(Health health);
std::optional<Health> ParseHealth(std::string_view name);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_HEALTH_H_
