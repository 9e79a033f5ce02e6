#include <atomic>
#include <latch>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "events/router.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AcknowledgerTest : public ::testing::Test {
 protected:
  Acknowledger Make() {
    return Acknowledger([this](Verdict verdict) { answers_.push_back(verdict); });
  }
  std::vector<Verdict> answers_;
};

TEST_F(AcknowledgerTest, FirstAnswerCounts) {
  Acknowledger acknowledger = Make();
  EXPECT_THAT(answers_, IsEmpty());
  EXPECT_TRUE(acknowledger.Acknowledge());
  EXPECT_FALSE(acknowledger.Reject());
  EXPECT_FALSE(acknowledger.Acknowledge());
  EXPECT_THAT(answers_, ElementsAre(Verdict::kAck));
}

TEST_F(AcknowledgerTest, CopiesShareTheAnswer) {
  Acknowledger one = Make();
  Acknowledger other = one;
  EXPECT_TRUE(other.Reject());
  EXPECT_FALSE(one.Acknowledge());
  EXPECT_THAT(answers_, ElementsAre(Verdict::kReject));
}

TEST_F(AcknowledgerTest, LastCopyDestroyedUnansweredRejects) {
  std::optional<Acknowledger> one = Make();
  std::optional<Acknowledger> other = one;
  one.reset();
  EXPECT_THAT(answers_, IsEmpty());
  other.reset();
  EXPECT_THAT(answers_, ElementsAre(Verdict::kReject));
}

TEST_F(AcknowledgerTest, DestroyedAfterAnAnswerSaysNothingMore) {
  { EXPECT_TRUE(Make().Acknowledge()); }
  EXPECT_THAT(answers_, ElementsAre(Verdict::kAck));
}

TEST_F(AcknowledgerTest, MayBeOwnedByWhatItsAnswerKeepsAlive) {
  auto owner = std::make_shared<std::vector<Acknowledger>>();
  const std::weak_ptr<void> alive = owner;
  owner->push_back(Acknowledger([owner](Verdict) {}));
  Acknowledger& acknowledger = owner->front();
  owner.reset();
  EXPECT_TRUE(acknowledger.Acknowledge());
  EXPECT_TRUE(alive.expired());
}

TEST(AcknowledgerThreads, ExactlyOneOfManyAnswersCounts) {
  constexpr int kThreads = 4;
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> calls{0}, acks{0};
    std::optional<Acknowledger> acknowledger{[&](Verdict verdict) {
      ++calls;
      if (verdict == Verdict::kAck) ++acks;
    }};
    std::atomic<int> winners{0}, ack_winners{0};
    std::latch start(kThreads);
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t, mine = *acknowledger]() mutable {
        start.arrive_and_wait();
        const bool won = t % 2 == 0 ? mine.Acknowledge() : mine.Reject();
        if (won) ++winners;
        if (won && t % 2 == 0) ++ack_winners;
      });
    }
    acknowledger.reset();
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(calls, 1);
    ASSERT_EQ(winners, 1);
    ASSERT_EQ(acks, ack_winners);
  }
}

TEST(AcknowledgerThreads, DroppedByManyThreadsRejectsOnce) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<int> rejects{0};
    std::optional<Acknowledger> acknowledger{
        [&](Verdict verdict) { rejects += verdict == Verdict::kReject; }};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) threads.emplace_back([mine = *acknowledger] {});
    acknowledger.reset();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
    ASSERT_EQ(rejects, 1);
  }
}

}  // namespace
}  // namespace routebench
