#include "events/delivery/dead_letter_queue.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/test_parcel.h"

namespace routebench::delivery {
namespace {

using ::routebench::testing::TestParcel;
using ::testing::ElementsAre;

DeadLetterQueue::Letter LetterOf(size_t bytes) {
  return {.parcel = TestParcel::Make({}), .bytes = bytes, .subscription = 7, .service = "indexer"};
}

std::vector<uint64_t> Numbers(const DeadLetterQueue& queue) {
  std::vector<uint64_t> numbers;
  for (const DeadLetterQueue::Letter& letter : queue.letters()) numbers.push_back(letter.number);
  return numbers;
}

TEST(DeadLetterQueue, NumbersItsLetters) {
  DeadLetterQueue queue({});
  queue.Add(LetterOf(10));
  queue.Add(LetterOf(20));
  EXPECT_THAT(Numbers(queue), ElementsAre(1, 2));
  ASSERT_NE(queue.Find(2), nullptr);
  EXPECT_EQ(queue.Find(2)->bytes, 20u);
  EXPECT_EQ(queue.Find(3), nullptr);
  EXPECT_EQ(queue.Find(0), nullptr);
  EXPECT_EQ(queue.bytes(), 30u);
}

TEST(DeadLetterQueue, ErasesOne) {
  DeadLetterQueue queue({});
  for (int i = 0; i < 3; ++i) queue.Add(LetterOf(10));
  EXPECT_TRUE(queue.Erase(2));
  EXPECT_FALSE(queue.Erase(2));
  EXPECT_EQ(queue.Find(2), nullptr);
  EXPECT_THAT(Numbers(queue), ElementsAre(1, 3));
  EXPECT_EQ(queue.bytes(), 20u);
  EXPECT_EQ(queue.forgotten(), 0u);
}

TEST(DeadLetterQueue, ForgetsTheOldestBeyondItsNumber) {
  DeadLetterQueue queue({.most = 2});
  for (int i = 0; i < 5; ++i) queue.Add(LetterOf(10));
  EXPECT_THAT(Numbers(queue), ElementsAre(4, 5));
  EXPECT_EQ(queue.forgotten(), 3u);
}

TEST(DeadLetterQueue, ForgetsTheOldestBeyondItsBytes) {
  DeadLetterQueue queue({.most = 100, .most_bytes = 100});
  for (int i = 0; i < 3; ++i) queue.Add(LetterOf(40));
  EXPECT_THAT(Numbers(queue), ElementsAre(2, 3));
  queue.Add(LetterOf(1000));
  EXPECT_THAT(Numbers(queue), ElementsAre(4)) << "the newest is kept in any case";
  EXPECT_EQ(queue.bytes(), 1000u);
}

TEST(DeadLetterQueue, LetsGoOfParcels) {
  const int64_t before = TestParcel::alive();
  {
    DeadLetterQueue queue({.most = 1});
    queue.Add(LetterOf(1));
    queue.Add(LetterOf(1));
    EXPECT_EQ(TestParcel::alive(), before + 1);
  }
  EXPECT_EQ(TestParcel::alive(), before);
}

}  // namespace
}  // namespace routebench::delivery
