// Events whose last attempt failed (R13).
#ifndef ROUTEBENCH_EVENTS_DEAD_LETTERS_H_
#define ROUTEBENCH_EVENTS_DEAD_LETTERS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "events/event.h"
#include "events/outcome.h"

namespace routebench {

// One event at one of its targets. Outlives the subscription, but not the party that routes.
struct DeadLetter {
  uint64_t number = 0;  // unique in the router, in the order of dying
  Event event;          // its attempt is the last one
  uint64_t subscription = 0;
  std::string service;
  Outcome reason = Outcome::kRejected;  // of the last attempt: kRejected (Verdict::kRetry), kTimedOut
};

// Thread-safe. Errors as in EventRouter.
class DeadLetters {
 public:
  virtual ~DeadLetters() = default;

  // The oldest first, from number `from` on, at most `most` of them; fewer where one answer would become too
  // large, but at least one if there is any.
  virtual absl::StatusOr<std::vector<DeadLetter>> List(uint64_t from, size_t most) = 0;
  // Brings it to its subscription once more, as a first attempt: a new entry in the books. NotFound: no such
  // letter, or its subscription has ended. ResourceExhausted: the subscription is full. It stays a dead
  // letter then.
  virtual absl::Status Replay(uint64_t number) = 0;
  // Forgets it. NotFound.
  virtual absl::Status Discard(uint64_t number) = 0;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_DEAD_LETTERS_H_
