// R12: the window of known ids.
#include "events/routing/deduplication.h"

#include <algorithm>
#include <deque>
#include <random>
#include <utility>

#include "gtest/gtest.h"
#include "tests/support/allocations.h"

namespace routebench::routing {
namespace {

using std::chrono::seconds;

const TimePoint kStart = FromNanos(1'000'000'000);
EventId Id(uint64_t n) { return {7, n}; }

TEST(DeduplicationWindow, KnowsWhatWasInserted) {
  DeduplicationWindow window(10, seconds(1));
  EXPECT_FALSE(window.Contains(Id(1), kStart));
  EXPECT_FALSE(window.Contains(Id(1), kStart));  // asking is not inserting: a refused event can come again
  window.Insert(Id(1), kStart);
  EXPECT_TRUE(window.Contains(Id(1), kStart));
  EXPECT_FALSE(window.Contains({8, 1}, kStart));
}

TEST(DeduplicationWindow, ForgetsTheOldestWhenFull) {
  DeduplicationWindow window(3, seconds(1));
  for (uint64_t n = 1; n <= 4; ++n) window.Insert(Id(n), kStart);
  EXPECT_FALSE(window.Contains(Id(1), kStart));
  for (uint64_t n = 2; n <= 4; ++n) EXPECT_TRUE(window.Contains(Id(n), kStart));
  EXPECT_EQ(window.size(), 3);
}

TEST(DeduplicationWindow, ForgetsByAgeAndAgainInsertingDoesNotRefresh) {
  DeduplicationWindow window(3, seconds(2));
  window.Insert(Id(1), kStart);
  window.Insert(Id(1), kStart + seconds(1));
  EXPECT_EQ(window.size(), 1);
  EXPECT_TRUE(window.Contains(Id(1), kStart + seconds(2)));
  EXPECT_FALSE(window.Contains(Id(1), kStart + seconds(2) + Duration(1)));
  EXPECT_EQ(window.size(), 0);
}

TEST(DeduplicationWindow, OfOne) {
  DeduplicationWindow window(1, seconds(1));
  for (uint64_t n = 1; n <= 5; ++n) {
    window.Insert(Id(n), kStart);
    EXPECT_TRUE(window.Contains(Id(n), kStart));
    EXPECT_FALSE(window.Contains(Id(n - 1), kStart));
  }
}

TEST(DeduplicationWindow, AllocatesNothingAfterItsConstruction) {
  DeduplicationWindow window(1000, seconds(1));
  const auto before = testing::Allocations::OfThisThread();
  TimePoint now = kStart;
  for (uint64_t n = 0; n < 10'000; ++n) {
    now += Duration(700'000);
    if (!window.Contains(Id(n), now)) window.Insert(Id(n), now);
  }
  EXPECT_EQ((testing::Allocations::OfThisThread() - before).count, 0);
  EXPECT_EQ(window.size(), 1000);
}

TEST(DeduplicationWindow, AgreesWithAList) {
  std::mt19937_64 random(20260106);
  int known = 0;
  for (int round = 0; round < 100; ++round) {
    const size_t capacity = 1 + random() % 40;
    const Duration max_age(1 + static_cast<int64_t>(random() % 200));
    DeduplicationWindow window(capacity, max_age);
    std::deque<std::pair<EventId, TimePoint>> list;
    TimePoint now = kStart;
    const uint64_t ids = 1 + random() % 100;
    for (int step = 0; step < 1000; ++step) {
      now += Duration(random() % 8);
      const EventId id = Id(random() % ids);
      std::erase_if(list, [&](const auto& entry) { return now - entry.second > max_age; });
      const bool contained =
          std::any_of(list.begin(), list.end(), [&](const auto& entry) { return entry.first == id; });
      ASSERT_EQ(window.Contains(id, now), contained);
      known += contained ? 1 : 0;
      if (random() % 3 == 0) continue;
      window.Insert(id, now);
      if (!contained) list.emplace_back(id, now);
      if (list.size() > capacity) list.pop_front();
      ASSERT_EQ(window.size(), list.size());
    }
  }
  EXPECT_GT(known, 10'000);
}

}  // namespace
}  // namespace routebench::routing
