#include "loadgen/publisher.h"

#include <functional>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "loadgen/null_router.h"
#include "tests/support/fake_time.h"

namespace routebench::loadgen {
namespace {

using std::chrono::microseconds;
using testing::FakeTime;

constexpr std::array<uint32_t, kKindCount> kOneReceiver = [] {
  std::array<uint32_t, kKindCount> receivers{};
  receivers.fill(1);
  return receivers;
}();

// Waits by moving the clock to the due time, and then `late` further.
class FakePacer final : public Pacer {
 public:
  explicit FakePacer(FakeTime& time) : time_(time) {}
  Duration WaitUntil(TimePoint due, const std::atomic<bool>&) override {
    if (due <= time_.Now()) return Duration::zero();
    time_.Advance(due - time_.Now() + late);
    return queued;
  }
  Duration late{};
  Duration queued{};

 private:
  FakeTime& time_;
};

// Answers as told; each call takes as long as told.
class ScriptedRouter final : public EventRouter {
 public:
  explicit ScriptedRouter(FakeTime& time) : time_(time) {}

  PublishResult Publish(const Event& event) override {
    published.push_back(event);
    const size_t call = published.size() - 1;
    time_.Advance(takes(call));
    return answers(call);
  }
  absl::Status Register(const ServiceSpec&) override { return absl::OkStatus(); }
  absl::Status Deregister(const std::string&) override { return absl::OkStatus(); }
  absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec&, Handler) override { return 1; }
  absl::Status Unsubscribe(SubscriptionId) override { return absl::OkStatus(); }
  absl::Status Pause(SubscriptionId) override { return absl::OkStatus(); }
  absl::Status Resume(SubscriptionId) override { return absl::OkStatus(); }
  DeadLetters& dead_letters() override { return dead_letters_; }
  Control& control() override { return control_; }
  absl::StatusOr<RouterStatistics> Statistics() override { return RouterStatistics(); }
  absl::Status Drain(Duration) override { return absl::OkStatus(); }
  absl::Status Close(Duration) override { return absl::OkStatus(); }

  std::function<Duration(size_t)> takes = [](size_t) { return Duration::zero(); };
  std::function<PublishResult(size_t)> answers = [](size_t) { return PublishResult::kAccepted; };
  std::vector<Event> published;

 private:
  FakeTime& time_;
  NullControl control_;
  NullDeadLetters dead_letters_;
};

class PublisherTest : public ::testing::Test {
 protected:
  // `count` events of publisher 0, `gap` apart, the first `warmup` of them warm-up.
  static Schedule Evenly(int count, Duration gap, int warmup = 0) {
    Schedule schedule;
    schedule.phases = {"warmup", "measured"};
    for (int i = 0; i < count; ++i) {
      PlannedEvent planned;
      planned.due_ns = (gap * i).count();
      planned.payload_bytes = 128;
      planned.kind = EventKind::kRecordUpdated;
      planned.priority = Priority::kHigh;
      planned.phase = i < warmup ? 0 : 1;
      schedule.events.push_back(planned);
    }
    return schedule;
  }

  OfferResults Run(const Schedule& schedule, OutstandingLimit* outstanding = nullptr) {
    const Corpus corpus = Corpus::ForSchedule(schedule, 1).value();
    Publisher publisher(router_, schedule, corpus, 0, time_, outstanding, kOneReceiver);
    publisher.Run(time_.Now(), pacer_, stop_);
    return publisher.results();
  }
  static const OfferCell& Measured(const OfferResults& results) {
    return results.cells.At(1, Category::kDatabase);
  }

  FakeTime time_;
  FakePacer pacer_{time_};
  ScriptedRouter router_{time_};
  std::atomic<bool> stop_{false};
};

TEST_F(PublisherTest, SendsEachEventWhenItIsDue) {
  const TimePoint start = time_.Now();
  const OfferResults results = Run(Evenly(5, microseconds(100), 2));
  ASSERT_EQ(router_.published.size(), 5u);
  for (size_t i = 0; i < 5; ++i) {
    const EventHeader& header = router_.published[i].header;
    EXPECT_EQ(header.due, start + i * microseconds(100));
    EXPECT_EQ(header.created, header.due);
    EXPECT_EQ(header.sequence, i + 1);
    EXPECT_EQ(header.kind, EventKind::kRecordUpdated);
    EXPECT_EQ(header.priority, Priority::kHigh);
    EXPECT_FALSE(header.id.is_none());
    EXPECT_EQ(router_.published[i].payload.encoded_size(), 128u);
    if (i > 0) {
      EXPECT_NE(header.id, router_.published[i - 1].header.id);
    }
  }
  EXPECT_EQ(results.cells.At(0, Category::kDatabase).offered, 2u);
  EXPECT_EQ(Measured(results).offered, 3u);
  EXPECT_EQ(Measured(results).self_lag.max(), 0);
  EXPECT_EQ(Measured(results).blocked.max(), 0);
}

TEST_F(PublisherTest, ALateWakeUpIsSelfLag) {
  pacer_.late = microseconds(30);
  const OfferResults results = Run(Evenly(4, microseconds(100)));
  EXPECT_EQ(Measured(results).self_lag.count(), 4u);
  EXPECT_EQ(Measured(results).self_lag.max(), 30'000);
  EXPECT_EQ(Measured(results).blocked.max(), 0);
  EXPECT_EQ(router_.published[1].header.created - router_.published[1].header.due, microseconds(30));
}

// One call that takes 1 ms makes the nine events behind it late. They are sent at once, they keep their due
// times (so that their response counts the wait), and none of it is the generator's fault.
TEST_F(PublisherTest, ABlockingRouterIsNotSelfLag) {
  router_.takes = [](size_t call) { return call == 0 ? microseconds(1000) : microseconds(0); };
  const TimePoint start = time_.Now();
  const OfferResults results = Run(Evenly(12, microseconds(100)));
  EXPECT_EQ(Measured(results).blocked.max(), 1'000'000);
  EXPECT_EQ(Measured(results).self_lag.max(), 0);
  for (size_t i = 1; i <= 10; ++i) {
    EXPECT_EQ(router_.published[i].header.created, start + microseconds(1000)) << i;
    EXPECT_EQ(router_.published[i].header.due, start + i * microseconds(100)) << i;
  }
  EXPECT_EQ(router_.published[11].header.created, start + microseconds(1100));
}

TEST_F(PublisherTest, ABlockingRouterIsNotLateness) {
  router_.takes = [](size_t) { return microseconds(150); };  // more than there is time for
  const OfferResults results = Run(Evenly(20, microseconds(100)));
  EXPECT_GT(router_.published.back().header.created - router_.published.back().header.due, microseconds(900));
  EXPECT_EQ(results.lateness[1].max(), 0);
}

// One wake-up that comes 1 ms late makes eleven events late, and only one of them has a self-lag.
TEST_F(PublisherTest, AStallShowsInTheLatenessOfEveryEventThatWasDueMeanwhile) {
  router_.takes = [this](size_t call) {
    pacer_.late = microseconds(call == 0 ? 1000 : 0);
    return Duration::zero();
  };
  const OfferResults results = Run(Evenly(20, microseconds(100)));
  EXPECT_EQ(Measured(results).self_lag.Quantile(0.9), 0);
  EXPECT_EQ(results.lateness[1].count(), 20u);
  EXPECT_EQ(results.lateness[1].max(), 1'000'000);
  EXPECT_GE(results.lateness[1].Quantile(0.9), 800'000);
  EXPECT_EQ(results.lateness[1].min(), 0);
}

TEST_F(PublisherTest, WaitingForAProcessorIsLatenessButNotItsOwn) {
  router_.takes = [this](size_t call) {
    pacer_.late = microseconds(call == 0 ? 1000 : 0);
    pacer_.queued = microseconds(call == 0 ? 900 : 0);
    return Duration::zero();
  };
  const OfferResults results = Run(Evenly(20, microseconds(100)));
  EXPECT_EQ(Measured(results).self_lag.max(), 1'000'000);
  EXPECT_EQ(results.lateness[1].max(), 1'000'000);
  EXPECT_EQ(results.own_lateness[1].count(), 20u);
  EXPECT_EQ(results.own_lateness[1].max(), 100'000);
}

// It had waited before the event was due, too.
TEST_F(PublisherTest, ALongerWaitForAProcessorThanTheLatenessMakesItNotNegative) {
  pacer_.late = microseconds(30);
  pacer_.queued = microseconds(50);
  EXPECT_EQ(Run(Evenly(5, microseconds(100))).own_lateness[1].max(), 0);
}

TEST_F(PublisherTest, EventsThatNobodyReceivesAreExpectedToBeUnrouted) {
  const Schedule schedule = Evenly(4, microseconds(100));
  const Corpus corpus = Corpus::ForSchedule(schedule, 1).value();
  Publisher publisher(router_, schedule, corpus, 0, time_, nullptr, {});
  publisher.Run(time_.Now(), pacer_, stop_);
  EXPECT_EQ(publisher.results().accepted_unrouted, 4u);
  EXPECT_EQ(publisher.results().accepted_deliveries, 0u);
  EXPECT_EQ(Measured(publisher.results()).expected, 0u);
}

TEST_F(PublisherTest, EventsCarryTheirAttemptsLifeAndAddress) {
  record::RunPlan plan;
  plan.set_addressing("to-group");
  const Schedule schedule = Evenly(2, microseconds(100));
  const Corpus corpus = Corpus::ForSchedule(schedule, 1).value();
  const Addresses addresses(plan, schedule, corpus);
  Sending sending;
  sending.addresses = &addresses;
  sending.max_attempts = 7;
  sending.time_to_live = microseconds(5);
  Publisher publisher(router_, schedule, corpus, 0, time_, nullptr, kOneReceiver, sending);
  publisher.Run(time_.Now(), pacer_, stop_);
  for (const Event& event : router_.published) {
    EXPECT_EQ(event.header.addressing, Addressing::kToGroup);
    EXPECT_EQ(event.header.max_attempts, 7);
    EXPECT_EQ(event.header.time_to_live, microseconds(5));
  }
}

TEST_F(PublisherTest, CountsEveryAnswer) {
  router_.answers = [](size_t call) { return static_cast<PublishResult>(call % kPublishResultCount); };
  const OfferResults results = Run(Evenly(11, microseconds(100)));
  EXPECT_EQ(Measured(results).offered, 11u);
  EXPECT_EQ(Measured(results).expected, 11u);  // refused ones count as lost
  EXPECT_EQ(results.accepted_deliveries, 3u);
  EXPECT_EQ(results.answers[static_cast<size_t>(PublishResult::kAccepted)], 3u);
  EXPECT_EQ(results.answers[static_cast<size_t>(PublishResult::kClosed)], 2u);
  EXPECT_EQ(router_.published.back().header.sequence, 11u);  // a refused event uses its number up
}

TEST_F(PublisherTest, SendsOnlyItsOwnPartOfTheSchedule) {
  Schedule schedule = Evenly(6, microseconds(100));
  for (size_t i = 0; i < 6; ++i) schedule.events[i].publisher = i % 2;
  const Corpus corpus = Corpus::ForSchedule(schedule, 1).value();
  const TimePoint start = time_.Now();
  Publisher publisher(router_, schedule, corpus, 1, time_, nullptr, kOneReceiver);
  publisher.Run(start, pacer_, stop_);
  ASSERT_EQ(router_.published.size(), 3u);
  EXPECT_EQ(router_.published[0].header.due, start + microseconds(100));
  EXPECT_EQ(router_.published[2].header.due, start + microseconds(500));
  EXPECT_EQ(router_.published[2].header.sequence, 3u);
  EXPECT_EQ(publisher.sent(), 3u);
}

TEST_F(PublisherTest, StopsInBetween) {
  router_.takes = [this](size_t call) {
    if (call == 2) stop_ = true;
    return Duration::zero();
  };
  const OfferResults results = Run(Evenly(10, microseconds(100)));
  EXPECT_EQ(router_.published.size(), 3u);
  EXPECT_EQ(Measured(results).offered, 3u);
}

TEST_F(PublisherTest, NoticesAClockThatRunsBackwards) {
  EXPECT_FALSE(Run(Evenly(3, microseconds(100))).clock_ran_backwards);
  router_.takes = [](size_t) { return microseconds(-50); };
  EXPECT_TRUE(Run(Evenly(3, microseconds(100))).clock_ran_backwards);
}

TEST_F(PublisherTest, TheClosedLoopIsDueWhenThereIsRoom) {
  OutstandingLimit limit(1, 1);
  router_.takes = [&limit](size_t) {
    limit.OnOutcome();
    return microseconds(7);
  };
  const TimePoint start = time_.Now();
  const OfferResults results = Run(Evenly(3, microseconds(100)), &limit);
  ASSERT_EQ(router_.published.size(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(router_.published[i].header.due, start + i * microseconds(7)) << i;
  EXPECT_FALSE(results.clock_ran_backwards);
}

TEST_F(PublisherTest, ARefusedEventGivesItsRoomBack) {
  OutstandingLimit limit(1, 1);
  router_.answers = [](size_t) { return PublishResult::kWouldBlock; };
  EXPECT_EQ(Measured(Run(Evenly(5, microseconds(100)), &limit)).offered, 5u);
}

TEST(OutstandingLimitTest, CountsTheOutcomesOfEveryReceiver) {
  OutstandingLimit limit(2, 3);
  limit.Acquire(3);
  limit.Acquire(3);
  std::atomic<bool> third{false};
  std::thread publisher([&] {
    limit.Acquire(3);
    third = true;
  });
  limit.OnOutcome();
  limit.OnOutcome();
  EXPECT_FALSE(third);
  limit.OnOutcome();
  publisher.join();
  EXPECT_TRUE(third);
}

TEST(OutstandingLimitTest, ReleaseLetsEverybodyGo) {
  OutstandingLimit limit(1, 1);
  limit.Acquire(1);
  std::thread publisher([&] { limit.Acquire(1); });
  limit.Release();
  publisher.join();
}

}  // namespace
}  // namespace routebench::loadgen
