#include "daemon/client/redeliveries.h"

#include <utility>

namespace routebench::daemon {

Redeliveries::Seen Redeliveries::Begin(const EventId& id, uint8_t attempt, Verdict* answer) {
  Entry& entry = events_[id];
  const bool asked_for = entry.answered && entry.answer == Verdict::kRetry;
  if (attempt <= entry.attempt && !asked_for) {
    *answer = entry.answer;
    return entry.answered ? Seen::kAnswered : Seen::kInHand;
  }
  // This attempt takes the place of the one before: whoever waits for that one waits for this one.
  entry.attempt = attempt;
  entry.answered = false;
  return Seen::kNever;
}

void Redeliveries::AnswerToo(const EventId& id, Acknowledger acknowledger) {
  events_[id].waiting.push_back(std::move(acknowledger));
}

std::vector<Acknowledger> Redeliveries::Answer(const EventId& id, uint8_t attempt, Verdict answer) {
  const auto found = events_.find(id);
  if (found == events_.end() || found->second.answered || found->second.attempt != attempt) return {};
  found->second.answered = true;
  found->second.answer = answer;
  std::vector<Acknowledger> waiting = std::exchange(found->second.waiting, {});
  ++found->second.answers;
  answered_.PushBack(id);
  while (answered_.size() > window_) {
    const auto oldest = events_.find(answered_.PopFront());
    if (--oldest->second.answers == 0 && oldest->second.answered) events_.erase(oldest);
  }
  return waiting;
}

}  // namespace routebench::daemon
