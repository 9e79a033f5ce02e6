#include "daemon/client/keeper.h"

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::daemon {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Event EventNumber(uint64_t n, size_t bytes = 10) {
  Event event;
  event.header.id = {1, n};
  event.header.sequence = n;
  event.payload = Payload::Bytes(std::make_shared<std::string>(bytes, 'x'));
  return event;
}

std::vector<uint64_t> SequencesOf(const std::vector<Event>& events) {
  std::vector<uint64_t> sequences;
  for (const Event& event : events) sequences.push_back(event.header.sequence);
  return sequences;
}

// Everything that is to be sent now.
std::vector<uint64_t> SendAll(Keeper& keeper) {
  std::vector<uint64_t> sent;
  while (keeper.NextToSend() != nullptr) {
    sent.push_back(keeper.NextToSend()->header.sequence);
    keeper.NoteSent();
  }
  return sent;
}

std::vector<uint64_t> Released(Keeper& keeper, uint64_t first, uint64_t count) {
  std::vector<Event> released;
  EXPECT_TRUE(keeper.Release(first, count, released));
  return SequencesOf(released);
}

TEST(KeeperTest, SendsInOrderAndReleasesInAnyOrder) {
  Keeper keeper({});
  for (uint64_t n = 1; n <= 5; ++n) keeper.Add(EventNumber(n));
  EXPECT_THAT(SendAll(keeper), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_THAT(Released(keeper, 3, 2), ElementsAre(3, 4));
  EXPECT_THAT(Released(keeper, 1, 2), ElementsAre(1, 2));
  keeper.Add(EventNumber(6));
  EXPECT_THAT(SendAll(keeper), ElementsAre(6));
  EXPECT_THAT(Released(keeper, 5, 2), ElementsAre(5, 6));
  EXPECT_EQ(keeper.events(), 0u);
  EXPECT_EQ(keeper.bytes(), 0u);
}

TEST(KeeperTest, ASessionBeginsWithWhatIsKept) {
  Keeper keeper({});
  for (uint64_t n = 1; n <= 4; ++n) keeper.Add(EventNumber(n));
  SendAll(keeper);
  keeper.Add(EventNumber(5));
  Released(keeper, 2, 2);
  keeper.StartSession();
  EXPECT_TRUE(keeper.NextIsResent());
  EXPECT_EQ(keeper.NextToSend()->header.sequence, 1u);
  keeper.NoteSent();
  EXPECT_TRUE(keeper.NextIsResent());
  keeper.NoteSent();
  EXPECT_EQ(keeper.NextToSend()->header.sequence, 5u);
  EXPECT_FALSE(keeper.NextIsResent()) << "it was never sent";
  EXPECT_THAT(Released(keeper, 2, 1), ElementsAre(4)) << "numbers are those of the session";
}

TEST(KeeperTest, RefusesNumbersThatItHasNotSent) {
  Keeper keeper({});
  for (uint64_t n = 1; n <= 3; ++n) keeper.Add(EventNumber(n));
  keeper.NoteSent();
  keeper.NoteSent();
  std::vector<Event> released;
  EXPECT_FALSE(keeper.Release(0, 1, released));
  EXPECT_FALSE(keeper.Release(1, 0, released));
  EXPECT_FALSE(keeper.Release(3, 1, released));
  EXPECT_FALSE(keeper.Release(1, 3, released));
  EXPECT_FALSE(keeper.Release(2, UINT64_MAX, released));
  EXPECT_FALSE(keeper.Release(UINT64_MAX, 2, released));
  EXPECT_THAT(released, IsEmpty());
  EXPECT_THAT(Released(keeper, 2, 1), ElementsAre(2));
  EXPECT_FALSE(keeper.Release(2, 1, released)) << "once";
  EXPECT_THAT(Released(keeper, 1, 1), ElementsAre(1));
  EXPECT_FALSE(keeper.Release(1, 1, released)) << "once";
}

TEST(KeeperTest, IsBounded) {
  Keeper by_count({.events = 2});
  by_count.Add(EventNumber(1));
  EXPECT_TRUE(by_count.HasRoom());
  by_count.Add(EventNumber(2));
  EXPECT_FALSE(by_count.HasRoom());
  by_count.NoteSent();
  Released(by_count, 1, 1);
  EXPECT_TRUE(by_count.HasRoom());

  Keeper by_bytes({.bytes = 1000});
  by_bytes.Add(EventNumber(1, 2000));
  EXPECT_FALSE(by_bytes.HasRoom());
}

TEST(KeeperTest, AnOldEventHoldsUpABoundedNumberOfReleasedOnes) {
  Keeper keeper({.events = 4});
  uint64_t n = 0;
  while (keeper.HasRoom()) {
    keeper.Add(EventNumber(++n));
    keeper.NoteSent();
    if (n > 1) Released(keeper, n, 1);
  }
  EXPECT_EQ(n, 32u);
  EXPECT_EQ(keeper.events(), 1u);
  Released(keeper, 1, 1);
  EXPECT_TRUE(keeper.HasRoom());
}

// Against a list that knows nothing of numbers and flags.
TEST(KeeperTest, KeepsWhatIsNotReleased) {
  std::mt19937_64 random(7);
  for (int run = 0; run < 50; ++run) {
    Keeper keeper({});
    struct Sent {
      uint64_t sequence;
      bool released = false;
    };
    std::vector<Sent> session;  // by number - 1
    std::deque<uint64_t> unsent;
    uint64_t last = 0;
    for (int step = 0; step < 500; ++step) {
      switch (random() % 8) {
        case 0:
        case 1:
        case 2:
          keeper.Add(EventNumber(++last));
          unsent.push_back(last);
          break;
        case 3:
        case 4:
        case 5:
          if (unsent.empty()) break;
          ASSERT_EQ(keeper.NextToSend()->header.sequence, unsent.front());
          session.push_back({unsent.front()});
          unsent.pop_front();
          keeper.NoteSent();
          break;
        case 6: {
          const uint64_t first = random() % (session.size() + 2);
          const uint64_t count = random() % 4;
          bool good = first > 0 && count > 0 && first + count <= session.size() + 1;
          for (uint64_t i = first; good && i < first + count; ++i) good = !session[i - 1].released;
          if (!good) break;
          std::vector<Event> released;
          ASSERT_TRUE(keeper.Release(first, count, released));
          for (uint64_t i = 0; i < count; ++i) {
            session[first - 1 + i].released = true;
            ASSERT_EQ(released[i].header.sequence, session[first - 1 + i].sequence);
          }
          break;
        }
        default:
          if (random() % 8 != 0) break;
          for (auto sent = session.rbegin(); sent != session.rend(); ++sent) {
            if (!sent->released) unsent.push_front(sent->sequence);
          }
          session.clear();
          keeper.StartSession();
      }
      size_t kept = unsent.size();
      for (const Sent& sent : session) kept += sent.released ? 0 : 1;
      ASSERT_EQ(keeper.events(), kept);
    }
  }
}

}  // namespace
}  // namespace routebench::daemon
