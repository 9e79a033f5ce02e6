// The closed set of answers and outcomes (R22, R23): what a call can answer, and what can become of an event
// later.
#ifndef ROUTEBENCH_EVENTS_OUTCOME_H_
#define ROUTEBENCH_EVENTS_OUTCOME_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "events/event_id.h"

namespace routebench {

// What Publish answers: only what the caller's side can know on every backend.
enum class PublishResult : uint8_t {
  kAccepted,    // admitted locally; its outcome is decided later
  kWouldBlock,  // not admitted: no room within RouterOptions::publish_timeout
  kTooLarge,    // not admitted: body or attributes above the limit
  kInvalid,     // not admitted: unknown kind, custom without a name, to-targets without targets, body of the
                // wrong type
  kClosed,      // not admitted: the router is closed or its peer is gone
};
inline constexpr size_t kPublishResultCount = 5;

// What became of one accepted event at one target. Every accepted event has one outcome for each of its
// targets, or kUnrouted once when it has none.
enum class Outcome : uint8_t {
  kDelivered,            // acknowledged by the handler
  kUnrouted,             // nobody wanted it
  kExpired,              // its time to live ended before a handler saw it
  kDroppedQueueFull,     // refused by policy reject
  kDroppedNewest,        // refused by policy drop-newest
  kDroppedOldest,        // evicted by a newer event, policy drop-oldest
  kDroppedDeadline,      // policy block: no room within the subscription's deadline
  kDroppedUnsubscribed,  // still waiting when its subscription ended
  kDroppedClosed,        // still waiting when the router closed
  kDroppedCorrupt,       // its bytes did not survive the way (checksum, malformed body)
  kRejected,             // the handler answered kReject, or threw
  kLostWithPeer,         // handed to, or coming from, a process that died
  kDuplicate,            // its id was accepted before, within the window of deduplication
  kDeadLettered,         // its last attempt failed: among the dead letters now
  kTimedOut,             // not answered within the subscription's delivery timeout, and not tried again
  kBreakerOpen,          // refused by the circuit breaker of its service
};
inline constexpr size_t kOutcomeCount = 16;

// Stable names for logs, JSON and records: "accepted", "would_block"; "delivered", "dropped_queue_full".
std::string_view Name(PublishResult result);
std::string_view Name(Outcome outcome);

// Books of a router or of one subscription (R22), in events x targets. Always:
//   routed = sum(outcomes) + in_flight
// in_flight is counted where the events wait, never computed from the rest.
struct Books {
  uint64_t routed = 0;  // (event, target) pairs, plus one for each unrouted event
  std::array<uint64_t, kOutcomeCount> outcomes{};
  uint64_t in_flight = 0;

  uint64_t of(Outcome outcome) const { return outcomes[static_cast<size_t>(outcome)]; }
  uint64_t& of(Outcome outcome) { return outcomes[static_cast<size_t>(outcome)]; }
  uint64_t settled() const;  // sum of the outcomes
  bool balanced() const { return routed == settled() + in_flight; }
  Books& operator+=(const Books& other);
  friend bool operator==(const Books&, const Books&) = default;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_OUTCOME_H_
