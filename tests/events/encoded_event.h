// A whole event to bytes and back, as a publisher and a receiver do it in one piece.
#ifndef ROUTEBENCH_TESTS_EVENTS_ENCODED_EVENT_H_
#define ROUTEBENCH_TESTS_EVENTS_ENCODED_EVENT_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "events/codec.h"

namespace routebench {

// Header, attributes and body in one piece.
inline std::string EncodeEvent(const Event& event) {
  const Attributes& attributes = AttributesOf(event);
  std::string body(event.payload.encoded_size(), '\0');
  EncodeBody(event.payload, body.data());
  const EncodedHeader header{.event = event.header,
                             .typed = event.payload.is_typed(),
                             .attributes_size = static_cast<uint32_t>(EncodedSize(attributes)),
                             .body_size = static_cast<uint32_t>(body.size()),
                             .body_crc32c = Crc32c(body)};
  std::string out(kEncodedHeaderSize + EncodedSize(attributes), '\0');
  EncodeHeader(header, out.data());
  EncodeAttributes(attributes, out.data() + kEncodedHeaderSize);
  return out + body;
}

// What a receiver does with bytes it does not trust.
inline bool DecodeEvent(std::string_view data, BodyDecoder& decoder, Event* event) {
  EncodedHeader header;
  if (data.size() < kEncodedHeaderSize || !DecodeHeader(data, &header)) return false;
  data.remove_prefix(kEncodedHeaderSize);
  if (data.size() != uint64_t{header.attributes_size} + header.body_size) return false;
  Attributes attributes;
  if (!DecodeAttributes(data.substr(0, header.attributes_size), &attributes)) return false;
  const std::string_view body = data.substr(header.attributes_size);
  if (Crc32c(body) != header.body_crc32c || !decoder.Decode(header, body, &event->payload)) return false;
  event->header = header.event;
  event->attributes = std::make_shared<Attributes>(std::move(attributes));
  return true;
}

}  // namespace routebench

#endif  // ROUTEBENCH_TESTS_EVENTS_ENCODED_EVENT_H_
