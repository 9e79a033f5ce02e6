#include "events/codec.h"

#include <limits>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "events/payloads/payloads.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/events/encoded_event.h"
#include "tests/events/equality.h"

namespace routebench {
namespace {

Event OneOfEachField() {
  Event event;
  EventHeader& header = event.header;
  header.id = {.high = 0x0102030405060708, .low = 0x1112131415161718};
  header.correlation = {.high = 0x2122232425262728, .low = 0x3132333435363738};
  header.causation = {.high = 0x4142434445464748, .low = 0x5152535455565758};
  header.sequence = 0x6162636465666768;
  header.created = FromNanos(1'000'000'007);
  header.due = FromNanos(1'000'000'003);
  header.not_before = FromNanos(2'000'000'011);
  header.time_to_live = Duration(5'000'000'013);
  header.kind = EventKind::kToolCall;
  header.priority = Priority::kHigh;
  header.addressing = Addressing::kToTargets;
  header.attempt = 2;
  header.max_attempts = 5;
  header.publisher = 0x71727374;
  event.attributes = std::make_shared<Attributes>(
      Attributes{.source = {.id = "editor-7", .type = "editor", .instance = "eu-1"},
                 .targets = {"indexer", ""},
                 .custom_name = "build.finished",
                 .content_type = "text/plain",
                 .metadata = {{"tenant", "blue"}, {"tenant", "green"}}});
  event.payload = Payload::Bytes(std::make_shared<std::string>("{\"ok\":true}"));
  return event;
}

TEST(Codec, EveryFieldSurvives) {
  const Event event = OneOfEachField();
  BodyDecoder decoder;
  Event decoded;
  ASSERT_TRUE(DecodeEvent(EncodeEvent(event), decoder, &decoded));
  EXPECT_TRUE(SameEvent(event, decoded));
}

// The wire format: a change here is a change of the protocol's version.
TEST(Codec, GoldenBytes) {
  const std::string expected = absl::HexStringToBytes(
      "150101000205000000000000600000000b000000e4c4d96c7473727100000000"
      "68676665646362610b9435770000000007ca9a3b0000000003ca9a3b00000000"
      "0df2052a01000000080706050403020118171615141312112827262524232221"
      "3837363534333231484746454443424158575655545352510000000000000000"
      "0800656469746f722d370600656469746f72040065752d310e006275696c642e"
      "66696e69736865640a00746578742f706c61696e02000700696e646578657200"
      "000200060074656e616e740400626c7565060074656e616e740500677265656e"
      "7b226f6b223a747275657d");
  EXPECT_EQ(absl::BytesToHexString(EncodeEvent(OneOfEachField())), absl::BytesToHexString(expected));
}

TEST(Codec, EmptyAttributesTakeNoBytes) {
  EXPECT_EQ(EncodedSize(Attributes()), 0u);
  Attributes attributes = *OneOfEachField().attributes;
  ASSERT_TRUE(DecodeAttributes("", &attributes));
  EXPECT_EQ(attributes, Attributes());
}

TEST(Codec, AttributesBeyondALimitHaveASizeBeyondTheLimit) {
  Attributes attributes;
  attributes.targets.resize(kMaxTargets);
  attributes.metadata.resize(kMaxMetadata);
  std::string encoded(EncodedSize(attributes), '\0');
  ASSERT_LE(encoded.size(), kMaxAttributesBytes);
  EncodeAttributes(attributes, encoded.data());
  Attributes decoded;
  ASSERT_TRUE(DecodeAttributes(encoded, &decoded));
  EXPECT_EQ(attributes, decoded);

  Attributes targets = attributes;
  targets.targets.emplace_back();
  EXPECT_GT(EncodedSize(targets), kMaxAttributesBytes);
  Attributes metadata = attributes;
  metadata.metadata.emplace_back();
  EXPECT_GT(EncodedSize(metadata), kMaxAttributesBytes);
  EXPECT_GT(EncodedSize(Attributes{.custom_name = std::string(kMaxAttributesBytes, 'x')}),
            kMaxAttributesBytes);
}

TEST(Codec, LargestAttributesSurvive) {
  const Attributes attributes{.custom_name = std::string(kMaxAttributesBytes - 14, 'x')};
  std::string encoded(EncodedSize(attributes), '\0');
  ASSERT_EQ(encoded.size(), kMaxAttributesBytes);
  EncodeAttributes(attributes, encoded.data());
  Attributes decoded;
  ASSERT_TRUE(DecodeAttributes(encoded, &decoded));
  EXPECT_EQ(attributes, decoded);
  EXPECT_FALSE(DecodeAttributes(encoded + "x", &decoded));
}

TEST(Codec, BytesAfterTheAttributesAreRefused) {
  const Attributes attributes = *OneOfEachField().attributes;
  std::string encoded(EncodedSize(attributes), '\0');
  EncodeAttributes(attributes, encoded.data());
  Attributes decoded;
  EXPECT_TRUE(DecodeAttributes(encoded, &decoded));
  EXPECT_FALSE(DecodeAttributes(encoded + '\0', &decoded));
}

// Offsets of the layout that GoldenBytes fixes.
TEST(Codec, RefusesHeadersThatAreNotOurs) {
  const std::string good = EncodeEvent(OneOfEachField()).substr(0, kEncodedHeaderSize);
  EncodedHeader header;
  ASSERT_TRUE(DecodeHeader(good, &header));
  const auto refuses = [&](size_t offset, unsigned char value) {
    std::string bad = good;
    bad[offset] = static_cast<char>(value);
    return !DecodeHeader(bad, &header);
  };
  EXPECT_TRUE(refuses(0, kKindCount)) << "kind";
  EXPECT_TRUE(refuses(0, 255)) << "kind";
  EXPECT_TRUE(refuses(1, kPriorityCount)) << "priority";
  EXPECT_TRUE(refuses(2, 3)) << "addressing";
  EXPECT_TRUE(refuses(3, 2)) << "flag";
  EXPECT_TRUE(refuses(8, 1)) << "a number and inline attributes";
  EXPECT_TRUE(refuses(14, 2)) << "attributes too large";
  EXPECT_FALSE(refuses(6, 255)) << "reserved";
}

TEST(Codec, RefusesCountsThatCannotBeThere) {
  Attributes decoded;
  // Five empty strings, then 1024 targets of which none follows.
  EXPECT_FALSE(DecodeAttributes(std::string(10, '\0') + std::string("\x00\x04", 2), &decoded));
  EXPECT_LT(decoded.targets.capacity(), 1024u);
  EXPECT_FALSE(DecodeAttributes(std::string(12, '\0') + std::string("\x00\x04", 2), &decoded));
  EXPECT_LT(decoded.metadata.capacity(), 1024u);
  // More than the limit, though all of them follow.
  EXPECT_FALSE(DecodeAttributes(
      std::string(10, '\0') + std::string("\x01\x04", 2) + std::string(2 * 1025 + 2, '\0'), &decoded));
}

TEST(Codec, RefusesATypedBodyOfACustomEvent) {
  BodyDecoder decoder;
  Payload payload;
  EXPECT_FALSE(decoder.Decode({.event = {.kind = EventKind::kCustom}, .typed = true}, "", &payload));
}

TEST(Codec, RefusesABodyThatDoesNotParse) {
  BodyDecoder decoder;
  Payload payload;
  EXPECT_FALSE(
      decoder.Decode({.event = {.kind = EventKind::kFileCreated}, .typed = true}, "\x0a\x7f", &payload));
}

TEST(BodyDecoder, ReusesAMessageThatNobodyHolds) {
  BodyDecoder decoder;
  const EncodedHeader header{.event = {.kind = EventKind::kFileCreated}, .typed = true};
  Payload payload;
  ASSERT_TRUE(decoder.Decode(header,
                             "\x0a\x01"
                             "a",
                             &payload));
  const google::protobuf::Message* first = &payload.message();
  ASSERT_TRUE(decoder.Decode(header,
                             "\x0a\x01"
                             "b",
                             &payload));
  EXPECT_EQ(&payload.message(), first);
  EXPECT_EQ(payload.message().SerializeAsString(),
            "\x0a\x01"
            "b");
}

TEST(BodyDecoder, LeavesAMessageThatIsHeldAlone) {
  BodyDecoder decoder;
  for (const bool typed : {true, false}) {
    const EncodedHeader header{.event = {.kind = EventKind::kFileCreated}, .typed = typed};
    Payload held, other;
    ASSERT_TRUE(decoder.Decode(header,
                               "\x0a\x01"
                               "a",
                               &held));
    ASSERT_TRUE(decoder.Decode(header,
                               "\x0a\x01"
                               "b",
                               &other));
    std::string encoded(held.encoded_size(), '\0');
    EncodeBody(held, encoded.data());
    EXPECT_EQ(encoded,
              "\x0a\x01"
              "a");
  }
}

}  // namespace
}  // namespace routebench
