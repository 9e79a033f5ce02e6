#include "coordinator/publisher_slots.h"

#include <atomic>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace routebench::coordinator {
namespace {

TEST(PublisherSlots, ClaimsThatLiveAtATimeHaveSlotsOfTheirOwn) {
  PublisherSlots slots;
  const int object = 0;
  const std::atomic<const int*> current{&object};
  std::vector<std::unique_ptr<PublisherSlots::Claim<int>>> claims;
  std::set<const void*> seen;
  for (int i = 0; i < 100; ++i) {
    claims.push_back(std::make_unique<PublisherSlots::Claim<int>>(slots, current));
    EXPECT_EQ(&claims.back()->object(), &object);
    EXPECT_TRUE(seen.insert(&claims.back()->slot()).second);
  }
  claims.clear();
  const PublisherSlots::Claim<int> again(slots, current);
  EXPECT_TRUE(seen.contains(&again.slot()));
}

TEST(PublisherSlots, AnObjectIsReadUntilTheLastClaimOnItEnds) {
  PublisherSlots slots;
  const int before = 0;
  const int after = 0;
  std::atomic<const int*> current{&before};
  EXPECT_FALSE(slots.IsRead(&before));
  std::optional<PublisherSlots::Claim<int>> first(std::in_place, slots, current);
  std::optional<PublisherSlots::Claim<int>> second(std::in_place, slots, current);
  current.store(&after);
  const PublisherSlots::Claim<int> third(slots, current);
  EXPECT_EQ(&third.object(), &after);
  first.reset();
  EXPECT_TRUE(slots.IsRead(&before));
  second.reset();
  EXPECT_FALSE(slots.IsRead(&before));
  EXPECT_TRUE(slots.IsRead(&after));
}

TEST(PublisherSlots, CountsTheAnswersOfAllSlots) {
  PublisherSlots slots;
  const int object = 0;
  const std::atomic<const int*> current{&object};
  PublisherSlots::Claim<int> one(slots, current);
  PublisherSlots::Claim<int> other(slots, current);
  one.slot().CountAnswer(PublishResult::kAccepted);
  other.slot().CountAnswer(PublishResult::kAccepted);
  other.slot().CountAnswer(PublishResult::kInvalid);
  EXPECT_EQ(slots.Answers(PublishResult::kAccepted), 2u);
  EXPECT_EQ(slots.Answers(PublishResult::kInvalid), 1u);
  EXPECT_EQ(slots.Answers(PublishResult::kClosed), 0u);
}

// More threads than places, and a writer that ends whatever nobody reads. Memory is not reused, so that what
// has ended can be told.
TEST(PublisherSlots, NothingEndsWhileItIsRead) {
  struct Object {
    std::atomic<bool> ended{false};
  };
  constexpr int kReaders = 20;
  std::vector<Object> objects(5'000);
  PublisherSlots slots;
  std::atomic<const Object*> current{&objects[0]};
  std::atomic<bool> done{false};
  std::atomic<int> broken{0};
  std::atomic<uint64_t> claims{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      while (!done.load()) {
        const PublisherSlots::Claim<Object> claim(slots, current);
        claims.fetch_add(1);
        broken += claim.object().ended.load() ? 1 : 0;
        std::this_thread::yield();  // the writer's turn, in the middle of a claim
        broken += claim.object().ended.load() ? 1 : 0;
      }
    });
  }
  std::vector<Object*> replaced;
  for (size_t i = 1; i < objects.size(); ++i) {
    for (const uint64_t seen = claims.load(); claims.load() == seen;) std::this_thread::yield();
    replaced.push_back(&objects[i - 1]);
    current.store(&objects[i]);
    std::erase_if(replaced, [&](Object* object) {
      if (slots.IsRead(object)) return false;
      object->ended.store(true);
      return true;
    });
    ASSERT_LE(replaced.size(), static_cast<size_t>(kReaders));
  }
  done.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(broken.load(), 0);
  for (Object* const object : replaced) EXPECT_FALSE(slots.IsRead(object));
}

}  // namespace
}  // namespace routebench::coordinator
