// The encoded form of an event: what crosses a process boundary.
//
//   header      kEncodedHeaderSize bytes, little endian, fixed
//   attributes  header.attributes_size bytes (none when the header names an interned set by number, or when
//   all
//               of them are empty)
//   body        header.body_size bytes: the kind's protobuf message, or plain bytes; CRC-32C in the header
//
// The daemon routes on the first two and forwards the body without decoding it. Every Decode function treats
// its input as hostile: sizes are checked before anything is allocated, and false means "not one of ours",
// nothing else.
#ifndef ROUTEBENCH_EVENTS_CODEC_H_
#define ROUTEBENCH_EVENTS_CODEC_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "events/event.h"

namespace routebench {

inline constexpr size_t kEncodedHeaderSize = 128;
inline constexpr size_t kMaxAttributesBytes = size_t{64} << 10;
// Bounds what a small block can make its decoder allocate.
inline constexpr size_t kMaxTargets = 1024;
inline constexpr size_t kMaxMetadata = 1024;

// The fixed-size part, decoded.
struct EncodedHeader {
  EventHeader event;
  bool typed = false;              // the body is the kind's message, not plain bytes
  uint32_t attributes_number = 0;  // an interned set of the session; 0: the attributes follow inline
  uint32_t attributes_size = 0;    // inline bytes, <= kMaxAttributesBytes; 0 when interned
  uint32_t body_size = 0;
  uint32_t body_crc32c = 0;
};

// Writes kEncodedHeaderSize bytes.
void EncodeHeader(const EncodedHeader& header, char* out);
// Requires data.size() >= kEncodedHeaderSize. False: unknown kind, priority, addressing or flag, attributes
// too large, or both a number and inline attributes. Reserved bytes are written as zero and ignored when
// read.
bool DecodeHeader(std::string_view data, EncodedHeader* header);

// 0 when all of them are empty. Above kMaxAttributesBytes when they cannot be encoded, be it for their bytes
// or for the number of targets or metadata entries: one comparison covers every limit.
size_t EncodedSize(const Attributes& attributes);
// Writes EncodedSize(attributes) bytes. Requires them to be at most kMaxAttributesBytes.
void EncodeAttributes(const Attributes& attributes, char* out);
// The whole of `data` must be one attributes block.
bool DecodeAttributes(std::string_view data, Attributes* attributes);

// Writes payload.encoded_size() bytes.
void EncodeBody(const Payload& payload, char* out);

// Decodes bodies, reusing a message object once nobody else holds the payload it was given out in: in a
// steady state only what the strings of a larger body need is allocated. Objects that held more than
// kMaxKeptBytes are let go. Not thread-safe; the payloads it gives out are.
class BodyDecoder {
 public:
  static constexpr size_t kMaxKeptBytes = size_t{256} << 10;
  // An element of a repeated field takes two bytes of the body and a hundred of memory: this bounds them.
  static constexpr size_t kMaxFields = size_t{64} << 10;

  // False: a typed body that does not parse as the kind's message, has more than kMaxFields fields and
  // elements at its top level (checked before anything is allocated), or is typed though the kind has no
  // message (custom); `payload` is empty then. The checksum is the caller's to compare, before this.
  bool Decode(const EncodedHeader& header, std::string_view body, Payload* payload);

 private:
  std::array<std::shared_ptr<google::protobuf::Message>, kKindCount> messages_;
  std::shared_ptr<std::string> bytes_;
};

// CRC-32C (Castagnoli, RFC 3720 appendix B.4; 0xe3069283 for "123456789"). By SSE 4.2 where the processor has
// it.
uint32_t Crc32c(std::string_view data);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_CODEC_H_
