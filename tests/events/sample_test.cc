#include "events/payloads/sample.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "events/codec.h"
#include "events/payloads/payloads.h"
#include "events/payloads/sample_text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench {
namespace {

using ::testing::HasSubstr;

std::string Encoded(const Payload& payload) {
  std::string body(payload.encoded_size(), '\0');
  EncodeBody(payload, body.data());
  return body;
}

class SampleOfKind : public ::testing::TestWithParam<int> {
 protected:
  EventKind kind() const { return static_cast<EventKind>(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Kinds, SampleOfKind, ::testing::Range(0, static_cast<int>(kKindCount)),
                         [](const auto& info) {
                           std::string name(Name(static_cast<EventKind>(info.param)));
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

void ExpectExact(EventKind kind, size_t size, uint64_t seed) {
  const absl::StatusOr<Payload> payload = SamplePayload(kind, size, seed);
  ASSERT_TRUE(payload.ok()) << payload.status();
  ASSERT_EQ(payload->encoded_size(), size);
  ASSERT_EQ(payload->is_typed(), kind != EventKind::kCustom);
  if (payload->is_typed()) {
    ASSERT_TRUE(IsMessageOf(kind, payload->message()));
    ASSERT_EQ(payload->message().SerializeAsString().size(), size);
  }
}

TEST_P(SampleOfKind, HasExactlyTheSizeAskedFor) {
  // Each size where elements come in, then one of seven: the sanitizers run this as well.
  for (size_t size = SmallestSample(kind()); size <= 2'000; size += size < 700 ? 1 : 7) {
    ASSERT_NO_FATAL_FAILURE(ExpectExact(kind(), size, /*seed=*/size)) << size;
  }
  for (const size_t around : {4'096, 8'192, 16'384}) {
    for (size_t size = around - 4; size <= around + 4; ++size) {
      ASSERT_NO_FATAL_FAILURE(ExpectExact(kind(), size, /*seed=*/1)) << size;
    }
  }
  ExpectExact(kind(), size_t{1} << 18, /*seed=*/1);
}

// Where the long text grows from 16,383 to 16,384 bytes its length takes a byte more.
TEST_P(SampleOfKind, HasNoGapWhereTheTextsLengthGrows) {
  if (kind() == EventKind::kCustom) return;
  constexpr size_t kFar = 20'000;  // so far beyond the base that all elements are there
  const Payload sample = *SamplePayload(kind(), kFar, /*seed=*/2);
  const google::protobuf::Message& message = sample.message();
  const auto& last = *message.GetDescriptor()->field(message.GetDescriptor()->field_count() - 1);
  const size_t edge = kFar - message.GetReflection()->GetString(message, &last).size() + 16'383;
  for (size_t size = edge - 4; size <= edge + 4; ++size) {
    ASSERT_NO_FATAL_FAILURE(ExpectExact(kind(), size, /*seed=*/2)) << size;
  }
}

TEST_P(SampleOfKind, SmallestIsReachedWithEverySeed) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    ASSERT_NO_FATAL_FAILURE(ExpectExact(kind(), SmallestSample(kind()), seed)) << seed;
  }
  EXPECT_LT(SmallestSample(kind()), 100u);
}

TEST_P(SampleOfKind, SizeOutOfReachNamesTheNearest) {
  const size_t smallest = SmallestSample(kind());
  const absl::StatusOr<Payload> payload = SamplePayload(kind(), smallest - 1, 1);
  ASSERT_EQ(payload.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(payload.status().message()), HasSubstr(std::to_string(smallest)));
  EXPECT_FALSE(SamplePayload(kind(), (size_t{1} << 30) + 1, 1).ok());
}

TEST_P(SampleOfKind, SeedDecidesTheContent) {
  EXPECT_EQ(Encoded(*SamplePayload(kind(), 512, 7)), Encoded(*SamplePayload(kind(), 512, 7)));
  std::set<std::string> bodies;
  for (uint64_t seed = 0; seed < 20; ++seed) bodies.insert(Encoded(*SamplePayload(kind(), 512, seed)));
  EXPECT_EQ(bodies.size(), 20u);
}

TEST_P(SampleOfKind, SampleOf512BytesFillsEveryFieldOfItsMessage) {
  const Payload payload = *SamplePayload(kind(), 512, 3);
  if (!payload.is_typed()) return;
  const google::protobuf::Message& message = payload.message();
  std::vector<const google::protobuf::FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  EXPECT_EQ(static_cast<int>(set.size()), message.GetDescriptor()->field_count()) << message.DebugString();
}

// Zero bytes compress and branch like nothing real does.
TEST_P(SampleOfKind, HasFewZeroBytes) {
  const std::string body = Encoded(*SamplePayload(kind(), 4'096, 3));
  EXPECT_LT(std::count(body.begin(), body.end(), '\0'), 4'096 / 20);
}

// The rules that payloads.proto states and exact sizes rely on.
TEST_P(SampleOfKind, MessageBeginsAndEndsWithText) {
  const auto message = NewMessage(kind());
  if (message == nullptr) return;
  const google::protobuf::Descriptor& type = *message->GetDescriptor();
  const auto* first = type.field(0);
  const auto* last = type.field(type.field_count() - 1);
  EXPECT_EQ(first->cpp_type(), google::protobuf::FieldDescriptor::CPPTYPE_STRING);
  EXPECT_EQ(last->cpp_type(), google::protobuf::FieldDescriptor::CPPTYPE_STRING);
  for (const auto* field : {first, last}) {
    EXPECT_FALSE(field->is_repeated());
    EXPECT_EQ(field->containing_oneof(), nullptr);
    EXPECT_LE(field->number(), 15);
  }
}

// The same on every machine: a change here makes old and new runs incomparable.
TEST(Sample, GoldenChecksumOfAllKinds) {
  uint32_t checksum = 0;
  for (size_t i = 0; i < kKindCount; ++i) {
    const std::string body = Encoded(*SamplePayload(static_cast<EventKind>(i), 777, 42));
    checksum = Crc32c(std::to_string(checksum) + body);
  }
  EXPECT_EQ(checksum, 4000509021u);
}

TEST(SampleText, HasExactlyTheLengthAskedFor) {
  SampleRandom random(1);
  for (int style = 0; style <= static_cast<int>(TextStyle::kBinary); ++style) {
    for (size_t length = 0; length < 300; ++length) {
      ASSERT_EQ(SampleText(static_cast<TextStyle>(style), length, random).size(), length) << style;
    }
  }
}

TEST(SampleText, JsonIsValidFromEightBytesOn) {
  SampleRandom random(1);
  for (size_t length = 8; length < 600; ++length) {
    const std::string text = SampleText(TextStyle::kJson, length, random);
    EXPECT_TRUE(nlohmann::json::accept(text)) << text;
  }
}

// Reference values of splitmix64 with seed 1234567.
TEST(SampleRandom, IsSplitmix64) {
  SampleRandom random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317u);
  EXPECT_EQ(random.Next(), 3203168211198807973u);
}

}  // namespace
}  // namespace routebench
