// 128-bit identities of events.
#ifndef ROUTEBENCH_EVENTS_EVENT_ID_H_
#define ROUTEBENCH_EVENTS_EVENT_ID_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace routebench {

// A value; the all-zero id means "none" (an event without a correlation, for instance).
struct EventId {
  uint64_t high = 0;
  uint64_t low = 0;

  constexpr bool is_none() const { return high == 0 && low == 0; }
  friend constexpr bool operator==(const EventId&, const EventId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const EventId& id) {
    return H::combine(std::move(h), id.high, id.low);
  }
};

// 32 lower-case hexadecimal digits.
std::string ToString(const EventId& id);
std::optional<EventId> ParseEventId(std::string_view text);

// Hands out ids that never repeat: `high` names the generator, `low` counts. Not thread-safe: one per
// publisher. Two generators with the same seed hand out the same ids; seed from RandomSeed() where that is
// not wanted.
class EventIdGenerator {
 public:
  explicit EventIdGenerator(uint64_t seed);
  EventId Next() { return EventId{high_, ++low_}; }

 private:
  uint64_t high_;
  uint64_t low_ = 0;
};

// From the kernel's random numbers.
uint64_t RandomSeed();

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_EVENT_ID_H_
