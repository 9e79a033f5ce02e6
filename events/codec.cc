#include "events/codec.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <google/protobuf/wire_format_lite.h>

#include <bit>
#include <climits>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#include "events/payloads/payloads.h"

namespace routebench {
namespace {

using google::protobuf::Message;

static_assert(std::endian::native == std::endian::little, "the encoded form is copied as it lies in memory");

// ---- Header: what routing and framing read lies in the first cache line.

namespace layout {

constexpr size_t kKind = 0;              // u8
constexpr size_t kPriority = 1;          // u8
constexpr size_t kAddressing = 2;        // u8
constexpr size_t kFlags = 3;             // u8
constexpr size_t kAttempt = 4;           // u8
constexpr size_t kMaxAttempts = 5;       // u8
constexpr size_t kReservedA = 6;         // 2 bytes
constexpr size_t kAttributesNumber = 8;  // u32
constexpr size_t kAttributesSize = 12;   // u32
constexpr size_t kBodySize = 16;         // u32
constexpr size_t kBodyCrc32c = 20;       // u32
constexpr size_t kPublisher = 24;        // u32
constexpr size_t kReservedB = 28;        // 4 bytes
constexpr size_t kSequence = 32;         // u64
constexpr size_t kNotBefore = 40;        // i64, nanoseconds of the monotonic clock, as the next two
constexpr size_t kCreated = 48;          // i64
constexpr size_t kDue = 56;              // i64
constexpr size_t kTimeToLive = 64;       // i64, nanoseconds
constexpr size_t kId = 72;               // u64 high, u64 low, as the next two
constexpr size_t kCorrelation = 88;
constexpr size_t kCausation = 104;
constexpr size_t kReservedC = 120;  // 8 bytes
constexpr size_t kEnd = 128;

static_assert(kReservedA + 2 == kAttributesNumber && kReservedB + 4 == kSequence);
static_assert(kSequence % 8 == 0 && kId % 8 == 0, "aligned wherever the header is");
static_assert(kTimeToLive + 8 == kId && kId + 16 == kCorrelation && kCorrelation + 16 == kCausation);
static_assert(kCausation + 16 == kReservedC && kReservedC + 8 == kEnd);
static_assert(kEnd == kEncodedHeaderSize);

}  // namespace layout

constexpr uint8_t kTypedFlag = 1;

template <typename T>
void Store(char* out, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(out, &value, sizeof value);
}

template <typename T>
T Load(const char* in) {
  T value;
  std::memcpy(&value, in, sizeof value);
  return value;
}

void StoreId(char* out, const EventId& id) {
  Store(out, id.high);
  Store(out + 8, id.low);
}

EventId LoadId(const char* in) { return {.high = Load<uint64_t>(in), .low = Load<uint64_t>(in + 8)}; }

// ---- Attributes: every string with its length as u16 in front, in this order:
//   source.id, source.type, source.instance, custom_name, content_type,
//   u16 number of targets, the targets, u16 number of metadata entries, key and value of each.

constexpr size_t kLengthSize = sizeof(uint16_t);

bool AllEmpty(const Attributes& a) {
  return a.source.id.empty() && a.source.type.empty() && a.source.instance.empty() && a.targets.empty() &&
         a.custom_name.empty() && a.content_type.empty() && a.metadata.empty();
}

char* StoreString(char* out, std::string_view text) {
  Store(out, static_cast<uint16_t>(text.size()));
  std::memcpy(out + kLengthSize, text.data(), text.size());
  return out + kLengthSize + text.size();
}

char* StoreCount(char* out, size_t count) {
  Store(out, static_cast<uint16_t>(count));
  return out + kLengthSize;
}

// Takes an attributes block apart; after the first failure nothing more is read.
class Reader {
 public:
  explicit Reader(std::string_view data) : rest_(data) {}

  bool String(std::string& text) {
    size_t size;
    if (!Number(size) || size > rest_.size()) return false;
    text.assign(rest_.data(), size);
    rest_.remove_prefix(size);
    return true;
  }
  // Also checks that so many entries of at least `entry_size` bytes can follow.
  bool Count(size_t limit, size_t entry_size, size_t& count) {
    return Number(count) && count <= limit && count * entry_size <= rest_.size();
  }
  bool at_end() const { return rest_.empty(); }

 private:
  bool Number(size_t& number) {
    if (rest_.size() < kLengthSize) return false;
    number = Load<uint16_t>(rest_.data());
    rest_.remove_prefix(kLengthSize);
    return true;
  }

  std::string_view rest_;
};

}  // namespace

void EncodeHeader(const EncodedHeader& header, char* out) {
  const EventHeader& event = header.event;
  std::memset(out, 0, kEncodedHeaderSize);
  Store(out + layout::kKind, event.kind);
  Store(out + layout::kPriority, event.priority);
  Store(out + layout::kAddressing, event.addressing);
  Store(out + layout::kFlags, header.typed ? kTypedFlag : uint8_t{0});
  Store(out + layout::kAttempt, event.attempt);
  Store(out + layout::kMaxAttempts, event.max_attempts);
  Store(out + layout::kAttributesNumber, header.attributes_number);
  Store(out + layout::kAttributesSize, header.attributes_size);
  Store(out + layout::kBodySize, header.body_size);
  Store(out + layout::kBodyCrc32c, header.body_crc32c);
  Store(out + layout::kPublisher, event.publisher);
  Store(out + layout::kSequence, event.sequence);
  Store(out + layout::kNotBefore, ToNanos(event.not_before));
  Store(out + layout::kCreated, ToNanos(event.created));
  Store(out + layout::kDue, ToNanos(event.due));
  Store(out + layout::kTimeToLive, int64_t{event.time_to_live.count()});
  StoreId(out + layout::kId, event.id);
  StoreId(out + layout::kCorrelation, event.correlation);
  StoreId(out + layout::kCausation, event.causation);
}

bool DecodeHeader(std::string_view data, EncodedHeader* header) {
  const char* in = data.data();
  const uint8_t kind = Load<uint8_t>(in + layout::kKind);
  const uint8_t priority = Load<uint8_t>(in + layout::kPriority);
  const uint8_t addressing = Load<uint8_t>(in + layout::kAddressing);
  const uint8_t flags = Load<uint8_t>(in + layout::kFlags);
  header->attributes_number = Load<uint32_t>(in + layout::kAttributesNumber);
  header->attributes_size = Load<uint32_t>(in + layout::kAttributesSize);
  if (!IsKnownKind(kind) || priority >= kPriorityCount ||
      addressing > static_cast<uint8_t>(Addressing::kToGroup) || (flags & ~kTypedFlag) != 0 ||
      header->attributes_size > kMaxAttributesBytes ||
      (header->attributes_number != 0 && header->attributes_size != 0)) {
    return false;
  }
  header->typed = (flags & kTypedFlag) != 0;
  header->body_size = Load<uint32_t>(in + layout::kBodySize);
  header->body_crc32c = Load<uint32_t>(in + layout::kBodyCrc32c);
  EventHeader& event = header->event;
  event.kind = static_cast<EventKind>(kind);
  event.priority = static_cast<Priority>(priority);
  event.addressing = static_cast<Addressing>(addressing);
  event.attempt = Load<uint8_t>(in + layout::kAttempt);
  event.max_attempts = Load<uint8_t>(in + layout::kMaxAttempts);
  event.publisher = Load<uint32_t>(in + layout::kPublisher);
  event.sequence = Load<uint64_t>(in + layout::kSequence);
  event.not_before = FromNanos(Load<int64_t>(in + layout::kNotBefore));
  event.created = FromNanos(Load<int64_t>(in + layout::kCreated));
  event.due = FromNanos(Load<int64_t>(in + layout::kDue));
  event.time_to_live = Duration(Load<int64_t>(in + layout::kTimeToLive));
  event.id = LoadId(in + layout::kId);
  event.correlation = LoadId(in + layout::kCorrelation);
  event.causation = LoadId(in + layout::kCausation);
  return true;
}

size_t EncodedSize(const Attributes& a) {
  if (AllEmpty(a)) return 0;
  if (a.targets.size() > kMaxTargets || a.metadata.size() > kMaxMetadata) {
    return std::numeric_limits<size_t>::max();
  }
  size_t size = 7 * kLengthSize + a.source.id.size() + a.source.type.size() + a.source.instance.size() +
                a.custom_name.size() + a.content_type.size();
  for (const std::string& target : a.targets) size += kLengthSize + target.size();
  for (const auto& [key, value] : a.metadata) size += 2 * kLengthSize + key.size() + value.size();
  return size;
}

// A string of 65,536 bytes or more does not occur: with its length it exceeds kMaxAttributesBytes.
static_assert(kMaxAttributesBytes <= std::numeric_limits<uint16_t>::max() + kLengthSize);

void EncodeAttributes(const Attributes& a, char* out) {
  if (AllEmpty(a)) return;
  for (const std::string* text :
       {&a.source.id, &a.source.type, &a.source.instance, &a.custom_name, &a.content_type}) {
    out = StoreString(out, *text);
  }
  out = StoreCount(out, a.targets.size());
  for (const std::string& target : a.targets) out = StoreString(out, target);
  out = StoreCount(out, a.metadata.size());
  for (const auto& [key, value] : a.metadata) out = StoreString(StoreString(out, key), value);
}

bool DecodeAttributes(std::string_view data, Attributes* attributes) {
  Attributes& a = *attributes;
  if (data.empty()) {
    a = Attributes();
    return true;
  }
  if (data.size() > kMaxAttributesBytes) return false;
  Reader reader(data);
  size_t count;
  if (!reader.String(a.source.id) || !reader.String(a.source.type) || !reader.String(a.source.instance) ||
      !reader.String(a.custom_name) || !reader.String(a.content_type) ||
      !reader.Count(kMaxTargets, kLengthSize, count)) {
    return false;
  }
  a.targets.resize(count);
  for (std::string& target : a.targets) {
    if (!reader.String(target)) return false;
  }
  if (!reader.Count(kMaxMetadata, 2 * kLengthSize, count)) return false;
  a.metadata.resize(count);
  for (auto& [key, value] : a.metadata) {
    if (!reader.String(key) || !reader.String(value)) return false;
  }
  return reader.at_end();
}

void EncodeBody(const Payload& payload, char* out) {
  if (payload.is_typed()) {
    payload.message().SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(out));
  } else if (!payload.bytes().empty()) {
    std::memcpy(out, payload.bytes().data(), payload.bytes().size());
  }
}

namespace {

// The object in `kept`, or a new one in its place where somebody still uses that. The copy is an
// acquire-release operation on the count in libstdc++, so whatever the last other holder did with the object
// happens before its reuse.
template <typename T, typename Make>
std::shared_ptr<T> Recycle(std::shared_ptr<T>& kept, const Make& make) {
  if (kept.use_count() != 1) kept = make();
  return kept;
}

// Groups are refused: no message of ours has one, and they nest.
bool HasTooManyFields(std::string_view body) {
  using google::protobuf::internal::WireFormatLite;
  if (body.size() <= 2 * BodyDecoder::kMaxFields) return false;  // a field takes two bytes at least
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(body.data()),
                                            static_cast<int>(body.size()));
  for (size_t fields = 0; fields <= BodyDecoder::kMaxFields; ++fields) {
    const uint32_t tag = in.ReadTag();
    if (tag == 0) return false;  // the end, or malformed: the parser tells
    if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_START_GROUP) return true;
    if (!WireFormatLite::SkipField(&in, tag)) return true;
  }
  return true;
}

}  // namespace

bool BodyDecoder::Decode(const EncodedHeader& header, std::string_view body, Payload* payload) {
  // A caller that passes the same payload again and again is the last holder of the object to be reused.
  *payload = Payload();
  if (!header.typed) {
    std::shared_ptr<std::string> bytes = Recycle(bytes_, [] { return std::make_shared<std::string>(); });
    if (body.size() > kMaxKeptBytes) bytes_ = nullptr;
    bytes->assign(body);
    *payload = Payload::Bytes(std::move(bytes));
    return true;
  }
  if (body.size() > INT_MAX || HasTooManyFields(body)) return false;
  std::shared_ptr<Message>& kept = messages_[static_cast<size_t>(header.event.kind)];
  std::shared_ptr<Message> message =
      Recycle(kept, [&] { return std::shared_ptr<Message>(NewMessage(header.event.kind)); });
  if (message == nullptr) return false;
  if (body.size() > kMaxKeptBytes) kept = nullptr;
  if (!message->ParseFromArray(body.data(), static_cast<int>(body.size()))) return false;
  *payload = Payload::Typed(std::move(message));
  return true;
}

}  // namespace routebench
