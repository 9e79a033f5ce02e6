// Whether two events are the same in every field, for tests that send them round.
#ifndef ROUTEBENCH_TESTS_EVENTS_EQUALITY_H_
#define ROUTEBENCH_TESTS_EVENTS_EQUALITY_H_

#include <google/protobuf/message.h>
#include <google/protobuf/util/message_differencer.h>
#include <tuple>

#include "events/event.h"

namespace routebench {

inline bool SameHeader(const EventHeader& a, const EventHeader& b) {
  const auto fields = [](const EventHeader& h) {
    return std::tie(h.id, h.correlation, h.causation, h.sequence, h.created, h.due, h.not_before,
                    h.time_to_live, h.kind, h.priority, h.addressing, h.attempt, h.max_attempts, h.publisher);
  };
  return fields(a) == fields(b);
}

inline bool SamePayload(const Payload& a, const Payload& b) {
  if (a.is_typed() != b.is_typed() || a.encoded_size() != b.encoded_size()) return false;
  if (!a.is_typed()) return a.bytes() == b.bytes();
  return a.message().GetDescriptor() == b.message().GetDescriptor() &&
         google::protobuf::util::MessageDifferencer::Equals(a.message(), b.message());
}

inline bool SameEvent(const Event& a, const Event& b) {
  return SameHeader(a.header, b.header) && AttributesOf(a) == AttributesOf(b) &&
         SamePayload(a.payload, b.payload);
}

}  // namespace routebench

#endif  // ROUTEBENCH_TESTS_EVENTS_EQUALITY_H_
