// What a routing decision may look at.
#ifndef ROUTEBENCH_EVENTS_ROUTING_EVENT_VIEW_H_
#define ROUTEBENCH_EVENTS_ROUTING_EVENT_VIEW_H_

#include <cstdint>

#include "events/clock.h"
#include "events/event.h"

namespace routebench::routing {

// Refers to its parts: for the duration of a call. A backend that has the encoded form only needs to decode
// the header; it decodes the attributes where somebody reads them (FilterExpression::reads_attributes and
// alike), and passes empty ones otherwise.
struct EventView {
  const EventHeader& header;
  const Attributes& attributes;
  uint64_t body_size = 0;  // encoded, in bytes
  TimePoint now{};         // what ages are measured by
  Duration time_of_day{};  // since 00:00 UTC, for rules with a daily window
};

inline EventView ViewOf(const Event& event, TimePoint now = {}) {
  return {event.header, AttributesOf(event), event.payload.encoded_size(), now};
}

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_EVENT_VIEW_H_
