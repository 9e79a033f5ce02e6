// An encoded event as the daemon and a client take it apart. There is one form for what was decoded: header
// and attributes come out as they went in, and a body that was accepted survives another journey.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/wire/frames.h"
#include "daemon/wire/stage_block.h"
#include "events/codec.h"
#include "events/payloads/read_fields.h"
#include "tests/events/equality.h"
#include "tests/fuzz/fuzz.h"

namespace routebench {
namespace {

using fuzz::Require;

void CheckHeader(const EncodedHeader& header) {
  std::string encoded(kEncodedHeaderSize, '\0');
  EncodeHeader(header, encoded.data());
  EncodedHeader again;
  Require(DecodeHeader(encoded, &again), "what was decoded can be encoded");
  Require(SameHeader(header.event, again.event) && header.typed == again.typed &&
              header.attributes_number == again.attributes_number &&
              header.attributes_size == again.attributes_size && header.body_size == again.body_size &&
              header.body_crc32c == again.body_crc32c,
          "and is the same header");
  // What routing asks of times that a peer made up.
  for (const int64_t now : {int64_t{0}, int64_t{1} << 50, INT64_MAX}) header.event.ExpiredAt(FromNanos(now));
}

void CheckAttributes(std::string_view encoded) {
  Attributes attributes;
  if (!DecodeAttributes(encoded, &attributes)) return;
  Require(attributes.targets.size() <= kMaxTargets && attributes.metadata.size() <= kMaxMetadata,
          "they are bounded");
  const size_t size = EncodedSize(attributes);
  Require(size <= kMaxAttributesBytes, "what was decoded can be encoded");
  std::string again(size, '\0');
  EncodeAttributes(attributes, again.data());
  // A block of nothing but empty attributes is written as none.
  Require(again == encoded ||
              (size == 0 && std::ranges::count(encoded, '\0') == static_cast<long>(encoded.size())),
          "one form for one set of attributes");
}

void CheckBody(const EncodedHeader& header, std::string_view body) {
  BodyDecoder decoder;
  Payload payload;
  if (!decoder.Decode(header, body, &payload)) {
    Require(header.typed && !payload.is_typed() && payload.bytes().empty(),
            "a body that is refused leaves nothing");
    return;
  }
  Require(payload.is_typed() == header.typed, "a body is what its header says");
  ReadFields(header.event.kind, payload);
  std::string encoded(payload.encoded_size(), '\0');
  EncodeBody(payload, encoded.data());
  Require(header.typed || encoded == body, "bytes stay as they are");
  BodyDecoder other;
  Payload again;
  Require(other.Decode(header, encoded, &again), "what was decoded can be encoded");
  Require(again.encoded_size() == payload.encoded_size(), "and has its size");
  std::string encoded_again(again.encoded_size(), '\0');
  EncodeBody(again, encoded_again.data());
  Require(encoded == encoded_again, "and is the same body");
  Require(ReadFields(header.event.kind, payload) == ReadFields(header.event.kind, again),
          "for its reader as well");
}

void CheckStages(std::string_view bytes) {
  const size_t size = bytes.size();
  StageStamps storage;
  StageStamps* stages = nullptr;
  const bool taken = wire::TakeStages(wire::kStages, &bytes, storage, &stages);
  Require(taken == (size >= wire::kStageBlockSize) && taken == (stages != nullptr),
          "a block is all there, or none");
  if (!taken) return;
  Require(bytes.size() == size - wire::kStageBlockSize, "it ends where it ends");
  stages->monotone();
  std::string stored(wire::kStageBlockSize, '\0');
  wire::StoreStages(*stages, stored.data());
  StageStamps storage_again;
  StageStamps* again = nullptr;
  std::string_view rest = stored;
  Require(wire::TakeStages(wire::kStages, &rest, storage_again, &again), "what was taken can be sent on");
  Require(again->nanos == stages->nanos, "and is the same");
  for (const int64_t nanos : again->nanos) {
    Require(nanos >= StageStamps::kNone && nanos <= INT64_MAX / 2 + 1, "their differences fit");
  }
}

}  // namespace
}  // namespace routebench

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace routebench;
  const google::protobuf::LogSilencer quiet;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  CheckStages(bytes);
  wire::EventView event;
  if (wire::ParseEvent(bytes, &event)) {
    Require(event.attributes.size() + event.body.size() + kEncodedHeaderSize == size,
            "an event is all of a frame");
    CheckHeader(event.header);
    CheckAttributes(event.attributes);
    CheckBody(event.header, event.body);
  } else if (size >= kEncodedHeaderSize) {
    // The sizes in the header need not fit for its parts to be looked at: whatever follows is a block, or a
    // body.
    EncodedHeader header;
    if (!DecodeHeader(bytes, &header)) return 0;
    CheckHeader(header);
    CheckAttributes(bytes.substr(kEncodedHeaderSize));
    CheckBody(header, bytes.substr(kEncodedHeaderSize));
  }
  return 0;
}
