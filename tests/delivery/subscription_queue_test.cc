#include "events/delivery/subscription_queue.h"

#include <algorithm>
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/allocations.h"
#include "tests/support/test_parcel.h"

namespace routebench::delivery {
namespace {

using ::routebench::testing::Allocations;
using ::routebench::testing::TestParcel;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr TimePoint kStart = FromNanos(1'000'000);

uint64_t SequenceOf(const ParcelPtr& parcel) { return parcel == nullptr ? 0 : parcel->header().sequence; }

std::vector<uint64_t> SequencesOf(const std::vector<ParcelPtr>& parcels) {
  std::vector<uint64_t> sequences;
  for (const ParcelPtr& parcel : parcels) sequences.push_back(SequenceOf(parcel));
  return sequences;
}

// The oracle: lists in order of entry, scanned for every decision.
class NaiveQueue {
 public:
  explicit NaiveQueue(const QueueOptions& options) : options_(options) {}

  struct Result {
    Admission admission;
    uint64_t evicted = 0;
  };

  Result Offer(const EventHeader& event, TimePoint now) {
    if (closed_) return {Admission::kClosed, event.sequence};
    if (occupancy() < options_.capacity) {
      Enter(event, now);
      return {Admission::kQueued};
    }
    switch (options_.full_policy) {
      case FullPolicy::kBlock:
        return {Admission::kFull, event.sequence};
      case FullPolicy::kReject:
        return {Admission::kRejected, event.sequence};
      case FullPolicy::kDropNewest:
        return {Admission::kDropped, event.sequence};
      case FullPolicy::kDropOldest:
        return OfferDroppingOldest(event, now);
    }
    return {Admission::kClosed};
  }

  bool Reserve() {
    if (closed_ || occupancy() >= options_.capacity) return false;
    ++reserved_;
    return true;
  }
  void CancelReservation() { --reserved_; }
  Result OfferReserved(const EventHeader& event, TimePoint now) {
    --reserved_;
    if (closed_) return {Admission::kClosed, event.sequence};
    Enter(event, now);
    return {Admission::kQueued};
  }

  void Take(size_t max, TimePoint now, std::vector<uint64_t>& batch, std::vector<uint64_t>& expired) {
    while (true) {
      const auto next = std::min_element(held_.begin(), held_.end(), Sooner);
      if (next == held_.end() || next->not_before > now) break;
      ready_.push_back(*next);
      held_.erase(next);
    }
    while (batch.size() < max && !ready_.empty()) {
      const auto next = options_.order == QueueOrder::kFifo
                            ? ready_.begin()
                            : std::min_element(ready_.begin(), ready_.end(), MoreUrgent);
      (next->ExpiredAt(now) ? expired : batch).push_back(next->sequence);
      if (!next->ExpiredAt(now)) ++out_;
      ready_.erase(next);
    }
  }

  void Hold(EventHeader event, TimePoint due) {
    event.not_before = due;
    held_.push_back(event);
  }

  void Handed(size_t count) { out_ -= count; }

  std::vector<uint64_t> Close() {
    closed_ = true;
    std::vector<uint64_t> rest;
    for (const EventHeader& event : ready_) rest.push_back(event.sequence);
    for (const EventHeader& event : held_) rest.push_back(event.sequence);
    ready_.clear();
    held_.clear();
    return rest;
  }

  size_t held() const { return held_.size(); }
  size_t ready() const { return ready_.size(); }
  size_t out() const { return out_; }
  size_t reserved() const { return reserved_; }
  size_t occupancy() const { return held() + ready() + out_ + reserved_; }
  bool closed() const { return closed_; }

 private:
  static bool Sooner(const EventHeader& a, const EventHeader& b) { return a.not_before < b.not_before; }
  static bool MoreUrgent(const EventHeader& a, const EventHeader& b) { return a.priority < b.priority; }

  void Enter(const EventHeader& event, TimePoint now) {
    (event.not_before > now ? held_ : ready_).push_back(event);
  }

  Result OfferDroppingOldest(const EventHeader& event, TimePoint now) {
    if (out_ > 0 && held() + ready() < options_.capacity) {
      Enter(event, now);
      return {Admission::kRecall};
    }
    std::deque<EventHeader>& from = ready_.empty() ? held_ : ready_;
    if (from.empty()) return {Admission::kEvicted, event.sequence};
    auto victim = from.begin();
    if (ready_.empty()) {
      victim = std::min_element(held_.begin(), held_.end(), Sooner);
    } else if (options_.order == QueueOrder::kPriority) {
      for (auto it = from.begin(); it != from.end(); ++it) {
        if (it->priority > victim->priority) victim = it;
      }
      if (event.priority > victim->priority) return {Admission::kEvicted, event.sequence};
    }
    const uint64_t evicted = victim->sequence;
    from.erase(victim);
    Enter(event, now);
    return {Admission::kEvicted, evicted};
  }

  const QueueOptions options_;
  std::deque<EventHeader> ready_;  // in order of entry
  std::deque<EventHeader> held_;   // in order of arrival
  size_t out_ = 0;
  size_t reserved_ = 0;
  bool closed_ = false;
};

struct Variant {
  FullPolicy policy;
  QueueOrder order;
};

class SubscriptionQueueProperty : public ::testing::TestWithParam<Variant> {};

// One random history: every answer and every number of the queue is compared after every step.
class History {
 public:
  History(const QueueOptions& options, uint64_t seed) : random_(seed), queue_(options), model_(options) {}

  void Run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      Step();
      Compare(step);
    }
    Close();
    queue_.Handed(queue_.out());
    EXPECT_EQ(offered_, settled_) << "every event leaves the queue in one way";
  }

 private:
  size_t Below(size_t bound) { return random_() % bound; }

  EventHeader NextEvent() {
    EventHeader header;
    header.sequence = ++sequence_;
    header.created = now_;
    header.priority = static_cast<Priority>(Below(kPriorityCount));
    if (Below(4) == 0) header.not_before = now_ + Duration(Below(20));
    if (Below(4) == 0) header.time_to_live = Duration(1 + Below(20));
    return header;
  }

  void Step() {
    now_ += Duration(Below(4));
    switch (Below(16)) {
      case 0:
        ASSERT_EQ(queue_.Reserve(), model_.Reserve());
        return;
      case 1:
        if (model_.reserved() == 0) return;
        queue_.CancelReservation();
        return model_.CancelReservation();
      case 2:
        return OfferReserved();
      case 3:
      case 4:
      case 5:
        return Take();
      case 6:
      case 7:
        return Handed();
      case 8:
        if (Below(50) == 0) Close();
        return;
      case 9:
        if (Below(4) == 0) Hold();
        return;
      default:
        return Offer();
    }
  }

  void CompareResult(const OfferResult& got, const NaiveQueue::Result& expected) {
    ASSERT_EQ(got.admission, expected.admission);
    ASSERT_EQ(SequenceOf(got.evicted), expected.evicted);
    ++offered_;
    if (got.evicted != nullptr) ++settled_;
  }

  void Offer() {
    const EventHeader event = NextEvent();
    CompareResult(queue_.Offer(TestParcel::Make(event), now_), model_.Offer(event, now_));
  }

  void OfferReserved() {
    if (model_.reserved() == 0) return;
    const EventHeader event = NextEvent();
    CompareResult(queue_.OfferReserved(TestParcel::Make(event), now_), model_.OfferReserved(event, now_));
  }

  void Hold() {
    if (queue_.closed()) return;
    const EventHeader event = NextEvent();
    const TimePoint due = now_ + Duration(Below(20));
    queue_.Hold(TestParcel::Make(event), due);
    model_.Hold(event, due);
    ++offered_;
    ++came_back_;
  }

  void Take() {
    const size_t max = 1 + Below(5);
    std::vector<ParcelPtr> batch, expired;
    std::vector<uint64_t> expected_batch, expected_expired;
    const size_t taken = queue_.Take(max, now_, batch, expired);
    model_.Take(max, now_, expected_batch, expected_expired);
    ASSERT_EQ(SequencesOf(batch), expected_batch);
    ASSERT_EQ(SequencesOf(expired), expected_expired);
    ASSERT_EQ(taken, batch.size());
    settled_ += batch.size() + expired.size();
  }

  void Handed() {
    const size_t count = Below(model_.out() + 1);
    queue_.Handed(count);
    model_.Handed(count);
  }

  void Close() {
    std::vector<ParcelPtr> rest;
    queue_.Close(rest);
    settled_ += rest.size();
    std::vector<uint64_t> got = SequencesOf(rest);
    std::vector<uint64_t> expected = model_.Close();
    std::sort(got.begin(), got.end());
    std::sort(expected.begin(), expected.end());
    ASSERT_EQ(got, expected);
  }

  void Compare(int step) {
    ASSERT_EQ(queue_.held(), model_.held()) << step;
    ASSERT_EQ(queue_.ready(), model_.ready()) << step;
    ASSERT_EQ(queue_.out(), model_.out()) << step;
    ASSERT_EQ(queue_.reserved(), model_.reserved()) << step;
    ASSERT_EQ(queue_.occupancy(), model_.occupancy()) << step;
    ASSERT_EQ(queue_.full(), model_.occupancy() >= queue_.options().capacity) << step;
    ASSERT_EQ(queue_.closed(), model_.closed()) << step;
    ASSERT_EQ(queue_.NextHeld().has_value(), model_.held() > 0) << step;
    // Places that were reserved before events were recalled come on top, and so does what came back.
    ASSERT_LE(queue_.held() + queue_.ready(), 2 * queue_.options().capacity + came_back_) << step;
    if (queue_.options().full_policy != FullPolicy::kDropOldest) {
      ASSERT_LE(queue_.occupancy(), queue_.options().capacity + came_back_) << step;
    }
  }

  std::mt19937_64 random_;
  SubscriptionQueue queue_;
  NaiveQueue model_;
  TimePoint now_ = kStart;
  uint64_t sequence_ = 0;
  size_t offered_ = 0;
  size_t settled_ = 0;
  size_t came_back_ = 0;
};

TEST_P(SubscriptionQueueProperty, AgreesWithTheNaiveModelAfterEveryStep) {
  for (const size_t capacity : {1, 2, 7, 40}) {
    for (uint64_t seed = 1; seed <= 30; ++seed) {
      SCOPED_TRACE("capacity " + std::to_string(capacity) + ", seed " + std::to_string(seed));
      History({.capacity = capacity, .full_policy = GetParam().policy, .order = GetParam().order}, seed)
          .Run(400);
      if (HasFailure()) return;
    }
  }
  EXPECT_EQ(TestParcel::alive(), 0);
}

INSTANTIATE_TEST_SUITE_P(All, SubscriptionQueueProperty,
                         ::testing::Values(Variant{FullPolicy::kBlock, QueueOrder::kFifo},
                                           Variant{FullPolicy::kReject, QueueOrder::kFifo},
                                           Variant{FullPolicy::kDropOldest, QueueOrder::kFifo},
                                           Variant{FullPolicy::kDropNewest, QueueOrder::kFifo},
                                           Variant{FullPolicy::kBlock, QueueOrder::kPriority},
                                           Variant{FullPolicy::kReject, QueueOrder::kPriority},
                                           Variant{FullPolicy::kDropOldest, QueueOrder::kPriority},
                                           Variant{FullPolicy::kDropNewest, QueueOrder::kPriority}));

EventHeader Numbered(uint64_t sequence) {
  EventHeader header;
  header.sequence = sequence;
  return header;
}

TEST(SubscriptionQueue, HandsOutInOrderAndCountsWhatIsOut) {
  SubscriptionQueue queue({.capacity = 3, .full_policy = FullPolicy::kBlock});
  for (uint64_t n = 1; n <= 3; ++n) {
    EXPECT_EQ(queue.Offer(TestParcel::Make(Numbered(n)), kStart).admission, Admission::kQueued);
  }
  std::vector<ParcelPtr> batch, expired;
  EXPECT_EQ(queue.Take(2, kStart, batch, expired), 2);
  EXPECT_THAT(SequencesOf(batch), ElementsAre(1, 2));
  EXPECT_THAT(expired, IsEmpty());
  EXPECT_TRUE(queue.full()) << "what is out still takes its place";
  queue.Handed(1);
  EXPECT_FALSE(queue.full());
}

TEST(SubscriptionQueue, AHeldEventIsReadyAtItsTime) {
  SubscriptionQueue queue({.capacity = 3});
  EventHeader later = Numbered(1);
  later.not_before = kStart + Duration(10);
  queue.Offer(TestParcel::Make(later), kStart);
  EXPECT_EQ(queue.NextHeld(), kStart + Duration(10));
  EXPECT_FALSE(queue.HasWork(kStart + Duration(9)));
  EXPECT_TRUE(queue.HasWork(kStart + Duration(10)));
  queue.ReleaseHeld(kStart + Duration(10));
  EXPECT_EQ(queue.ready(), 1);
}

TEST(SubscriptionQueue, WhatComesBackGetsAPlaceInAFullQueue) {
  SubscriptionQueue queue({.capacity = 1});
  ASSERT_EQ(queue.Offer(TestParcel::Make({.sequence = 1}), kStart).admission, Admission::kQueued);
  queue.Hold(TestParcel::Make({.sequence = 2}), kStart + Duration(10));
  EXPECT_EQ(queue.occupancy(), 2u);
  EXPECT_TRUE(queue.timed());
  EXPECT_EQ(queue.NextHeld(), kStart + Duration(10));
  std::vector<ParcelPtr> batch, expired;
  queue.Take(10, kStart + Duration(9), batch, expired);
  EXPECT_THAT(SequencesOf(batch), ElementsAre(1));
  EXPECT_FALSE(queue.HasWork(kStart + Duration(9)));
  queue.Take(10, kStart + Duration(10), batch, expired);
  EXPECT_THAT(SequencesOf(batch), ElementsAre(1, 2));
}

TEST(SubscriptionQueue, SteadyStateAllocatesNothing) {
  for (const QueueOrder order : {QueueOrder::kFifo, QueueOrder::kPriority}) {
    SubscriptionQueue queue({.capacity = 64, .full_policy = FullPolicy::kDropOldest, .order = order});
    std::vector<ParcelPtr> parcels, batch, expired, spare;
    for (uint64_t n = 0; n < 128; ++n) {
      EventHeader header = Numbered(n);
      header.priority = static_cast<Priority>(n % kPriorityCount);
      if (n % 3 == 0) header.not_before = kStart + Duration(n);
      parcels.push_back(TestParcel::Make(header));
    }
    const auto round = [&](TimePoint now) {
      for (const ParcelPtr& parcel : parcels) queue.Offer(parcel, now);
      while (queue.Take(16, now + Duration(200), batch, expired) > 0) {
        queue.Handed(batch.size());
        batch.clear();
      }
      expired.clear();
    };
    round(kStart);
    const Allocations before = Allocations::OfThisThread();
    for (int i = 0; i < 100; ++i) round(kStart);
    EXPECT_EQ((Allocations::OfThisThread() - before).count, 0);
  }
}

}  // namespace
}  // namespace routebench::delivery
