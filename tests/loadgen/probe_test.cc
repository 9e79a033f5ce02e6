#include "loadgen/probe.h"

#include <thread>
#include <utility>
#include <vector>

#include "events/payloads/sample.h"
#include "gtest/gtest.h"
#include "tests/loadgen/fake_delivery.h"
#include "tests/support/fake_time.h"

namespace routebench::loadgen {
namespace {

using std::chrono::microseconds;

// Two publishers; events 1 and 2 of each are warm-up, the rest is measured.
Schedule TwoPublishers() {
  Schedule schedule;
  schedule.phases = {"warmup", "measured"};
  for (int i = 0; i < 20; ++i) {
    PlannedEvent planned;
    planned.kind = EventKind::kFileModified;
    planned.publisher = static_cast<uint16_t>(i % 2);
    planned.phase = i < 4 ? 0 : 1;
    schedule.events.push_back(planned);
  }
  return schedule;
}

class ProbeTest : public ::testing::Test {
 protected:
  // An event that was due `response` ago and sent `service` ago.
  Event EventOf(uint32_t publisher, uint64_t sequence, Duration response = microseconds(50),
                Duration service = microseconds(20), Priority priority = Priority::kNormal) const {
    Event event;
    event.header.kind = EventKind::kFileModified;
    event.header.publisher = publisher;
    event.header.sequence = sequence;
    event.header.due = time_.Now() - response;
    event.header.created = time_.Now() - service;
    event.header.priority = priority;
    event.payload = SamplePayload(EventKind::kFileModified, 256, sequence).value();
    return event;
  }
  static Verdict Hand(const Handler& handler, Event event) {
    FakeDelivery delivery(std::move(event));
    return handler(delivery);
  }
  const ArrivalCell& CellOf(const ArrivalResults& results, size_t phase) const {
    return results.cells.At(phase, Category::kFilesystem);
  }

  routebench::testing::FakeTime time_;
  const Schedule schedule_ = TwoPublishers();
  Probes probes_{schedule_, 2, QueueOrder::kFifo, 1, time_};
};

TEST_F(ProbeTest, RecordsResponseFromTheDueTimeAndServiceFromTheSend) {
  const Handler handler = probes_.MakeHandler();
  EXPECT_EQ(Hand(handler, EventOf(1, 3, microseconds(700), microseconds(100))), Verdict::kAck);
  const ArrivalResults results = probes_.Results();
  const ArrivalCell& cell = CellOf(results, 1);
  EXPECT_EQ(cell.delivered, 1u);
  EXPECT_EQ(cell.response.max(), 700'000);
  EXPECT_EQ(cell.service.max(), 100'000);
}

TEST_F(ProbeTest, ASampledEventArrivesAtItsLastMarkAndItsStagesSumToTheResponse) {
  const Handler handler = probes_.MakeHandler();
  const auto hand = [&](uint64_t sequence, Duration sent) {
    const Event event = EventOf(1, sequence);
    StageStamps stages;
    stages.nanos.fill(StageStamps::kNone);
    stages.Set(StageMark::kDue, event.header.due);
    stages.Set(StageMark::kSent, event.header.due + sent);
    stages.Set(StageMark::kHandled, event.header.due + microseconds(30));
    FakeDelivery delivery(event, &stages);
    EXPECT_EQ(handler(delivery), Verdict::kAck);
  };
  hand(1, microseconds(10));  // warm-up
  hand(3, microseconds(10));
  hand(4, microseconds(31));  // sent after it was handled
  const ArrivalResults results = probes_.Results();
  EXPECT_EQ(CellOf(results, 1).delivered, 2u);
  EXPECT_EQ(CellOf(results, 1).response.min(), 30'000);
  EXPECT_EQ(CellOf(results, 1).response.max(), 30'000);
  EXPECT_EQ(results.stages.violations(), 1u);
  record::StageRecord stages;
  results.stages.ToRecord(&stages);
  EXPECT_EQ(stages.deliveries(), 1u);
  EXPECT_DOUBLE_EQ(stages.response_sum_ns(), 30'000);
}

TEST_F(ProbeTest, ThePhaseIsTheSchedules) {
  const Handler handler = probes_.MakeHandler();
  for (uint64_t sequence : {1, 2, 3}) Hand(handler, EventOf(2, sequence));
  const ArrivalResults results = probes_.Results();
  EXPECT_EQ(CellOf(results, 0).delivered, 2u);
  EXPECT_EQ(CellOf(results, 1).delivered, 1u);
  EXPECT_EQ(results.delivered, 3u);
  EXPECT_EQ(results.cells.At(1, Category::kMcp).delivered, 0u);
}

TEST_F(ProbeTest, GapsAreNoError) {
  const Handler handler = probes_.MakeHandler();  // a filter leaves the others out
  for (uint64_t sequence : {1, 4, 9}) Hand(handler, EventOf(1, sequence));
  EXPECT_EQ(probes_.Results().out_of_order, 0u);
  EXPECT_EQ(probes_.Results().duplicates, 0u);
}

TEST_F(ProbeTest, FindsDisorderWithinOnePublisher) {
  const Handler handler = probes_.MakeHandler();
  for (uint64_t sequence : {1, 3, 2, 4}) Hand(handler, EventOf(1, sequence));
  EXPECT_EQ(probes_.Results().out_of_order, 1u);
  EXPECT_EQ(probes_.Results().duplicates, 0u);
}

TEST_F(ProbeTest, PublishersMayOvertakeEachOther) {
  const Handler handler = probes_.MakeHandler();
  Hand(handler, EventOf(1, 5));
  Hand(handler, EventOf(2, 1));
  Hand(handler, EventOf(1, 6));
  EXPECT_EQ(probes_.Results().out_of_order, 0u);
}

TEST_F(ProbeTest, FindsADuplicate) {
  const Handler handler = probes_.MakeHandler();
  for (uint64_t sequence : {1, 2, 2}) Hand(handler, EventOf(1, sequence));
  EXPECT_EQ(probes_.Results().duplicates, 1u);
  EXPECT_EQ(probes_.Results().out_of_order, 0u);
}

TEST_F(ProbeTest, FindsADuplicateThatComesLater) {
  const Handler handler = probes_.MakeHandler();
  for (uint64_t sequence : {1, 2, 3, 4, 2}) Hand(handler, EventOf(1, sequence));
  EXPECT_EQ(probes_.Results().duplicates, 1u);
  EXPECT_EQ(probes_.Results().out_of_order, 0u);
}

TEST_F(ProbeTest, WhatIsFarBackIsOutOfOrder) {
  const Schedule schedule = [] {
    Schedule long_one;
    long_one.phases = {"warmup", "measured"};
    long_one.events.resize(200, PlannedEvent{.kind = EventKind::kFileModified, .phase = 1});
    return long_one;
  }();
  Probes probes(schedule, 1, QueueOrder::kFifo, 1, time_);
  const Handler handler = probes.MakeHandler();
  for (uint64_t sequence : {1, 100, 37, 37, 1}) Hand(handler, EventOf(1, sequence));
  EXPECT_EQ(probes.Results().duplicates, 1u);
  EXPECT_EQ(probes.Results().out_of_order, 2u);
}

TEST_F(ProbeTest, WithPriorityOrderEachPriorityIsAStream) {
  Probes probes(schedule_, 2, QueueOrder::kPriority, 1, time_);
  const Handler handler = probes.MakeHandler();
  const auto hand = [&](uint64_t sequence, Priority priority) {
    Hand(handler, EventOf(1, sequence, microseconds(5), microseconds(5), priority));
  };
  hand(4, Priority::kCritical);
  hand(1, Priority::kNormal);
  hand(3, Priority::kNormal);
  EXPECT_EQ(probes.Results().out_of_order, 0u);
  hand(2, Priority::kNormal);
  EXPECT_EQ(probes.Results().out_of_order, 1u);
}

TEST_F(ProbeTest, EverySubscriptionGetsItsOwnCopy) {
  const Handler first = probes_.MakeHandler();
  const Handler second = probes_.MakeHandler();
  Hand(first, EventOf(1, 1));
  Hand(second, EventOf(1, 1));
  EXPECT_EQ(probes_.Results().duplicates, 0u);
  EXPECT_EQ(probes_.Results().delivered, 2u);
}

TEST_F(ProbeTest, WhatIsNotOfTheScheduleIsForeign) {
  const Handler handler = probes_.MakeHandler();
  Hand(handler, EventOf(0, 1));
  Hand(handler, EventOf(3, 1));
  Hand(handler, EventOf(1, 0));
  Hand(handler, EventOf(1, 11));
  const ArrivalResults results = probes_.Results();
  EXPECT_EQ(results.foreign, 4u);
  EXPECT_EQ(results.delivered, 0u);
  EXPECT_EQ(CellOf(results, 1).delivered, 0u);
}

class FailingProbeTest : public ProbeTest {
 protected:
  // Everything fails, three times.
  static Behaviour Failing() {
    Behaviour behaviour;
    behaviour.failures = 1;
    behaviour.attempts = 3;
    return behaviour;
  }
  Event Attempt(uint64_t sequence, uint8_t attempt) const {
    Event event = EventOf(1, sequence);
    event.header.attempt = attempt;
    return event;
  }
};

TEST_F(FailingProbeTest, AFailureIsRefusedWhereNothingIsTriedAgain) {
  Behaviour behaviour = Failing();
  behaviour.attempts = 0;
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, time_, behaviour);
  const Handler handler = probes.MakeHandler();
  EXPECT_EQ(Hand(handler, Attempt(3, 1)), Verdict::kReject);
  const ArrivalResults results = probes.Results();
  EXPECT_EQ(results.rejected, 1u);
  EXPECT_EQ(results.handed, 1u);
  EXPECT_EQ(results.delivered, 0u);
  EXPECT_EQ(CellOf(results, 1).response.count(), 0u);
}

TEST_F(FailingProbeTest, AttemptsThatAreAskedForAreNoDuplicates) {
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, time_, Failing());
  const Handler handler = probes.MakeHandler();
  for (uint8_t attempt : {1, 2, 3}) EXPECT_EQ(Hand(handler, Attempt(3, attempt)), Verdict::kRetry);
  const ArrivalResults results = probes.Results();
  EXPECT_EQ(results.handed, 3u);
  EXPECT_EQ(results.retries, 2u);
  EXPECT_EQ(results.dead_lettered, 1u);
  EXPECT_EQ(results.duplicates, 0u);
  EXPECT_EQ(results.unfinished, 0u);
}

TEST_F(FailingProbeTest, LaterEventsMayOvertakeAnAttempt) {
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, time_, Failing());
  const Handler handler = probes.MakeHandler();
  for (uint64_t sequence : {3, 4, 5}) Hand(handler, Attempt(sequence, 1));
  for (uint64_t sequence : {5, 3, 4}) Hand(handler, Attempt(sequence, 2));
  EXPECT_EQ(probes.Results().out_of_order, 0u);
  EXPECT_EQ(probes.Results().duplicates, 0u);
  EXPECT_EQ(probes.Results().unfinished, 3u) << "the third attempts have not come";
}

TEST_F(FailingProbeTest, AnAttemptThatNothingAskedForIsADuplicate) {
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, time_, Failing());
  const Handler handler = probes.MakeHandler();
  Hand(handler, Attempt(3, 1));
  Hand(handler, Attempt(3, 2));
  Hand(handler, Attempt(3, 2));
  EXPECT_EQ(probes.Results().duplicates, 1u);
  Hand(handler, Attempt(4, 2));
  EXPECT_EQ(probes.Results().duplicates, 2u) << "there was no first one";
}

TEST_F(FailingProbeTest, AnAcknowledgedEventMustNotComeAgain) {
  Behaviour behaviour = Failing();
  behaviour.failures = 0;
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, time_, behaviour);
  const Handler handler = probes.MakeHandler();
  Hand(handler, Attempt(3, 1));
  Hand(handler, Attempt(3, 2));
  EXPECT_EQ(probes.Results().duplicates, 1u);
}

// Handlers that run at once have no order, and no event twice however far apart.
TEST_F(FailingProbeTest, WithConcurrencyOnlyDuplicatesCount) {
  Behaviour behaviour;
  behaviour.concurrency = 2;
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, time_, behaviour);
  const Handler handler = probes.MakeHandler();
  for (uint64_t sequence : {5, 3, 4, 10, 3}) Hand(handler, Attempt(sequence, 1));
  EXPECT_EQ(probes.Results().out_of_order, 0u);
  EXPECT_EQ(probes.Results().duplicates, 1u);
}

// Takes as long as the handler is told to take.
class AdvancingClock final : public Clock {
 public:
  explicit AdvancingClock(routebench::testing::FakeTime& time, Duration step) : time_(time), step_(step) {}
  TimePoint Now() const override {
    time_.Advance(step_);
    return time_.Now();
  }

 private:
  routebench::testing::FakeTime& time_;
  const Duration step_;
};

TEST_F(FailingProbeTest, WhatIsLateIsNotDeliveredAndMayComeAgain) {
  const AdvancingClock clock(time_, microseconds(10));
  Behaviour behaviour;
  behaviour.time = microseconds(500);
  behaviour.delivery_timeout = microseconds(400);
  behaviour.attempts = 3;
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, clock, behaviour);
  const Handler handler = probes.MakeHandler();
  EXPECT_EQ(Hand(handler, Attempt(3, 1)), Verdict::kAck);
  EXPECT_EQ(Hand(handler, Attempt(3, 2)), Verdict::kAck);
  const ArrivalResults results = probes.Results();
  EXPECT_EQ(results.late, 2u);
  EXPECT_EQ(results.delivered, 0u);
  EXPECT_EQ(results.retries, 1u);
  EXPECT_EQ(results.duplicates, 0u);
}

TEST_F(FailingProbeTest, TheHandlersTimeIsNotInTheResponse) {
  const AdvancingClock clock(time_, microseconds(1));
  Behaviour behaviour;
  behaviour.time = microseconds(900);
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, clock, behaviour);
  const TimePoint before = time_.Now();
  Hand(probes.MakeHandler(), EventOf(1, 3, microseconds(50), microseconds(20)));
  EXPECT_GE(time_.Now() - before, microseconds(900));
  EXPECT_EQ(CellOf(probes.Results(), 1).response.max(), 51'000);
}

TEST_F(FailingProbeTest, AnswersARequestOnceWithTheLastAttempt) {
  std::vector<std::pair<uint8_t, bool>> answers;
  Behaviour behaviour = Failing();
  behaviour.respond = [&](const Event& request, bool failed) {
    answers.emplace_back(request.header.attempt, failed);
    return true;
  };
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, time_, behaviour);
  const Handler handler = probes.MakeHandler();
  for (uint8_t attempt : {1, 2, 3}) Hand(handler, Attempt(3, attempt));
  EXPECT_EQ(answers, (std::vector<std::pair<uint8_t, bool>>{{3, true}}));
  EXPECT_EQ(probes.Results().responses, 1u);
}

TEST_F(FailingProbeTest, ARequestThatCannotBeAnsweredIsRefused) {
  Behaviour behaviour;
  behaviour.respond = [](const Event&, bool) { return false; };
  Probes probes(schedule_, 2, QueueOrder::kFifo, 1, time_, behaviour);
  EXPECT_EQ(Hand(probes.MakeHandler(), EventOf(1, 3)), Verdict::kReject);
  EXPECT_EQ(probes.Results().rejected, 1u);
  EXPECT_EQ(probes.Results().responses, 0u);
}

TEST_F(ProbeTest, MergesWhatSeveralThreadsRecorded) {
  const Handler first = probes_.MakeHandler();
  const Handler second = probes_.MakeHandler();
  std::thread a([&] {
    for (uint64_t s = 3; s <= 10; ++s) Hand(first, EventOf(1, s, microseconds(10 * s)));
  });
  std::thread b([&] {
    for (uint64_t s = 3; s <= 6; ++s) Hand(second, EventOf(2, s, microseconds(1)));
  });
  a.join();
  b.join();
  const ArrivalResults results = probes_.Results();
  EXPECT_EQ(CellOf(results, 1).delivered, 12u);
  EXPECT_EQ(CellOf(results, 1).response.count(), 12u);
  EXPECT_EQ(CellOf(results, 1).response.max(), 100'000);
  EXPECT_EQ(CellOf(results, 1).response.min(), 1'000);
  EXPECT_EQ(probes_.delivered(), 12u);
}

}  // namespace
}  // namespace routebench::loadgen
