// When a failed delivery is tried again (R13).
#ifndef ROUTEBENCH_EVENTS_ROUTING_BACKOFF_H_
#define ROUTEBENCH_EVENTS_ROUTING_BACKOFF_H_

#include <cstdint>
#include <optional>

#include "events/backoff.h"
#include "events/event.h"

namespace routebench::routing {

// How long to wait after attempt number `attempt` (from 1) failed; empty: that was the last of
// `max_attempts`. `random` is 64 even random bits. Requires valid options. A pure function.
std::optional<Duration> DelayAfter(const BackoffOptions& options, uint32_t attempt, uint32_t max_attempts,
                                   uint64_t random);

// The same for an event whose attempt has failed; its jitter follows from its id and the attempt.
std::optional<Duration> DelayAfter(const BackoffOptions& options, const EventHeader& event);

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_BACKOFF_H_
