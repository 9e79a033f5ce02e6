#include "events/event.h"

#include <set>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "events/event_id.h"
#include "events/payloads/payloads.h"
#include "events/payloads/sample.h"
#include "gtest/gtest.h"

namespace routebench {
namespace {

TEST(EventId, TextIs32HexadecimalDigits) {
  const EventId id{.high = 0x0123456789abcdef, .low = 0x1};
  EXPECT_EQ(ToString(id), "0123456789abcdef0000000000000001");
  EXPECT_EQ(ParseEventId(ToString(id)), id);
  EXPECT_EQ(ParseEventId("0123456789ABCDEF0000000000000001"), id);
}

TEST(EventId, OtherTextIsRefused) {
  const std::string good(32, 'a');
  EXPECT_TRUE(ParseEventId(good).has_value());
  EXPECT_FALSE(ParseEventId("").has_value());
  EXPECT_FALSE(ParseEventId(good + "a").has_value());
  EXPECT_FALSE(ParseEventId(good.substr(1)).has_value());
  for (const size_t at : {0u, 15u, 16u, 31u}) {
    for (const char c : {'g', ' ', '-', '\0'}) {
      std::string bad = good;
      bad[at] = c;
      EXPECT_FALSE(ParseEventId(bad).has_value()) << "'" << c << "' at " << at;
    }
  }
}

TEST(EventIdGenerator, NeverRepeatsAndNeverGivesNone) {
  absl::flat_hash_set<EventId> seen;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    EventIdGenerator ids(seed);
    for (int n = 0; n < 1'000; ++n) {
      const EventId id = ids.Next();
      ASSERT_FALSE(id.is_none());
      ASSERT_TRUE(seen.insert(id).second) << ToString(id);
    }
  }
}

TEST(EventIdGenerator, SameSeedGivesTheSameIds) {
  EventIdGenerator a(7), b(7);
  for (int n = 0; n < 10; ++n) EXPECT_EQ(a.Next(), b.Next());
}

TEST(EventIdGenerator, RandomSeedsDiffer) { EXPECT_NE(RandomSeed(), RandomSeed()); }

TEST(EventHeader, ExpiresAtTheEndOfItsTimeToLive) {
  const EventHeader header{.created = FromNanos(100), .time_to_live = Duration(50)};
  EXPECT_FALSE(header.ExpiredAt(FromNanos(149)));
  EXPECT_TRUE(header.ExpiredAt(FromNanos(150)));
  EXPECT_FALSE(EventHeader{.created = FromNanos(100)}.ExpiredAt(TimePoint::max())) << "zero: lives for ever";
}

TEST(EventHeader, AnyTimesThatAPeerMakesUpCompare) {
  const EventHeader ancient{.created = TimePoint::min(), .time_to_live = Duration::max()};
  EXPECT_TRUE(ancient.ExpiredAt(TimePoint::max()));
  EXPECT_EQ(Elapsed(TimePoint::min(), FromNanos(1)), Duration::max());
  EXPECT_EQ(Elapsed(TimePoint::max(), FromNanos(-2)), Duration::min());
  EXPECT_EQ(Elapsed(FromNanos(-3), FromNanos(4)), Duration(7));
}

TEST(Payload, DefaultIsAnEmptyBodyOfBytes) {
  const Payload payload;
  EXPECT_FALSE(payload.is_typed());
  EXPECT_EQ(payload.bytes(), "");
  EXPECT_EQ(payload.encoded_size(), 0u);
}

TEST(Payload, SizeIsComputedFromTheContent) {
  EXPECT_EQ(Payload::Bytes(std::make_shared<std::string>("12345")).encoded_size(), 5u);
  const Payload typed = *SamplePayload(EventKind::kToolCall, 333, 1);
  EXPECT_EQ(typed.encoded_size(), typed.message().SerializeAsString().size());
  EXPECT_EQ(typed.bytes(), "");
}

TEST(Payload, CopySharesTheBody) {
  const Payload typed = *SamplePayload(EventKind::kToolCall, 333, 1);
  const Payload copy = typed;
  EXPECT_EQ(&copy.message(), &typed.message());
  const Payload bytes = Payload::Bytes(std::make_shared<std::string>("12345"));
  EXPECT_EQ(Payload(bytes).bytes().data(), bytes.bytes().data());
}

TEST(Event, NullAttributesAreEmptyOnes) {
  EXPECT_EQ(AttributesOf(Event()), Attributes());
  const Event event{.attributes = std::make_shared<Attributes>(Attributes{.custom_name = "n"})};
  EXPECT_EQ(AttributesOf(event).custom_name, "n");
}

TEST(Messages, EveryKindExceptCustomHasAMessageOfItsOwn) {
  std::set<const google::protobuf::Descriptor*> types;
  for (size_t i = 0; i < kKindCount; ++i) {
    const auto kind = static_cast<EventKind>(i);
    const auto message = NewMessage(kind);
    ASSERT_EQ(message == nullptr, kind == EventKind::kCustom);
    if (message == nullptr) continue;
    EXPECT_TRUE(types.insert(message->GetDescriptor()).second) << Name(kind);
    for (size_t j = 0; j < kKindCount; ++j) {
      EXPECT_EQ(IsMessageOf(static_cast<EventKind>(j), *message), i == j) << i << ", " << j;
    }
  }
}

}  // namespace
}  // namespace routebench
