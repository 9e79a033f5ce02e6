#include "events/payloads/read_fields.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "events/codec.h"
#include "events/payloads/payloads.h"
#include "events/payloads/sample.h"
#include "gtest/gtest.h"

namespace routebench {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Perturbs every single field of a message, one at a time, and looks whether the digest follows.
class Perturber {
 public:
  Perturber(EventKind kind, std::shared_ptr<Message> root)
      : kind_(kind), root_(std::move(root)), original_(DigestNow()) {}

  void All() { AllOf(*root_, Name(kind_).data()); }
  int perturbed() const { return perturbed_; }

 private:
  uint64_t DigestNow() const { return ReadFields(kind_, Payload::Typed(root_)); }

  void ExpectChanged(const std::string& where) {
    ++perturbed_;
    EXPECT_NE(DigestNow(), original_) << where << " is not read";
  }

  void AllOf(Message& message, const std::string& where) {
    const auto& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const std::string name = where + "." + field.name();
      if (field.is_repeated()) {
        Elements(message, field, name);
      } else if (field.real_containing_oneof() != nullptr) {
        Branch(message, field, name);
      } else {
        Change(message, field, -1, name);
      }
    }
  }

  void Elements(Message& message, const FieldDescriptor& field, const std::string& name) {
    const Reflection& reflection = *message.GetReflection();
    ASSERT_GT(reflection.FieldSize(message, &field), 0) << name << ": the sample has no element";
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      Change(message, field, i, name + "[" + std::to_string(i) + "]");
    }
    // One element less.
    const std::unique_ptr<Message> before(message.New());
    before->CopyFrom(message);
    reflection.RemoveLast(&message, &field);
    ExpectChanged(name + " without its last element");
    message.CopyFrom(*before);
  }

  // Chooses the branch, whatever was chosen, with a default value; then a value that is not the default.
  void Branch(Message& message, const FieldDescriptor& field, const std::string& name) {
    const std::unique_ptr<Message> before(message.New());
    before->CopyFrom(message);
    const Reflection& reflection = *message.GetReflection();
    const uint64_t outer = original_;
    if (!reflection.HasField(message, &field)) {
      SetToDefault(message, field);
      ExpectChanged(name + " chosen");
      original_ = DigestNow();
    }
    Change(message, field, -1, name);
    original_ = outer;
    message.CopyFrom(*before);
  }

  static void SetToDefault(Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection.SetString(&message, &field, "");
      case FieldDescriptor::CPPTYPE_INT64:
        return reflection.SetInt64(&message, &field, 0);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return reflection.SetDouble(&message, &field, 0);
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection.SetBool(&message, &field, false);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        reflection.MutableMessage(&message, &field);
        return;
      default:
        FAIL() << field.full_name() << ": a type that no oneof had so far";
    }
  }

  // Changes a value (of element `index`, where not -1), checks, and changes it back.
  void Change(Message& message, const FieldDescriptor& field, int index, const std::string& name) {
    const Reflection& r = *message.GetReflection();
    const auto swap = [&](auto get, auto get_at, auto set, auto set_at, auto change) {
      const auto old = index < 0 ? (r.*get)(message, &field) : (r.*get_at)(message, &field, index);
      const auto put = [&](auto value) {
        index < 0 ? (r.*set)(&message, &field, std::move(value))
                  : (r.*set_at)(&message, &field, index, std::move(value));
      };
      put(change(old));
      ExpectChanged(name);
      put(old);
    };
    const auto next = [](auto value) { return static_cast<decltype(value)>(value + 1); };
    const auto toggle = [](auto value) { return static_cast<decltype(value)>(!value); };
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        return EveryBit(message, field, index, name);
      case FieldDescriptor::CPPTYPE_INT32:
        return swap(&Reflection::GetInt32, &Reflection::GetRepeatedInt32, &Reflection::SetInt32,
                    &Reflection::SetRepeatedInt32, next);
      case FieldDescriptor::CPPTYPE_INT64:
        return swap(&Reflection::GetInt64, &Reflection::GetRepeatedInt64, &Reflection::SetInt64,
                    &Reflection::SetRepeatedInt64, next);
      case FieldDescriptor::CPPTYPE_UINT32:
        return swap(&Reflection::GetUInt32, &Reflection::GetRepeatedUInt32, &Reflection::SetUInt32,
                    &Reflection::SetRepeatedUInt32, next);
      case FieldDescriptor::CPPTYPE_UINT64:
        return swap(&Reflection::GetUInt64, &Reflection::GetRepeatedUInt64, &Reflection::SetUInt64,
                    &Reflection::SetRepeatedUInt64, next);
      case FieldDescriptor::CPPTYPE_DOUBLE:
        return swap(&Reflection::GetDouble, &Reflection::GetRepeatedDouble, &Reflection::SetDouble,
                    &Reflection::SetRepeatedDouble, next);
      case FieldDescriptor::CPPTYPE_FLOAT:
        return swap(&Reflection::GetFloat, &Reflection::GetRepeatedFloat, &Reflection::SetFloat,
                    &Reflection::SetRepeatedFloat, next);
      case FieldDescriptor::CPPTYPE_BOOL:
        return swap(&Reflection::GetBool, &Reflection::GetRepeatedBool, &Reflection::SetBool,
                    &Reflection::SetRepeatedBool, toggle);
      case FieldDescriptor::CPPTYPE_ENUM:
        return swap(&Reflection::GetEnumValue, &Reflection::GetRepeatedEnumValue, &Reflection::SetEnumValue,
                    &Reflection::SetRepeatedEnumValue, next);
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return AllOf(index < 0 ? *r.MutableMessage(&message, &field)
                               : *r.MutableRepeatedMessage(&message, &field, index),
                     name);
    }
  }

  // Each bit of the text, and its length.
  void EveryBit(Message& message, const FieldDescriptor& field, int index, const std::string& name) {
    const Reflection& r = *message.GetReflection();
    const std::string old =
        index < 0 ? r.GetString(message, &field) : r.GetRepeatedString(message, &field, index);
    const auto put = [&](const std::string& text) {
      index < 0 ? r.SetString(&message, &field, text) : r.SetRepeatedString(&message, &field, index, text);
    };
    for (size_t bit = 0; bit < 8 * old.size(); ++bit) {
      std::string text = old;
      text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
      put(text);
      ExpectChanged(name + ", bit " + std::to_string(bit));
    }
    put(old + '\0');
    ExpectChanged(name + ", longer");
    put(old);
  }

  EventKind kind_;
  std::shared_ptr<Message> root_;
  uint64_t original_;
  int perturbed_ = 0;
};

class ReadFieldsOfKind : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(Kinds, ReadFieldsOfKind, ::testing::Range(0, static_cast<int>(kKindCount)),
                         [](const auto& info) {
                           std::string name(Name(static_cast<EventKind>(info.param)));
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

TEST_P(ReadFieldsOfKind, NoticesAChangeOfAnyField) {
  const auto kind = static_cast<EventKind>(GetParam());
  if (kind == EventKind::kCustom) return;
  const Payload sample = *SamplePayload(kind, 512, 5);
  std::shared_ptr<Message> message(sample.message().New());
  message->CopyFrom(sample.message());
  const uint64_t before = ReadFields(kind, sample);
  Perturber perturber(kind, message);
  perturber.All();
  EXPECT_GT(perturber.perturbed(), 100);
  EXPECT_EQ(ReadFields(kind, Payload::Typed(message)), before) << "the test did not restore the message";
}

TEST_P(ReadFieldsOfKind, DiffersBetweenSamplesAndNotBetweenCopies) {
  const auto kind = static_cast<EventKind>(GetParam());
  std::set<uint64_t> digests;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Payload payload = *SamplePayload(kind, 400, seed);
    const uint64_t digest = ReadFields(kind, payload);
    EXPECT_EQ(ReadFields(kind, *SamplePayload(kind, 400, seed)), digest);
    digests.insert(digest);
  }
  EXPECT_EQ(digests.size(), 50u);
}

TEST(ReadFields, ReadsEveryByteOfPlainBytes) {
  for (size_t size = 0; size < 40; ++size) {
    std::set<uint64_t> digests;
    const std::string text(size, 'a');
    const auto digest = [](std::string bytes) {
      return ReadFields(EventKind::kCustom, Payload::Bytes(std::make_shared<std::string>(std::move(bytes))));
    };
    digests.insert(digest(text));
    digests.insert(digest(text + 'a'));
    for (size_t i = 0; i < size; ++i) {
      std::string changed = text;
      changed[i] = 'b';
      digests.insert(digest(changed));
    }
    EXPECT_EQ(digests.size(), size + 2) << size;
  }
}

TEST(ReadFields, TellsWhereABoundaryBetweenFieldsLies) {
  const auto encoded = [](const std::string& body) {
    BodyDecoder decoder;
    Payload payload;
    EXPECT_TRUE(decoder.Decode({.event = {.kind = EventKind::kFileMoved}, .typed = true}, body, &payload));
    return ReadFields(EventKind::kFileMoved, payload);
  };
  EXPECT_NE(encoded("\x0a\x02/a\x12\x01/"), encoded("\x0a\x01/\x12\x02/a"));
  EXPECT_NE(encoded("\x0a\x02/a\x12\x02/b"), encoded("\x0a\x02/b\x12\x02/a"));
}

TEST(ReadFields, EmptyBodyOfBytesIsReadable) {
  EXPECT_EQ(ReadFields(EventKind::kFileCreated, Payload()), 0u);
}

}  // namespace
}  // namespace routebench
