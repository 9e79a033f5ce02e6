#include "daemon/client/redeliveries.h"

#include <vector>

#include "gtest/gtest.h"

namespace routebench::daemon {
namespace {

using Seen = Redeliveries::Seen;

constexpr EventId Id(uint64_t n) { return {1, n}; }

Acknowledger Into(std::vector<Verdict>& answers) {
  return Acknowledger([&answers](Verdict verdict) { answers.push_back(verdict); });
}

class RedeliveriesTest : public ::testing::Test {
 protected:
  Seen Begin(uint64_t n, uint8_t attempt = 1) { return redeliveries_.Begin(Id(n), attempt, &answer_); }
  void Answer(uint64_t n, Verdict verdict = Verdict::kAck, uint8_t attempt = 1) {
    for (Acknowledger& acknowledger : redeliveries_.Answer(Id(n), attempt, verdict)) {
      acknowledger.Acknowledge();
    }
  }

  Redeliveries redeliveries_{4};
  Verdict answer_ = Verdict::kDeferred;
};

TEST_F(RedeliveriesTest, AnAnsweredEventGetsTheSameAnswer) {
  EXPECT_EQ(Begin(1), Seen::kNever);
  EXPECT_EQ(Begin(2), Seen::kNever);
  Answer(1);
  Answer(2, Verdict::kReject);
  EXPECT_EQ(Begin(1), Seen::kAnswered);
  EXPECT_EQ(answer_, Verdict::kAck);
  EXPECT_EQ(Begin(2), Seen::kAnswered);
  EXPECT_EQ(answer_, Verdict::kReject);
  Answer(1, Verdict::kReject);
  Begin(1);
  EXPECT_EQ(answer_, Verdict::kAck) << "the first answer counts";
}

TEST_F(RedeliveriesTest, WhatComesWhileItIsInHandIsAnsweredWithIt) {
  std::vector<Verdict> answers;
  Begin(1);
  EXPECT_EQ(Begin(1), Seen::kInHand);
  redeliveries_.AnswerToo(Id(1), Into(answers));
  EXPECT_EQ(Begin(1), Seen::kInHand);
  redeliveries_.AnswerToo(Id(1), Into(answers));
  EXPECT_TRUE(answers.empty());
  Answer(1);
  EXPECT_EQ(answers, std::vector<Verdict>(2, Verdict::kAck));
}

TEST_F(RedeliveriesTest, ALaterAttemptIsHanded) {
  Begin(1, 0);
  EXPECT_EQ(Begin(1, 0), Seen::kInHand);
  Answer(1, Verdict::kReject, 0);
  EXPECT_EQ(Begin(1, 1), Seen::kNever);
  Answer(1, Verdict::kReject, 0);
  EXPECT_EQ(Begin(1, 1), Seen::kInHand) << "the answer to the attempt before came late";
  Answer(1, Verdict::kAck, 1);
  EXPECT_EQ(Begin(1, 1), Seen::kAnswered);
  EXPECT_EQ(Begin(1, 0), Seen::kAnswered) << "sent again from the start";
}

TEST_F(RedeliveriesTest, WhatWasAskedForAgainIsHanded) {
  Begin(1, 3);
  Answer(1, Verdict::kRetry, 3);
  EXPECT_EQ(Begin(1, 1), Seen::kNever) << "a replayed dead letter begins again";
  EXPECT_EQ(Begin(1, 1), Seen::kInHand);
  Answer(1);
  EXPECT_EQ(Begin(1, 1), Seen::kAnswered);
}

TEST_F(RedeliveriesTest, RemembersItsWindowAndWhatIsInHand) {
  Begin(100);
  for (uint64_t n = 1; n <= 1000; ++n) {
    ASSERT_EQ(Begin(n == 100 ? 2000 : n), Seen::kNever);
    Answer(n == 100 ? 2000 : n);
    ASSERT_LE(redeliveries_.size(), 5u);
  }
  for (uint64_t n = 997; n <= 1000; ++n) EXPECT_EQ(Begin(n), Seen::kAnswered) << n;
  EXPECT_EQ(Begin(996), Seen::kNever);
  EXPECT_EQ(Begin(100), Seen::kInHand);
}

TEST_F(RedeliveriesTest, AttemptsOfOneEventDoNotForgetIt) {
  for (uint8_t attempt = 1; attempt <= 3; ++attempt) {
    Begin(1, attempt);
    Answer(1, Verdict::kReject, attempt);
  }
  Begin(2);
  Answer(2);
  Begin(3);
  Answer(3);  // the first attempt leaves the window
  EXPECT_EQ(Begin(1, 3), Seen::kAnswered);
}

}  // namespace
}  // namespace routebench::daemon
