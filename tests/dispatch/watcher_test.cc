#include "events/dispatch/watcher.h"

#include <memory>
#include <stdexcept>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::dispatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class WatcherTest : public ::testing::Test {
 protected:
  std::shared_ptr<Watcher> Make(std::function<void(uint64_t)> then = [](uint64_t) {}) {
    return std::make_shared<Watcher>(
        [this, then](const ServiceChange& change) {
          told_.push_back(change.kind == ServiceChange::Kind::kLost ? 0 : change.sequence);
          then(change.sequence);
        },
        2);
  }
  void Run(Watcher& watcher) {
    while (watcher.Run()) {
    }
  }

  std::vector<uint64_t> told_;
};

TEST_F(WatcherTest, AsksToBeScheduledOnceUntilItRests) {
  const auto watcher = Make();
  EXPECT_TRUE(watcher->Push({.sequence = 1}));
  EXPECT_FALSE(watcher->Push({.sequence = 2}));
  Run(*watcher);
  EXPECT_TRUE(watcher->Push({.sequence = 3}));
  Run(*watcher);
  EXPECT_THAT(told_, ElementsAre(1, 2, 3));
}

TEST_F(WatcherTest, ChangesThatAHandlerMakesComeAfterIt) {
  std::shared_ptr<Watcher> watcher;
  watcher = Make([&](uint64_t sequence) {
    if (sequence < 3) {
      EXPECT_FALSE(watcher->Push({.sequence = sequence + 1}));
    }
  });
  EXPECT_TRUE(watcher->Push({.sequence = 1}));
  Run(*watcher);
  EXPECT_THAT(told_, ElementsAre(1, 2, 3));
}

TEST_F(WatcherTest, NoCallStartsAfterEnd) {
  std::shared_ptr<Watcher> watcher;
  watcher = Make([&](uint64_t) {
    watcher->End();
    watcher->Await();  // its own handler
  });
  EXPECT_TRUE(watcher->Push({.sequence = 1}));
  EXPECT_FALSE(watcher->Push({.sequence = 2}));
  Run(*watcher);
  EXPECT_FALSE(watcher->Push({.sequence = 3}));
  Run(*watcher);
  EXPECT_THAT(told_, ElementsAre(1));
}

TEST_F(WatcherTest, OneThatEndsBeforeItRunsTellsNothing) {
  const auto watcher = Make();
  EXPECT_TRUE(watcher->Push({.sequence = 1}));
  watcher->End();
  watcher->Await();
  Run(*watcher);
  EXPECT_THAT(told_, IsEmpty());
}

TEST_F(WatcherTest, BeyondItsCapacityItIsLostAndTellsNothingMore) {
  const auto watcher = Make();
  const size_t capacity = kMaxWatchBacklog + 2;
  for (size_t i = 1; i <= capacity + 2; ++i) {
    EXPECT_EQ(watcher->Push({.sequence = i}), i == 1);
  }
  Run(*watcher);
  EXPECT_FALSE(watcher->Push({.sequence = 9}));
  ASSERT_EQ(told_.size(), capacity + 1);
  EXPECT_EQ(told_[capacity - 1], capacity);
  EXPECT_EQ(told_[capacity], 0);
}

TEST_F(WatcherTest, WhatAHandlerThrowsIsIgnored) {
  const auto watcher = Make([](uint64_t) { throw std::runtime_error("of the handler"); });
  EXPECT_TRUE(watcher->Push({.sequence = 1}));
  EXPECT_FALSE(watcher->Push({.sequence = 2}));
  Run(*watcher);
  EXPECT_THAT(told_, ElementsAre(1, 2));
}

}  // namespace
}  // namespace routebench::dispatch
