#include "daemon/wire/frames.h"

namespace routebench::wire {

bool ParseEvent(std::string_view data, EventView* event) {
  if (data.size() < kEncodedHeaderSize || !DecodeHeader(data, &event->header)) return false;
  const size_t attributes = event->header.attributes_size;
  const size_t body = event->header.body_size;
  if (data.size() - kEncodedHeaderSize != attributes + body) return false;
  event->attributes = data.substr(kEncodedHeaderSize, attributes);
  event->body = data.substr(kEncodedHeaderSize + attributes);
  return true;
}

}  // namespace routebench::wire
