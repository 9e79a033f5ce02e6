// The bytes of the protocol: a change of any of them is another version.
#include "daemon/wire/frames.h"

#include <array>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "control.pb.h"
#include "daemon/wire/attribute_table.h"
#include "daemon/wire/handshake.h"
#include "daemon/wire/protocol_error.h"
#include "daemon/wire/stage_block.h"
#include "events/outcome.h"
#include "gtest/gtest.h"

namespace routebench::wire {
namespace {

template <typename Frame>
std::string Hex(const Frame& frame) {
  std::string bytes(sizeof frame, '\0');
  Store(frame, bytes.data());
  return absl::BytesToHexString(bytes);
}

TEST(GoldenFrames, HotFrames) {
  Prefix publish{FrameType::kPublish};
  publish.flags = kReportDelivered;
  EXPECT_EQ(Hex(publish), "02010000");

  DeliverPrefix deliver;
  deliver.subscription = 0x0102030405060708;
  EXPECT_EQ(Hex(deliver),
            "03000000"
            "00000000"
            "0807060504030201");

  DefineAttributes define;
  define.number = 0x01020304;
  EXPECT_EQ(Hex(define),
            "04000000"
            "04030201");

  PublishCredit credit;
  credit.events = 1;
  credit.bytes = 0x0203;
  EXPECT_EQ(Hex(credit),
            "05000000"
            "00000000"
            "0100000000000000"
            "0302000000000000");

  Progress progress;
  progress.subscription = 4;
  progress.handed = 5;
  EXPECT_EQ(Hex(progress),
            "06000000"
            "00000000"
            "0400000000000000"
            "0500000000000000");

  Acknowledged acknowledged;
  acknowledged.subscription = 4;
  acknowledged.first = 6;
  acknowledged.count = 7;
  EXPECT_EQ(Hex(acknowledged),
            "07000000"
            "07000000"
            "0400000000000000"
            "0600000000000000");

  Settled settled;
  settled.subscription = 4;
  settled.delivery = 8;
  settled.outcome = static_cast<uint32_t>(Outcome::kRejected);
  EXPECT_EQ(Hex(settled),
            "08000000"
            "0a000000"
            "0400000000000000"
            "0800000000000000");

  EventOutcome outcome;
  outcome.outcome = static_cast<uint32_t>(Outcome::kExpired);
  outcome.subscription = 4;
  outcome.sequence = 9;
  outcome.event = {0x0a, 0x0b};
  EXPECT_EQ(Hex(outcome),
            "09000000"
            "02000000"
            "0400000000000000"
            "0900000000000000"
            "0a00000000000000"
            "0b00000000000000");

  ProgressRequest request;
  request.prefix.flags = kEager;
  request.number = 3;
  EXPECT_EQ(Hex(request),
            "0a010000"
            "03000000");
  ProgressDone done;
  done.number = 3;
  EXPECT_EQ(Hex(done),
            "0b000000"
            "03000000");
}

TEST(GoldenFrames, Greeting) {
  ClientControl control;
  control.set_request(1);
  *control.mutable_hello() = MakeHello({"boot", "time:[1]"}, "name", true);
  control.mutable_hello()->set_pid(77);
  EXPECT_EQ(absl::BytesToHexString(control.SerializeAsString()),
            "0801"
            "121f"
            "0801"
            "108106"
            "1a04626f6f74"
            "220874696d653a5b315d"
            "284d"
            "32046e616d65"
            "3801");
}

TEST(Frames, AreLoadedOnlyWhenTheyHaveTheirSize) {
  Progress progress;
  std::string bytes(sizeof progress, '\0');
  Store(progress, bytes.data());
  Progress loaded;
  EXPECT_TRUE(LoadExactly(bytes, &loaded));
  EXPECT_FALSE(LoadExactly(bytes + "x", &loaded));
  EXPECT_FALSE(LoadExactly(bytes.substr(1), &loaded));
  Prefix prefix;
  EXPECT_FALSE(LoadFront("abc", &prefix));
}

TEST(Frames, AnEventIsTakenApartOnlyWhenItsSizesAddUp) {
  EncodedHeader header;
  header.attributes_size = 3;
  header.body_size = 4;
  std::string bytes(kEncodedHeaderSize, '\0');
  EncodeHeader(header, bytes.data());
  bytes += "attbody";
  EventView view;
  ASSERT_TRUE(ParseEvent(bytes, &view));
  EXPECT_EQ(view.attributes, "att");
  EXPECT_EQ(view.body, "body");
  for (size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(ParseEvent(bytes.substr(0, size), &view));
  EXPECT_FALSE(ParseEvent(bytes + "x", &view));
}

TEST(StageBlock, LiesBetweenPrefixAndEvent) {
  StageStamps sent;
  for (size_t i = 0; i < kStageMarkCount; ++i) sent.nanos[i] = static_cast<int64_t>(0x100 + i);
  sent.nanos[9] = StageStamps::kNone;
  std::string bytes(kStageBlockSize, '\0');
  StoreStages(sent, bytes.data());
  EXPECT_EQ(absl::BytesToHexString(bytes),
            "00010000000000000101000000000000020100000000000003010000000000000401000000000000"
            "0501000000000000060100000000000007010000000000000801000000000000ffffffffffffffff");
  const std::string frame = bytes + "event";
  std::string_view rest = frame;
  StageStamps storage;
  StageStamps* stages;
  ASSERT_TRUE(TakeStages(kStages | kReportDelivered, &rest, storage, &stages));
  ASSERT_EQ(stages, &storage);
  EXPECT_EQ(storage.nanos, sent.nanos);
  EXPECT_EQ(rest, "event");

  rest = frame;
  ASSERT_TRUE(TakeStages(kReportDelivered, &rest, storage, &stages));
  EXPECT_EQ(stages, nullptr);
  EXPECT_EQ(rest, frame);

  for (size_t size = 0; size < kStageBlockSize; ++size) {
    rest = std::string_view(frame).substr(0, size);
    EXPECT_FALSE(TakeStages(kStages, &rest, storage, &stages)) << size;
  }
}

TEST(StageBlock, TimesThatNoClockShowsAreAbsent) {
  StageStamps sent;
  sent.nanos.fill(5);
  sent.nanos[1] = std::numeric_limits<int64_t>::min();
  sent.nanos[2] = std::numeric_limits<int64_t>::max();
  sent.nanos[3] = 0;
  std::string bytes(kStageBlockSize, '\0');
  StoreStages(sent, bytes.data());
  std::string_view rest = bytes;
  StageStamps storage;
  StageStamps* stages;
  ASSERT_TRUE(TakeStages(kStages, &rest, storage, &stages));
  EXPECT_FALSE(stages->has(StageMark::kSent));
  EXPECT_FALSE(stages->has(StageMark::kEncoded));
  EXPECT_TRUE(stages->has(StageMark::kReceived));
  EXPECT_TRUE(stages->has(StageMark::kRouted));
}

TEST(Handshake, ComparesVersionBootAndTimeNamespace) {
  const TimeDomain here = {"boot-1", "time:[1]"};
  std::string detail;
  EXPECT_FALSE(CheckHello(MakeHello(here, "", false), here, &detail).has_value());
  Hello other = MakeHello(here, "", false);
  other.set_version(kProtocolVersion + 1);
  EXPECT_EQ(CheckHello(other, here, &detail), ProtocolError::kVersion);
  EXPECT_NE(detail.find("version"), std::string::npos);
  EXPECT_EQ(CheckHello(MakeHello({"boot-2", "time:[1]"}, "", false), here, &detail),
            ProtocolError::kOtherBoot);
  EXPECT_EQ(CheckHello(MakeHello({"boot-1", "time:[2]"}, "", false), here, &detail),
            ProtocolError::kOtherBoot);
}

TEST(Handshake, ThisProcessHasATimeDomain) {
  const TimeDomain here = TimeDomain::OfThisProcess();
  EXPECT_EQ(here.boot_id.size(), 36u);
  EXPECT_NE(here.time_namespace, "");
}

TEST(ProtocolErrors, HaveNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kProtocolErrorCount; ++i) names.insert(Name(static_cast<ProtocolError>(i)));
  EXPECT_EQ(names.size(), kProtocolErrorCount);
  EXPECT_EQ(names.count(""), 0u);
  EXPECT_EQ(Name(ProtocolError::kSystem), "system");
}

TEST(AttributeTable, NumbersEachSetOnceAndStopsAtItsLimits) {
  AttributeTable<std::shared_ptr<int>> table;
  const auto size = [] { return size_t{100}; };
  std::vector<std::shared_ptr<int>> sets;
  for (uint32_t i = 1; i <= kMaxSets; ++i) {
    sets.push_back(std::make_shared<int>());
    const auto first = table.Find(sets.back(), size);
    ASSERT_EQ(first.number, i);
    ASSERT_TRUE(first.is_new);
  }
  const auto again = table.Find(sets[4], size);
  EXPECT_EQ(again.number, 5u);
  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(table.Find(std::make_shared<int>(), size).number, 0u) << "the table is full";

  AttributeTable<std::shared_ptr<int>> small;
  EXPECT_EQ(small.Find(sets[0], [] { return kMaxSetBytes; }).number, 1u);
  EXPECT_EQ(small.Find(sets[1], [] { return size_t{1}; }).number, 0u) << "no bytes left";
}

}  // namespace
}  // namespace routebench::wire
