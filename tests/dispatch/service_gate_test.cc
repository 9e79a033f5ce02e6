#include "events/dispatch/service_gate.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::dispatch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ServiceGateTest : public ::testing::Test {
 protected:
  // Notes `name` when woken; `tries`: whether there is still somebody to try.
  ServiceGate::Wake Noting(int name, bool tries = true) {
    return [this, name, tries] {
      woken_.push_back(name);
      return tries;
    };
  }
  std::vector<int> woken_;
};

TEST_F(ServiceGateTest, LetsInAsManyAsItsLimit) {
  ServiceGate gate(2);
  EXPECT_TRUE(gate.Enter(Noting(1)));
  EXPECT_TRUE(gate.Enter(Noting(2)));
  EXPECT_FALSE(gate.Enter(Noting(3)));
  EXPECT_THAT(woken_, IsEmpty());
}

TEST_F(ServiceGateTest, WakesTheRefusedInOrderOneForEachPlace) {
  ServiceGate gate(1);
  ASSERT_TRUE(gate.Enter(Noting(0)));
  for (int i = 1; i <= 3; ++i) ASSERT_FALSE(gate.Enter(Noting(i)));
  gate.Leave();
  EXPECT_THAT(woken_, ElementsAre(1));
  ASSERT_TRUE(gate.Enter(Noting(1)));
  gate.Leave();
  EXPECT_THAT(woken_, ElementsAre(1, 2));
  gate.WakeNext();  // the second does not enter after all
  EXPECT_THAT(woken_, ElementsAre(1, 2, 3));
  gate.WakeNext();
  EXPECT_THAT(woken_, ElementsAre(1, 2, 3)) << "nobody is left";
}

TEST_F(ServiceGateTest, WakesNobodyWhileItIsFull) {
  ServiceGate gate(1);
  ASSERT_TRUE(gate.Enter(Noting(0)));
  ASSERT_FALSE(gate.Enter(Noting(1)));
  gate.WakeNext();
  EXPECT_THAT(woken_, IsEmpty());
}

TEST_F(ServiceGateTest, PassesOverThoseWhoAreGone) {
  ServiceGate gate(1);
  ASSERT_TRUE(gate.Enter(Noting(0)));
  ASSERT_FALSE(gate.Enter(Noting(1, false)));
  ASSERT_FALSE(gate.Enter(Noting(2, false)));
  ASSERT_FALSE(gate.Enter(Noting(3)));
  ASSERT_FALSE(gate.Enter(Noting(4)));
  gate.Leave();
  EXPECT_THAT(woken_, ElementsAre(1, 2, 3));
}

TEST_F(ServiceGateTest, AWakeMayEnterAndLeave) {
  ServiceGate gate(1);
  ASSERT_TRUE(gate.Enter(Noting(0)));
  ASSERT_FALSE(gate.Enter([&] {
    woken_.push_back(1);
    EXPECT_TRUE(gate.Enter(Noting(9)));
    gate.Leave();
    return true;
  }));
  ASSERT_FALSE(gate.Enter(Noting(2)));
  gate.Leave();
  EXPECT_THAT(woken_, ElementsAre(1, 2));
}

// Whoever is refused waits for its wake and tries again: nobody is forgotten, and the limit holds.
TEST_F(ServiceGateTest, HoldsAmongThreads) {
  constexpr int kThreads = 8;
  constexpr int kTurns = 200;
  ServiceGate gate(3);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int turn = 0; turn < kTurns; ++turn) {
        const auto woken = std::make_shared<std::atomic<bool>>(false);
        while (!gate.Enter([woken] {
          woken->store(true);
          woken->notify_one();
          return true;
        })) {
          woken->wait(false);
          woken->store(false);
        }
        const int now = ++inside;
        for (int seen = most.load(); seen < now && !most.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --inside;
        gate.Leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_EQ(inside.load(), 0);
}

}  // namespace
}  // namespace routebench::dispatch
