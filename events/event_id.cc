#include "events/event_id.h"

#include <charconv>
#include <random>

#include "absl/strings/str_format.h"

namespace routebench {
namespace {

// splitmix64 (Steele, Lea, Flood 2014): neighbouring seeds give unrelated generator names.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace

std::string ToString(const EventId& id) { return absl::StrFormat("%016x%016x", id.high, id.low); }

std::optional<EventId> ParseEventId(std::string_view text) {
  if (text.size() != 32) return std::nullopt;
  EventId id;
  const char* middle = text.data() + 16;
  const char* end = text.data() + 32;
  const auto high = std::from_chars(text.data(), middle, id.high, 16);
  const auto low = std::from_chars(middle, end, id.low, 16);
  if (high.ec != std::errc() || high.ptr != middle || low.ec != std::errc() || low.ptr != end)
    return std::nullopt;
  return id;
}

// The lowest bit is set so that no id is ever "none".
EventIdGenerator::EventIdGenerator(uint64_t seed) : high_(Mix(seed) | 1) {}

uint64_t RandomSeed() {
  std::random_device device;
  return (uint64_t{device()} << 32) | device();
}

}  // namespace routebench
