#include "events/event.h"

#include <google/protobuf/message.h>

namespace routebench {

Payload Payload::Typed(std::shared_ptr<const google::protobuf::Message> message) {
  Payload payload;
  payload.encoded_size_ = message->ByteSizeLong();
  payload.message_ = std::move(message);
  return payload;
}

Payload Payload::Bytes(std::shared_ptr<const std::string> bytes) {
  Payload payload;
  payload.encoded_size_ = bytes->size();
  payload.bytes_ = std::move(bytes);
  return payload;
}

const Attributes& AttributesOf(const Event& event) {
  static const Attributes& empty = *new Attributes();
  return event.attributes == nullptr ? empty : *event.attributes;
}

}  // namespace routebench
