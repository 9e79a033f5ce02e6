// The stage clock: the times of a sampled event, on every backend.
#include <array>
#include <atomic>
#include <optional>
#include <set>
#include <thread>

#include "events/stages.h"
#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using std::chrono::milliseconds;

constexpr std::array kAllMarks = {
    StageMark::kDue,    StageMark::kSent,    StageMark::kEncoded, StageMark::kReceived, StageMark::kRouted,
    StageMark::kQueued, StageMark::kWritten, StageMark::kArrived, StageMark::kDecoded,  StageMark::kHandled};

// Those that the backend under test has, without the due time.
std::vector<StageMark> Boundaries() {
  if (!BackendUnderTest().crosses_processes) {
    return {StageMark::kSent, StageMark::kRouted, StageMark::kQueued, StageMark::kHandled};
  }
  return {kAllMarks.begin() + 1, kAllMarks.end()};
}

// Every mark takes its time: a different one for each.
class SlowMarks final : public StageHooks {
 public:
  explicit SlowMarks(FakeTime& time) : time_(time) {}
  void Pass(StageMark mark) override { time_.Advance(Delay(mark)); }
  static Duration Delay(StageMark mark) {
    return milliseconds(1) + std::chrono::microseconds(1) * static_cast<int>(mark);
  }

 private:
  FakeTime& time_;
};

// One mark is closed.
class ClosedMark final : public StageHooks {
 public:
  explicit ClosedMark(StageMark mark) : mark_(mark) {}
  void Pass(StageMark mark) override {
    if (mark == mark_) gate.Pass();
  }
  const Gate gate;

 private:
  const StageMark mark_;
};

class StagesConformanceTest : public ConformanceTest {
 protected:
  using Received = testing::Recorder<std::optional<StageStamps>>;

  StagesConformanceTest() { options.stage_sampling = 1; }

  static Handler Keeping(const Received& received, const Inbox& inbox = {}) {
    return [received, inbox](Delivery& delivery) {
      inbox.Add(delivery.event());
      received.Add(delivery.stages() == nullptr ? std::nullopt : std::optional(*delivery.stages()));
      return Verdict::kAck;
    };
  }

  // The stamps of the only event so far.
  static StageStamps Only(const Received& received) {
    EXPECT_TRUE(received.AwaitCount(1));
    EXPECT_EQ(received.Items().size(), 1u);
    EXPECT_TRUE(received.Items().front().has_value());
    return *received.Items().front();
  }

  // In order, complete, and nothing besides.
  static void ExpectWhole(const StageStamps& stages) {
    EXPECT_TRUE(stages.monotone());
    EXPECT_TRUE(stages.has(StageMark::kDue));
    size_t there = 0;
    for (const StageMark mark : kAllMarks) there += stages.has(mark) ? 1 : 0;
    EXPECT_EQ(there, Boundaries().size() + 1);
    for (const StageMark mark : Boundaries()) EXPECT_TRUE(stages.has(mark)) << Name(mark);
  }

  // What ended with `mark`.
  static Duration StageOf(const StageStamps& stages, StageMark mark) {
    TimePoint before = stages.of(StageMark::kDue);
    for (const StageMark boundary : Boundaries()) {
      if (boundary == mark) break;
      before = stages.of(boundary);
    }
    return stages.of(mark) - before;
  }
};

TEST_F(StagesConformanceTest, EachStageHasItsOwnTimeAndTheySumToTheResponse) {
  SlowMarks hooks(time());
  options.stage_hooks = &hooks;
  const Received received;
  AddReceiver({}, Keeping(received));
  Event event = NewEvent();
  event.header.due = time().Now() - 5 * kSecond;
  ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  const StageStamps stages = Only(received);
  ExpectWhole(stages);
  EXPECT_EQ(stages.of(StageMark::kDue), event.header.due);
  Duration sum{};
  for (const StageMark mark : Boundaries()) {
    const Duration late = mark == StageMark::kSent ? 5 * kSecond : Duration::zero();
    EXPECT_EQ(StageOf(stages, mark), SlowMarks::Delay(mark) + late) << Name(mark);
    sum += StageOf(stages, mark);
  }
  EXPECT_EQ(sum, stages.of(StageMark::kHandled) - event.header.due);
  DestroyBackend();  // before the hooks
}

TEST_F(StagesConformanceTest, EveryReceiverHasMarksOfItsOwn) {
  SlowMarks hooks(time());
  options.stage_hooks = &hooks;
  options.handler_threads = 1;  // one after another
  const Received received;
  for (const char* const service : {"a", "b", "c"}) AddReceiver({.service = service}, Keeping(received));
  PublishMore(1);
  ASSERT_TRUE(received.AwaitCount(3));
  std::set<TimePoint> handled;
  std::set<TimePoint> written;
  std::set<TimePoint> queued;
  for (const auto& stages : received.Items()) {
    ASSERT_TRUE(stages.has_value());
    ExpectWhole(*stages);
    handled.insert(stages->of(StageMark::kHandled));
    written.insert(stages->of(StageMark::kWritten));
    queued.insert(stages->of(StageMark::kQueued));
  }
  EXPECT_EQ(handled.size(), 3u);
  EXPECT_EQ(queued.size(), 1u);
  EXPECT_EQ(written.size(), BackendUnderTest().crosses_processes ? 3u : 1u);
  DestroyBackend();
}

TEST_F(StagesConformanceTest, ReceiversAtTheSameTimeShareNoMarks) {
  if (BackendUnderTest().is_inline) GTEST_SKIP() << "one handler runs after another, inside Publish";
  options.handler_threads = 3;
  const Gate gate;
  const testing::Recorder<const StageStamps*> stamps;
  for (const char* const service : {"a", "b", "c"}) {
    AddReceiver({.service = service}, [gate, stamps](Delivery& delivery) {
      stamps.Add(delivery.stages());
      gate.Pass();
      return Verdict::kAck;
    });
  }
  PublishMore(1);
  ASSERT_TRUE(gate.AwaitEntered(3));
  std::set<const StageStamps*> different;
  for (const StageStamps* const one : stamps.Items()) different.insert(one);
  EXPECT_EQ(different.size(), 3u);
  EXPECT_EQ(different.count(nullptr), 0u);
  gate.Open();
  MustDrain();
}

TEST_F(StagesConformanceTest, TheIdDecidesWhichEventsAreSampled) {
  constexpr uint64_t kEvents = 200;
  options.stage_sampling = 4;
  const StageClock expected(time(), 4, nullptr);
  const Received received;
  const Inbox inbox;
  AddReceiver({}, Keeping(received, inbox));
  PublishMore(kEvents);
  ASSERT_TRUE(received.AwaitCount(kEvents));
  size_t sampled = 0;
  for (size_t i = 0; i < kEvents; ++i) {
    const bool is_sampled = received.Items()[i].has_value();
    EXPECT_EQ(is_sampled, expected.Samples(inbox.Items()[i].header.id)) << i;
    if (is_sampled) ExpectWhole(*received.Items()[i]);
    sampled += is_sampled ? 1 : 0;
  }
  EXPECT_GT(sampled, 0u);
  EXPECT_LT(sampled, kEvents);
}

TEST_F(StagesConformanceTest, SamplingCanBeOff) {
  options.stage_sampling = 0;
  const Received received;
  AddReceiver({}, Keeping(received));
  PublishMore(3);
  ASSERT_TRUE(received.AwaitCount(3));
  for (const auto& stages : received.Items()) EXPECT_FALSE(stages.has_value());
}

// The body travels as a frame's tail of its own.
TEST_F(StagesConformanceTest, LargeBodiesHaveStagesToo) {
  const Received received;
  const Inbox inbox;
  AddReceiver({}, Keeping(received, inbox));
  Event event = NewEvent();
  event.payload = Payload::Bytes(std::make_shared<std::string>(300'000, 'x'));
  ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  ExpectWhole(Only(received));
  EXPECT_EQ(inbox.Items()[0].payload.bytes(), event.payload.bytes());
}

TEST_F(StagesConformanceTest, WhatFailedBelongsToTheStageBehindTheQueue) {
  const Received received;
  AddReceiver({.retry = BackoffOptions{}}, [received](Delivery& delivery) {
    received.Add(*delivery.stages());
    return delivery.event().header.attempt == 1 ? Verdict::kRetry : Verdict::kAck;
  });
  PublishMore(1);
  ASSERT_TRUE(AdvanceUntil([&] { return received.Items().size() == 2; }));
  const StageStamps first = *received.Items()[0];
  const StageStamps second = *received.Items()[1];
  ExpectWhole(first);
  ExpectWhole(second);
  EXPECT_EQ(second.of(StageMark::kDue), first.of(StageMark::kDue));
  EXPECT_EQ(second.of(StageMark::kQueued), first.of(StageMark::kQueued));
  EXPECT_GT(second.of(StageMark::kHandled), first.of(StageMark::kHandled));
}

TEST_F(StagesConformanceTest, AClosedMarkHoldsTheEventInItsStage) {
  for (const StageMark mark : Boundaries()) {
    ClosedMark hooks(mark);
    options.stage_hooks = &hooks;
    const Received received;
    AddReceiver({}, Keeping(received));
    std::thread publishing([&] { PublishMore(1); });
    const bool held = hooks.gate.AwaitEntered(1);
    EXPECT_TRUE(held) << Name(mark);
    EXPECT_TRUE(received.Items().empty()) << Name(mark);
    time().Advance(kSecond);
    hooks.gate.Open();
    publishing.join();
    const StageStamps stages = Only(received);
    ExpectWhole(stages);
    for (const StageMark other : Boundaries()) {
      EXPECT_EQ(StageOf(stages, other), other == mark ? kSecond : Duration::zero())
          << Name(other) << " with " << Name(mark) << " closed";
    }
    DestroyBackend();
  }
}

// Not sampled, and held all the same.
TEST_F(StagesConformanceTest, HooksSeeEveryEvent) {
  ClosedMark hooks(StageMark::kHandled);
  options.stage_hooks = &hooks;
  options.stage_sampling = 0;
  const Received received;
  AddReceiver({}, Keeping(received));
  std::thread publishing([&] { PublishMore(1); });
  EXPECT_TRUE(hooks.gate.AwaitEntered(1));
  EXPECT_TRUE(received.Items().empty());
  hooks.gate.Open();
  publishing.join();
  EXPECT_TRUE(received.AwaitCount(1));
  DestroyBackend();
}

// The event that waits for room passes "queued" once more.
TEST_F(StagesConformanceTest, TheWaitForRoomIsInTheStageOfTheQueue) {
  if (!BackendUnderTest().crosses_processes) GTEST_SKIP() << "nobody can tell when a publisher waits";
  class Counting final : public StageHooks {
   public:
    void Pass(StageMark mark) override {
      if (mark == StageMark::kQueued) gate.Pass();
    }
    const Gate gate;
  } queued;
  queued.gate.Open();
  options.stage_hooks = &queued;
  const Gate handler;
  const Received received;
  AddReceiver({.capacity = 1}, [&received, handler](Delivery& delivery) {
    received.Add(*delivery.stages());
    handler.Pass();
    return Verdict::kAck;
  });
  PublishMore(1);
  ASSERT_TRUE(handler.AwaitEntered(1));
  PublishMore(2);
  ASSERT_TRUE(queued.gate.AwaitEntered(3));
  Settle();  // the third waits
  time().Advance(kSecond);
  handler.Open();
  ASSERT_TRUE(received.AwaitCount(3));
  ExpectWhole(*received.Items()[2]);
  EXPECT_EQ(StageOf(*received.Items()[1], StageMark::kQueued), Duration::zero());
  EXPECT_EQ(StageOf(*received.Items()[2], StageMark::kQueued), kSecond);
  DestroyBackend();
}

}  // namespace
}  // namespace routebench::conformance
