#include "events/balancing.h"

#include <array>

namespace routebench {
namespace {

constexpr std::array<std::string_view, kBalancingCount> kNames = {
    "round-robin", "least-connections", "weighted-random", "health-based", "priority-based"};

}  // namespace

std::string_view Name(Balancing balancing) { return kNames[static_cast<size_t>(balancing)]; }

std::optional<Balancing> ParseBalancing(std::string_view name) {
  for (size_t i = 0; i < kBalancingCount; ++i) {
    if (kNames[i] == name) return static_cast<Balancing>(i);
  }
  return std::nullopt;
}

}  // namespace routebench
