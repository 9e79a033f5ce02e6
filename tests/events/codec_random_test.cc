// The codec under random events, hostile bytes, threads, and the allocation counter.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <future>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "events/codec.h"
#include "events/payloads/read_fields.h"
#include "events/payloads/sample.h"
#include "gtest/gtest.h"
#include "tests/events/encoded_event.h"
#include "tests/events/equality.h"
#include "tests/support/allocations.h"

namespace routebench {
namespace {

using testing::Allocations;

class RandomEvents {
 public:
  explicit RandomEvents(uint64_t seed) : random_(seed) {}

  Event Next(EventKind kind, size_t largest_body) {
    Event event;
    EventHeader& header = event.header;
    for (EventId* id : {&header.id, &header.correlation, &header.causation}) *id = {random_(), random_()};
    header.sequence = random_();
    for (TimePoint* time : {&header.created, &header.due, &header.not_before}) {
      *time = FromNanos(static_cast<int64_t>(random_()));
    }
    header.time_to_live = Duration(static_cast<int64_t>(random_()));
    header.kind = kind;
    header.priority = static_cast<Priority>(random_() % kPriorityCount);
    header.addressing = static_cast<Addressing>(random_() % 3);
    header.attempt = static_cast<uint8_t>(random_());
    header.max_attempts = static_cast<uint8_t>(random_());
    header.publisher = static_cast<uint32_t>(random_());
    if (random_() % 4 != 0) event.attributes = std::make_shared<Attributes>(NextAttributes());
    const size_t smallest = SmallestSample(kind);
    event.payload = random_() % 8 == 0
                        ? Payload::Bytes(std::make_shared<std::string>(NextText(largest_body)))
                        : *SamplePayload(kind, smallest + random_() % (largest_body - smallest), random_());
    return event;
  }

 private:
  std::string NextText(size_t longest) {
    std::string text(random_() % (longest + 1), '\0');
    for (char& c : text) c = static_cast<char>(random_());
    return text;
  }

  Attributes NextAttributes() {
    Attributes attributes{.source = {.id = NextText(20), .type = NextText(10), .instance = NextText(10)},
                          .targets = {},
                          .custom_name = NextText(30),
                          .content_type = NextText(12),
                          .metadata = {}};
    for (size_t n = random_() % 6; n > 0; --n) attributes.targets.push_back(NextText(40));
    for (size_t n = random_() % 6; n > 0; --n) attributes.metadata.emplace_back(NextText(10), NextText(50));
    return attributes;
  }

  std::mt19937_64 random_;
};

TEST(CodecRandom, EventsOfEveryKindSurvive) {
  RandomEvents events(1);
  BodyDecoder decoder;
  for (int round = 0; round < 20; ++round) {
    for (size_t k = 0; k < kKindCount; ++k) {
      const Event event = events.Next(static_cast<EventKind>(k), 3'000);
      Event decoded;
      ASSERT_TRUE(DecodeEvent(EncodeEvent(event), decoder, &decoded)) << Name(event.header.kind);
      ASSERT_TRUE(SameEvent(event, decoded)) << Name(event.header.kind);
    }
  }
}

// What a receiver may allocate for `size` bytes, whatever they say: every string, element and unknown field
// in memory costs less than this many times its bytes.
constexpr uint64_t AllocationLimit(size_t size) { return 16'384 + 128 * uint64_t{size}; }

// Decodes from memory that ends where the data ends, so that reading further is seen by a sanitizer. The
// checksum is left out: an attacker computes it as well as we do.
void DecodeHostile(std::string_view data) {
  const std::unique_ptr<char[]> exact(new char[data.size()]);
  std::copy(data.begin(), data.end(), exact.get());
  data = {exact.get(), data.size()};
  const Allocations before = Allocations::OfThisThread();
  {
    EncodedHeader header;
    Attributes attributes;
    Payload payload;
    BodyDecoder decoder;
    if (data.size() < kEncodedHeaderSize || !DecodeHeader(data, &header)) return;
    std::string_view rest = data.substr(kEncodedHeaderSize);
    const std::string_view block = rest.substr(0, std::min<size_t>(header.attributes_size, rest.size()));
    rest.remove_prefix(block.size());
    const bool good = DecodeAttributes(block, &attributes);
    if (decoder.Decode(header, rest, &payload)) ReadFields(header.event.kind, payload);
    if (good) {
      ASSERT_LE(attributes.targets.size(), kMaxTargets);
      ASSERT_LE(attributes.metadata.size(), kMaxMetadata);
    }
  }
  ASSERT_LE((Allocations::OfThisThread() - before).bytes, AllocationLimit(data.size()));
}

class HostileEvent : public ::testing::TestWithParam<int> {
 protected:
  // The parser would log a line for every text that is not UTF-8.
  google::protobuf::LogSilencer silencer_;

  std::string Encoded() {
    RandomEvents events(static_cast<uint64_t>(GetParam()) + 100);
    Event event = events.Next(static_cast<EventKind>(GetParam()), 400);
    while (event.attributes == nullptr || !event.payload.is_typed()) {
      if (event.header.kind == EventKind::kCustom && event.attributes != nullptr) break;
      event = events.Next(static_cast<EventKind>(GetParam()), 400);
    }
    return EncodeEvent(event);
  }
};

INSTANTIATE_TEST_SUITE_P(Kinds, HostileEvent, ::testing::Range(0, static_cast<int>(kKindCount)));

TEST_P(HostileEvent, EveryTruncationIsHarmlessAndRefused) {
  const std::string encoded = Encoded();
  for (size_t size = 0; size < encoded.size(); ++size) {
    const std::string_view cut = std::string_view(encoded).substr(0, size);
    ASSERT_NO_FATAL_FAILURE(DecodeHostile(cut)) << size;
    BodyDecoder decoder;
    Event event;
    ASSERT_FALSE(DecodeEvent(cut, decoder, &event)) << size;
  }
}

TEST_P(HostileEvent, FlippedBitsAreHarmless) {
  const std::string encoded = Encoded();
  std::mt19937_64 random(static_cast<uint64_t>(GetParam()));
  for (int round = 0; round < 1'500; ++round) {
    std::string bad = encoded;
    for (uint64_t flips = 1 + random() % 8; flips > 0; --flips) {
      bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 8);
    }
    ASSERT_NO_FATAL_FAILURE(DecodeHostile(bad)) << round;
  }
}

TEST_P(HostileEvent, ChangedBodyIsRefusedByItsChecksum) {
  const std::string encoded = Encoded();
  EncodedHeader header;
  ASSERT_TRUE(DecodeHeader(encoded, &header));
  for (size_t at = kEncodedHeaderSize + header.attributes_size; at < encoded.size(); ++at) {
    std::string bad = encoded;
    bad[at] ^= 1;
    BodyDecoder decoder;
    Event event;
    ASSERT_FALSE(DecodeEvent(bad, decoder, &event)) << at;
  }
}

TEST(Hostile, RandomBytesAsAttributesAreHarmless) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20'000; ++round) {
    // Small numbers, so that some of the lengths fit.
    std::string data(random() % 200, '\0');
    for (char& c : data) c = static_cast<char>(random() % (random() % 4 == 0 ? 256 : 3));
    const Allocations before = Allocations::OfThisThread();
    Attributes attributes;
    if (DecodeAttributes(data, &attributes) && !data.empty() && EncodedSize(attributes) != 0) {
      std::string again(EncodedSize(attributes), '\0');
      EncodeAttributes(attributes, again.data());
      ASSERT_EQ(again, data) << "one form for one set of attributes";
    }
    ASSERT_LE((Allocations::OfThisThread() - before).bytes, AllocationLimit(data.size()));
  }
}

TEST(Hostile, BodyOfCountlessEmptyElementsIsRefusedBeforeItIsBuilt) {
  std::string body;
  for (size_t n = 0; n < BodyDecoder::kMaxFields + 1; ++n) body += std::string("\x32\x00", 2);  // changes {}
  const EncodedHeader header{.event = {.kind = EventKind::kFileBatch}, .typed = true};
  BodyDecoder decoder;
  Payload payload;
  const Allocations before = Allocations::OfThisThread();
  EXPECT_FALSE(decoder.Decode(header, body, &payload));
  EXPECT_LT((Allocations::OfThisThread() - before).bytes, 4'096u);
  body.resize(body.size() - 2);
  EXPECT_TRUE(decoder.Decode(header, body, &payload));
}

// Linux allows any bytes in a name but '/' and NUL.
TEST(Codec, NamesOfFilesNeedNotBeUtf8) {
  BodyDecoder decoder;
  Payload payload;
  const EncodedHeader header{.event = {.kind = EventKind::kFileMoved}, .typed = true};
  EXPECT_TRUE(decoder.Decode(header, "\x0a\x02/\xff\x12\x02/\xfe", &payload));
}

TEST(Hostile, NestedGroupsInALargeBodyAreRefused) {
  const std::string body(1 << 20, '\x0b');  // field 1, start of group, a million deep
  BodyDecoder decoder;
  Payload payload;
  EXPECT_FALSE(decoder.Decode({.event = {.kind = EventKind::kFileBatch}, .typed = true}, body, &payload));
}

TEST(CodecAllocations, SteadyStateAllocatesNothing) {
  RandomEvents events(5);
  for (size_t k = 0; k < kKindCount; ++k) {
    const auto kind = static_cast<EventKind>(k);
    Event event = events.Next(kind, 600);
    event.payload = *SamplePayload(kind, 512, 1);
    const EncodedHeader header{.event = event.header, .typed = event.payload.is_typed()};
    const Attributes& attributes = AttributesOf(event);
    std::string out(4'096, '\0');
    BodyDecoder decoder;
    Payload decoded;
    const auto round = [&] {
      EncodeHeader(header, out.data());
      EncodeAttributes(attributes, out.data() + kEncodedHeaderSize);
      EncodeBody(event.payload, out.data() + kEncodedHeaderSize);
      EncodedHeader read;
      const std::string_view body = std::string_view(out).substr(kEncodedHeaderSize, 512);
      const bool good = DecodeHeader(out, &read) && Crc32c(body) != 0 && decoder.Decode(read, body, &decoded);
      ReadFields(kind, decoded);
      const Event copy{.header = read.event, .attributes = event.attributes, .payload = decoded};
      return good;
    };
    ASSERT_TRUE(round());
    const Allocations before = Allocations::OfThisThread();
    for (int n = 0; n < 10; ++n) ASSERT_TRUE(round());
    // Oneofs are the exception: protobuf frees a branch's string when it is cleared.
    const bool has_oneofs = kind == EventKind::kRecordCreated || kind == EventKind::kRecordUpdated ||
                            kind == EventKind::kRecordDeleted || kind == EventKind::kSchemaChanged ||
                            kind == EventKind::kToolResponse;
    if (!has_oneofs) {
      EXPECT_EQ((Allocations::OfThisThread() - before).count, 0u) << Name(kind);
    }
  }
}

TEST(BodyDecoder, LetsGoOfLargeObjects) {
  BodyDecoder decoder;
  const size_t size = BodyDecoder::kMaxKeptBytes + 1;
  const Payload large = *SamplePayload(EventKind::kStreamBytes, size, 1);
  std::string body(size, '\0');
  EncodeBody(large, body.data());
  for (const bool typed : {true, false}) {
    const EncodedHeader header{.event = {.kind = EventKind::kStreamBytes}, .typed = typed};
    Payload payload;
    ASSERT_TRUE(decoder.Decode(header, body, &payload));
    EXPECT_EQ(payload.encoded_size(), size);
    const void* address = typed ? static_cast<const void*>(&payload.message()) : payload.bytes().data();
    const Payload held = payload;
    ASSERT_TRUE(decoder.Decode(header, body, &payload));
    EXPECT_NE(typed ? static_cast<const void*>(&payload.message()) : payload.bytes().data(), address);
  }
}

// The decoder reuses an object that another thread held last: everything that thread read happens before.
TEST(BodyDecoder, HandsObjectsToAnotherThreadAndReusesThem) {
  constexpr int kEvents = 2'000;
  std::string bodies[2];
  uint64_t digests[2];
  for (uint64_t i = 0; i < 2; ++i) {
    const Payload sample = *SamplePayload(EventKind::kToolCall, 300, i);
    bodies[i].resize(300);
    EncodeBody(sample, bodies[i].data());
    digests[i] = ReadFields(EventKind::kToolCall, sample);
  }
  std::vector<std::promise<Payload>> handed(kEvents);
  std::thread reader([&] {
    for (int n = 0; n < kEvents; ++n) {
      const Payload payload = handed[n].get_future().get();
      ASSERT_EQ(ReadFields(EventKind::kToolCall, payload), digests[n % 2]);
    }
  });
  BodyDecoder decoder;
  const EncodedHeader header{.event = {.kind = EventKind::kToolCall}, .typed = true};
  for (int n = 0; n < kEvents; ++n) {
    Payload payload;
    ASSERT_TRUE(decoder.Decode(header, bodies[n % 2], &payload));
    handed[n].set_value(std::move(payload));
  }
  reader.join();
}

}  // namespace
}  // namespace routebench
