#include "daemon/wire/parse.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <climits>
#include <cstddef>
#include <cstdint>

namespace routebench::wire {
namespace {

using google::protobuf::internal::WireFormatLite;

const google::protobuf::Descriptor* MessageIn(const google::protobuf::Descriptor& type, uint32_t tag) {
  const auto* const field = type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
  return field == nullptr ? nullptr : field->message_type();
}

}  // namespace

bool LengthsFit(std::string_view bytes, const google::protobuf::Descriptor& type) {
  if (bytes.size() > INT_MAX) return false;
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (const uint32_t tag = in.ReadTag()) {
    if (WireFormatLite::GetTagWireType(tag) == WireFormatLite::WIRETYPE_START_GROUP) return false;
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&in, tag)) return false;
      continue;
    }
    uint32_t size;
    if (!in.ReadVarint32(&size)) return false;
    const std::string_view rest = bytes.substr(static_cast<size_t>(in.CurrentPosition()));
    if (size > rest.size()) return false;
    const google::protobuf::Descriptor* const inner = MessageIn(type, tag);
    if (inner != nullptr && !LengthsFit(rest.substr(0, size), *inner)) return false;
    if (!in.Skip(static_cast<int>(size))) return false;
  }
  return static_cast<size_t>(in.CurrentPosition()) == bytes.size();
}

bool ParseControl(std::string_view bytes, google::protobuf::Message* message) {
  return LengthsFit(bytes, *message->GetDescriptor()) &&
         message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

}  // namespace routebench::wire
