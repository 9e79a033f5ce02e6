// What travels in a frame between a client and the broker.
//
//   frame    = Prefix, then what its type says
//   Publish  = Prefix, encoded event                 client -> broker
//   Deliver  = DeliverPrefix, encoded event          broker -> client
//              (with kStages a StageBlock in front of the encoded event: stage_block.h)
//   Control  = Prefix, one ClientControl or BrokerControl message (control.proto)
//   all others are the structs below, and nothing after them
//
// The structs lie on the wire as they lie in memory: little endian, no padding, every byte named. The numbers
// are part of the protocol: never reuse one. Golden bytes: tests/daemon/frames_test.cc.
#ifndef ROUTEBENCH_DAEMON_WIRE_FRAMES_H_
#define ROUTEBENCH_DAEMON_WIRE_FRAMES_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "events/codec.h"

namespace routebench::wire {

static_assert(std::endian::native == std::endian::little, "frames are copied as they lie in memory");

inline constexpr uint32_t kProtocolVersion = 1;

// Features both sides must name in their greeting to use them.
inline constexpr uint64_t kInternedAttributes = 1;  // DefineAttributes, headers that name a set by number
inline constexpr uint64_t kAtLeastOnce = 1 << 8;    // named subscriptions, kKept, Released
inline constexpr uint64_t kStageStamps = 1 << 9;    // kStages
inline constexpr uint64_t kFeatures = kInternedAttributes | kAtLeastOnce | kStageStamps;

enum class FrameType : uint8_t {
  kControl = 1,
  kPublish = 2,           // client -> broker
  kDeliver = 3,           // broker -> client
  kDefineAttributes = 4,  // either way: before the first event that names the set
  kPublishCredit = 5,     // broker -> client
  kProgress = 6,          // client -> broker
  kAcknowledged = 7,      // client -> broker, after the Progress that covers its deliveries
  kSettled = 8,           // client -> broker, likewise
  kEventOutcome = 9,      // broker -> client
  kProgressRequest = 10,  // broker -> client
  kProgressDone = 11,     // client -> broker
  kReleased = 20,         // broker -> client
};

struct Prefix {
  FrameType type;
  uint8_t flags = 0;
  uint16_t zero = 0;
};

// Prefix::flags of Publish and Deliver: its publisher wants to be told of its delivery.
inline constexpr uint8_t kReportDelivered = 1;
// Likewise: the event is sampled, and its times follow the prefix.
inline constexpr uint8_t kStages = 0x40;
// Of Publish: its publisher keeps it until Released; and it may have been published before, in
// another session, so that only at-least-once subscriptions get it.
inline constexpr uint8_t kKept = 0x10;
inline constexpr uint8_t kResent = 0x20;

// A subscription's deliveries are numbered from 1 by their order on the wire.
struct DeliverPrefix {
  Prefix prefix{FrameType::kDeliver};
  uint32_t zero = 0;
  uint64_t subscription = 0;
};

// Followed by one block of EncodeAttributes. Numbers count from 1, for each session and direction.
struct DefineAttributes {
  Prefix prefix{FrameType::kDefineAttributes};
  uint32_t number = 0;
};

// What the broker has brought to all its queues, since the session began: the publisher's window moves on.
// Bytes are those of whole frames, without their lengths.
struct PublishCredit {
  Prefix prefix{FrameType::kPublishCredit};
  uint32_t zero = 0;
  uint64_t events = 0;
  uint64_t bytes = 0;
};

// How many of a subscription's events have left the mailbox, to a handler or otherwise, since it began.
struct Progress {
  Prefix prefix{FrameType::kProgress};
  uint32_t zero = 0;
  uint64_t subscription = 0;
  uint64_t handed = 0;
};

// Deliveries `first` to `first + count - 1` were acknowledged by the handler.
struct Acknowledged {
  Prefix prefix{FrameType::kAcknowledged};
  uint32_t count = 0;
  uint64_t subscription = 0;
  uint64_t first = 0;
};

// A delivery came to another outcome, or to kDelivered and its publisher wants to be told.
struct Settled {
  Prefix prefix{FrameType::kSettled};
  uint32_t outcome = 0;
  uint64_t subscription = 0;
  uint64_t delivery = 0;
};

// To the publisher of an event: its outcome.
struct EventOutcome {
  Prefix prefix{FrameType::kEventOutcome};
  uint32_t outcome = 0;
  uint64_t subscription = 0;  // 0: none
  uint64_t sequence = 0;
  EventId event;
};

// Send Progress and Acknowledged of everything that is not reported, then ProgressDone with this number. With
// kEager, from then on also whenever a subscription has nothing more to do.
inline constexpr uint8_t kEager = 1;
struct ProgressRequest {
  Prefix prefix{FrameType::kProgressRequest};
  uint32_t number = 0;
};
struct ProgressDone {
  Prefix prefix{FrameType::kProgressDone};
  uint32_t number = 0;
};

// The session's kept events number `first` to `first + count - 1` (from 1, by their order on the wire) need
// not be kept any longer: every at-least-once subscription that matched has acknowledged them, or, with
// kNotByAll, some have come to another outcome.
inline constexpr uint8_t kNotByAll = 1;
struct Released {
  Prefix prefix{FrameType::kReleased};
  uint32_t count = 0;
  uint64_t first = 0;
};

static_assert(sizeof(Prefix) == 4);
static_assert(sizeof(DeliverPrefix) == 16 && offsetof(DeliverPrefix, subscription) == 8);
static_assert(sizeof(DefineAttributes) == 8);
static_assert(sizeof(PublishCredit) == 24 && offsetof(PublishCredit, bytes) == 16);
static_assert(sizeof(Progress) == 24 && offsetof(Progress, handed) == 16);
static_assert(sizeof(Acknowledged) == 24 && offsetof(Acknowledged, first) == 16);
static_assert(sizeof(Settled) == 24 && offsetof(Settled, delivery) == 16);
static_assert(sizeof(EventOutcome) == 40 && offsetof(EventOutcome, event) == 24);
static_assert(sizeof(Released) == 16 && offsetof(Released, first) == 8);
static_assert(sizeof(ProgressRequest) == 8 && sizeof(ProgressDone) == 8);

// Of a client's first frame: all that a stranger may make the broker hold.
inline constexpr size_t kMaxGreetingBytes = size_t{4} << 10;

// Of a control frame to the broker: a message of this size takes some hundred times as much when it is
// parsed.
inline constexpr size_t kMaxClientControlBytes = size_t{1} << 20;

// Of a frame with the largest event, also where it is a field of a control message.
constexpr size_t MaxFrameBytes(size_t max_body_bytes) {
  constexpr size_t kOtherFields = 1024;
  return sizeof(DeliverPrefix) + kEncodedHeaderSize + kMaxAttributesBytes + max_body_bytes + kOtherFields;
}

template <typename Frame>
void Store(const Frame& frame, char* out) {
  static_assert(std::has_unique_object_representations_v<Frame>, "no padding");
  std::memcpy(out, &frame, sizeof frame);
}

// False: too short, or longer than the struct.
template <typename Frame>
bool LoadExactly(std::string_view data, Frame* frame) {
  static_assert(std::is_trivially_copyable_v<Frame>);
  if (data.size() != sizeof *frame) return false;
  std::memcpy(static_cast<void*>(frame), data.data(), sizeof *frame);
  return true;
}

// The start of a frame that goes on after the struct. False: too short.
template <typename Frame>
bool LoadFront(std::string_view data, Frame* frame) {
  return data.size() >= sizeof *frame && LoadExactly(data.substr(0, sizeof *frame), frame);
}

// An encoded event taken apart; the views lie in the input.
struct EventView {
  EncodedHeader header;
  std::string_view attributes;
  std::string_view body;
};
// False: not exactly one encoded event.
bool ParseEvent(std::string_view data, EventView* event);

}  // namespace routebench::wire

#endif  // ROUTEBENCH_DAEMON_WIRE_FRAMES_H_
