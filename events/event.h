// The event: what a publisher hands to a router and a handler receives (R1, R3, R4).
#ifndef ROUTEBENCH_EVENTS_EVENT_H_
#define ROUTEBENCH_EVENTS_EVENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "events/clock.h"
#include "events/event_id.h"
#include "events/kind.h"

namespace google::protobuf {
class Message;
}

namespace routebench {

// Lower is more urgent.
enum class Priority : uint8_t { kCritical = 0, kHigh = 1, kNormal = 2, kLow = 3 };
inline constexpr size_t kPriorityCount = 4;

// Who is meant (R7): every match; exactly the services named in Attributes::targets; exactly one of the
// matching services, chosen by the router's balancer.
enum class Addressing : uint8_t { kToAll = 0, kToTargets = 1, kToGroup = 2 };

// The part of an event of fixed size: trivially copyable, everything that routing by kind and queueing needs.
struct EventHeader {
  EventId id;
  EventId correlation;     // none: not part of a conversation
  EventId causation;       // none: not caused by another event
  uint64_t sequence = 0;   // counts a publisher's events from 1; 0: not numbered
  TimePoint created{};     // when the publisher made it, on the monotonic clock of this boot
  TimePoint due{};         // when its schedule wanted it made; == created without a schedule; kept by retries
  TimePoint not_before{};  // hold it until then; TimePoint{} : deliver at once
  Duration time_to_live{};  // from created; zero: lives for ever
  EventKind kind = EventKind::kCustom;
  Priority priority = Priority::kNormal;
  Addressing addressing = Addressing::kToAll;
  uint8_t attempt = 1;
  uint8_t max_attempts = 3;
  uint32_t publisher = 0;  // the publisher's own number for itself; sequences are per publisher

  bool ExpiredAt(TimePoint now) const {
    return time_to_live > Duration::zero() && Elapsed(created, now) >= time_to_live;
  }
};
static_assert(std::is_trivially_copyable_v<EventHeader>);

// Who sent it.
struct Source {
  std::string id;
  std::string type;
  std::string instance;
  friend bool operator==(const Source&, const Source&) = default;
};

// The part of an event that tends to be the same for many events of one publisher. Share one object among
// them: both backends then copy a pointer, and the daemon's wire carries a number instead of the strings.
struct Attributes {
  Source source;
  std::vector<std::string> targets;  // service ids, for kToTargets
  std::string custom_name;           // for EventKind::kCustom
  std::string content_type;          // of a body of plain bytes; empty for a typed one
  std::vector<std::pair<std::string, std::string>> metadata;  // in the publisher's order
  friend bool operator==(const Attributes&, const Attributes&) = default;
};

// An immutable body: a typed object (the kind's message, see events/payloads) or plain bytes. Copying shares
// it. Thread-safe to read and to copy.
class Payload {
 public:
  // An empty body of bytes.
  Payload() = default;

  // `message` must not change afterwards. Its encoded size is computed here, once.
  static Payload Typed(std::shared_ptr<const google::protobuf::Message> message);
  static Payload Bytes(std::shared_ptr<const std::string> bytes);

  bool is_typed() const { return message_ != nullptr; }
  // Requires is_typed(). The object's type belongs to the event's kind: static_cast after checking the kind.
  const google::protobuf::Message& message() const { return *message_; }
  // Empty when typed.
  std::string_view bytes() const {
    return bytes_ == nullptr ? std::string_view() : std::string_view(*bytes_);
  }
  // Size of the body when encoded, in bytes. Computed from the content, never taken from outside.
  size_t encoded_size() const { return encoded_size_; }

 private:
  std::shared_ptr<const google::protobuf::Message> message_;
  std::shared_ptr<const std::string> bytes_;
  size_t encoded_size_ = 0;
};

// A value, cheap to copy (a header and three shared pointers). `attributes` may be null: all of them empty.
struct Event {
  EventHeader header;
  std::shared_ptr<const Attributes> attributes;
  Payload payload;
};

// `event.attributes`, or a shared empty object where that is null.
const Attributes& AttributesOf(const Event& event);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_EVENT_H_
