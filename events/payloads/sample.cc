#include "events/payloads/sample.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_format.h"
#include "events/payloads/payloads.h"
#include "events/payloads/sample_text.h"

namespace routebench {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using google::protobuf::Reflection;

// A sample is the kind's *base* (every field outside the repeated ones, in a shape that has the same size for
// every seed), elements of the repeated fields in up to half of the room, and the last field's text for the
// rest.

constexpr size_t kShortestTail = 8;  // bytes of the last field's text
constexpr size_t kLargest = size_t{1} << 30;
constexpr int kMaxElements = 64;  // of each repeated field

// ---- What a field holds, by its name: the first row that ends the name counts.

struct TextRow {
  std::string_view suffix;
  TextStyle style;
  size_t length;
};
constexpr TextRow kTexts[] = {
    {"url_path", TextStyle::kPath, 20},
    {"path", TextStyle::kPath, 24},
    {"_json", TextStyle::kJson, 24},
    {"uri", TextStyle::kUri, 28},
    {"session", TextStyle::kHex, 12},
    {"instance", TextStyle::kHex, 8},
    {"version", TextStyle::kVersion, 6},
    {"address", TextStyle::kAddress, 14},
    {"http_method", TextStyle::kMethod, 4},
    {"mime_type", TextStyle::kMime, 10},
    {"statement", TextStyle::kSql, 24},
    {"command_line", TextStyle::kPath, 20},
    {"chunk", TextStyle::kBinary, 16},
    {"blob", TextStyle::kBinary, 16},
    {"image", TextStyle::kBinary, 32},
    {"listing", TextStyle::kPath, 24},
    {"name", TextStyle::kName, 10},
    {"text", TextStyle::kWords, 14},
    {"message", TextStyle::kWords, 24},
    {"reason", TextStyle::kWords, 16},
    {"", TextStyle::kName, 8},
};

// All numbers of a range have the same encoded size, so that the base has.
struct NumberRow {
  std::string_view suffix;
  uint64_t low;
  uint64_t high;
};
constexpr NumberRow kUnsigned[] = {
    {"_unix_ns", 1'700'000'000'000'000'000, 1'900'000'000'000'000'000},
    {"_ns", 2'100'000, 268'000'000},
    {"inode", 2'100'000, 268'000'000},
    {"offset", 2'100'000, 268'000'000},
    {"transaction_id", 2'100'000, 268'000'000},
    {"log_position", 2'100'000, 268'000'000},
    {"bytes", 16'384, 2'097'151},
    {"uid", 1'000, 1'999},
    {"gid", 1'000, 1'999},
    {"port", 32'768, 60'999},
    {"http_status", 200, 599},
    {"mode", 0100600, 0100755},
    {"attempts", 1, 9},
    {"cpus", 1, 64},
    {"warnings", 1, 99},
    {"generations", 1, 99},
    {"restarts", 1, 99},
    {"", 128, 16'383},
};
// Magnitudes; the sign is drawn.
constexpr NumberRow kSigned[] = {
    {"error_code", 32'000, 32'768},
    {"exit_status", 1, 63},
    {"signal", 1, 31},
    {"", 4'097, 8'191},
};

template <typename Row, size_t N>
const Row& RowFor(const Row (&rows)[N], std::string_view name) {
  for (const Row& row : rows) {
    if (name.ends_with(row.suffix)) return row;
  }
  return rows[N - 1];
}

uint64_t UnsignedFor(const FieldDescriptor& field, SampleRandom& random) {
  const NumberRow& row = RowFor(kUnsigned, field.name());
  return random.Between(row.low, row.high);
}

int64_t SignedFor(const FieldDescriptor& field, SampleRandom& random) {
  const bool zigzag =
      field.type() == FieldDescriptor::TYPE_SINT32 || field.type() == FieldDescriptor::TYPE_SINT64;
  if (!zigzag) return static_cast<int64_t>(UnsignedFor(field, random));
  const NumberRow& row = RowFor(kSigned, field.name());
  const auto magnitude = static_cast<int64_t>(random.Between(row.low, row.high));
  return random.Next() % 2 == 0 ? magnitude : -magnitude;
}

uint64_t FixedFor(SampleRandom& random) { return random.Next() | 1; }  // zero would not be encoded

std::string TextFor(const FieldDescriptor& field, bool same_size, SampleRandom& random) {
  const TextRow& row = RowFor(kTexts, field.name());
  const size_t length = same_size ? row.length : random.Between(row.length / 2, row.length * 3 / 2);
  return SampleText(row.style, length, random);
}

// ---- Filling through reflection: a new kind or field needs no code here.

// Sets a field, or adds an element where it is repeated.
void Fill(Message& message, const FieldDescriptor& field, bool same_size, SampleRandom& random) {
  const Reflection& reflection = *message.GetReflection();
  const bool add = field.is_repeated();
  const bool fixed =
      field.type() == FieldDescriptor::TYPE_FIXED32 || field.type() == FieldDescriptor::TYPE_FIXED64;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string text = TextFor(field, same_size, random);
      return add ? reflection.AddString(&message, &field, std::move(text))
                 : reflection.SetString(&message, &field, std::move(text));
    }
    case FieldDescriptor::CPPTYPE_UINT32: {
      const auto value = static_cast<uint32_t>(fixed ? FixedFor(random) : UnsignedFor(field, random));
      return add ? reflection.AddUInt32(&message, &field, value)
                 : reflection.SetUInt32(&message, &field, value);
    }
    case FieldDescriptor::CPPTYPE_UINT64: {
      const uint64_t value = fixed ? FixedFor(random) : UnsignedFor(field, random);
      return add ? reflection.AddUInt64(&message, &field, value)
                 : reflection.SetUInt64(&message, &field, value);
    }
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection.SetInt32(&message, &field, static_cast<int32_t>(SignedFor(field, random)));
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection.SetInt64(&message, &field, SignedFor(field, random));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.SetDouble(&message, &field, static_cast<double>(random.Between(1, 9'999'999)) / 1000);
    case FieldDescriptor::CPPTYPE_FLOAT:
      return reflection.SetFloat(&message, &field, static_cast<float>(random.Between(1, 9'999)) / 100);
    case FieldDescriptor::CPPTYPE_BOOL:
      return reflection.SetBool(&message, &field, random.Next() % 2 == 0);
    case FieldDescriptor::CPPTYPE_ENUM:
      return reflection.SetEnumValue(
          &message, &field, static_cast<int>(random.Between(1, field.enum_type()->value_count() - 1)));
    case FieldDescriptor::CPPTYPE_MESSAGE: {
      Message& child =
          add ? *reflection.AddMessage(&message, &field) : *reflection.MutableMessage(&message, &field);
      // One draw for all oneofs of an element: a column's old value has the type of its value.
      const uint64_t branch = random.Next() >> 32;
      for (int i = 0; i < child.GetDescriptor()->real_oneof_decl_count(); ++i) {
        const OneofDescriptor& oneof = *child.GetDescriptor()->oneof_decl(i);
        Fill(child, *oneof.field(static_cast<int>(branch % oneof.field_count())), same_size, random);
      }
      for (int i = 0; i < child.GetDescriptor()->field_count(); ++i) {
        const FieldDescriptor& inner = *child.GetDescriptor()->field(i);
        if (inner.real_containing_oneof() == nullptr) Fill(child, inner, same_size, random);
      }
    }
  }
}

const FieldDescriptor& First(const Message& message) { return *message.GetDescriptor()->field(0); }
const FieldDescriptor& Last(const Message& message) {
  return *message.GetDescriptor()->field(message.GetDescriptor()->field_count() - 1);
}

// Everything but the repeated fields and the last.
void FillBase(Message& message, SampleRandom& random) {
  for (int i = 0; i + 1 < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    if (!field.is_repeated()) Fill(message, field, /*same_size=*/true, random);
  }
}

// Elements in rotation over the repeated fields, until one would exceed `limit` bytes.
void AddElements(Message& message, size_t limit, SampleRandom& random) {
  for (int n = 0; n < kMaxElements; ++n) {
    for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
      const FieldDescriptor& field = *message.GetDescriptor()->field(i);
      if (!field.is_repeated()) continue;
      Fill(message, field, /*same_size=*/false, random);
      if (message.ByteSizeLong() <= limit) continue;
      message.GetReflection()->RemoveLast(&message, &field);
      return;
    }
  }
}

size_t VarintSize(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

// A text field costs its tag (one byte: numbers up to 15), the length of its length, and its text.
size_t TextFieldSize(size_t length) { return 1 + VarintSize(length) + length; }

// The length of text that makes the field take exactly `size` bytes; none in a gap, where one byte of text
// more would also make the length's varint longer.
std::optional<size_t> TextLengthFor(size_t size) {
  for (size_t varint = 1; varint <= 5; ++varint) {
    if (size > 1 + varint && TextFieldSize(size - 1 - varint) == size) return size - 1 - varint;
  }
  return std::nullopt;
}

void SetLast(Message& message, size_t encoded_size, SampleRandom& random) {
  std::optional<size_t> length = TextLengthFor(encoded_size - message.ByteSizeLong());
  if (!length.has_value()) {
    // The first field, a short text, takes the byte that the last one cannot.
    const TextRow& row = RowFor(kTexts, First(message).name());
    message.GetReflection()->SetString(&message, &First(message),
                                       SampleText(row.style, row.length + 1, random));
    length = TextLengthFor(encoded_size - message.ByteSizeLong());
  }
  const TextStyle style = RowFor(kTexts, Last(message).name()).style;
  message.GetReflection()->SetString(
      &message, &Last(message),
      SampleText(style == TextStyle::kName ? TextStyle::kWords : style, *length, random));
}

std::array<size_t, kKindCount> SmallestSamples() {
  std::array<size_t, kKindCount> sizes;
  for (size_t i = 0; i < kKindCount; ++i) {
    const std::unique_ptr<Message> message = NewMessage(static_cast<EventKind>(i));
    SampleRandom random(0);
    if (message != nullptr) FillBase(*message, random);
    sizes[i] = message == nullptr ? kShortestTail : message->ByteSizeLong() + TextFieldSize(kShortestTail);
  }
  return sizes;
}

}  // namespace

size_t SmallestSample(EventKind kind) {
  static const std::array<size_t, kKindCount> sizes = SmallestSamples();
  return sizes[static_cast<size_t>(kind)];
}

absl::StatusOr<Payload> SamplePayload(EventKind kind, size_t encoded_size, uint64_t seed) {
  const size_t smallest = SmallestSample(kind);
  if (encoded_size < smallest || encoded_size > kLargest) {
    return absl::InvalidArgumentError(
        absl::StrFormat("a body of kind %s cannot take %d bytes: it takes %d to %d", Name(kind), encoded_size,
                        smallest, kLargest));
  }
  SampleRandom random(seed * kKindCount + static_cast<uint64_t>(kind));
  std::shared_ptr<Message> message = NewMessage(kind);
  if (message == nullptr) {
    return Payload::Bytes(std::make_shared<std::string>(SampleText(TextStyle::kJson, encoded_size, random)));
  }
  FillBase(*message, random);
  AddElements(*message, message->ByteSizeLong() + (encoded_size - smallest) / 2, random);
  SetLast(*message, encoded_size, random);
  return Payload::Typed(std::move(message));
}

}  // namespace routebench
