#include "loadgen/null_router.h"

#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

TEST(NullRouterTest, AcceptsAndDropsEverything) {
  NullRouter router;
  ASSERT_TRUE(router.Register({.id = "reader"}).ok());
  bool called = false;
  const auto subscription = router.Subscribe({.service = "reader"}, [&called](Delivery&) {
    called = true;
    return Verdict::kAck;
  });
  ASSERT_TRUE(subscription.ok());
  Event event;
  for (uint32_t publisher : {0u, 1u, 65u}) {
    event.header.publisher = publisher;
    EXPECT_EQ(router.Publish(event), PublishResult::kAccepted);
  }
  EXPECT_TRUE(router.Drain(Duration::zero()).ok());
  const RouterStatistics statistics = router.Statistics().value();
  EXPECT_EQ(statistics.of(PublishResult::kAccepted), 3u);
  EXPECT_EQ(statistics.books.of(Outcome::kUnrouted), 3u);
  EXPECT_TRUE(statistics.books.balanced());
  EXPECT_FALSE(called);
}

TEST(NullRouterTest, RefusesOnceClosed) {
  NullRouter router;
  ASSERT_TRUE(router.Close(Duration::zero()).ok());
  EXPECT_EQ(router.Publish(Event()), PublishResult::kClosed);
  EXPECT_EQ(router.Statistics()->of(PublishResult::kClosed), 1u);
}

}  // namespace
}  // namespace routebench::loadgen
