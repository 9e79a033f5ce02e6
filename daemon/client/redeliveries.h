// Which events an at-least-once subscription has seen already.
#ifndef ROUTEBENCH_DAEMON_CLIENT_REDELIVERIES_H_
#define ROUTEBENCH_DAEMON_CLIENT_REDELIVERIES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "events/delivery/ring.h"
#include "events/event_id.h"
#include "events/router.h"

namespace routebench::daemon {

// The events that are with the handler, and the answers to the last `window` that it has answered: one that
// comes again gets the same answer and is not handed. Storage grows to the window and is reused. Not
// thread-safe.
//
// A later attempt (R13), and whatever comes after kRetry, is another event: it was asked for.
class Redeliveries {
 public:
  explicit Redeliveries(size_t window) : window_(window) {}

  enum class Seen : uint8_t { kNever, kInHand, kAnswered };
  // kNever: it is in hand from now on. kAnswered: `*answer` is what it was answered.
  Seen Begin(const EventId& id, uint8_t attempt, Verdict* answer);
  // Of an event in hand: answers this one too, once it is answered.
  void AnswerToo(const EventId& id, Acknowledger acknowledger);
  // The answer to an event in hand, and whom to give it too. Not in hand (answered before): nobody.
  std::vector<Acknowledger> Answer(const EventId& id, uint8_t attempt, Verdict answer);

  size_t size() const { return events_.size(); }

 private:
  struct Entry {
    int attempt = -1;
    bool answered = false;
    uint32_t answers = 0;  // in answered_
    Verdict answer = Verdict::kReject;
    std::vector<Acknowledger> waiting;
  };
  const size_t window_;
  absl::flat_hash_map<EventId, Entry> events_;
  delivery::Ring<EventId> answered_;  // in the order of their answers
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_REDELIVERIES_H_
