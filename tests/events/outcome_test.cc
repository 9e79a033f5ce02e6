#include "events/outcome.h"

#include <set>
#include <string_view>

#include "gtest/gtest.h"

namespace routebench {
namespace {

TEST(Outcome, NamesAreUniqueAndStable) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kOutcomeCount; ++i) names.insert(Name(static_cast<Outcome>(i)));
  EXPECT_EQ(names.size(), kOutcomeCount);
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(Name(Outcome::kDelivered), "delivered");
  EXPECT_EQ(Name(Outcome::kDroppedQueueFull), "dropped_queue_full");
  EXPECT_EQ(Name(Outcome::kLostWithPeer), "lost_with_peer");
}

TEST(PublishResult, NamesAreUniqueAndStable) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kPublishResultCount; ++i) names.insert(Name(static_cast<PublishResult>(i)));
  EXPECT_EQ(names.size(), kPublishResultCount);
  EXPECT_EQ(Name(PublishResult::kAccepted), "accepted");
  EXPECT_EQ(Name(PublishResult::kClosed), "closed");
}

Books OneOfEach() {
  Books books;
  for (size_t i = 0; i < kOutcomeCount; ++i) books.of(static_cast<Outcome>(i)) = i + 1;
  books.in_flight = 5;
  books.routed = 136 + 5;
  return books;
}

TEST(Books, BalanceWhenEveryRoutedEventIsSettledOrInFlight) {
  EXPECT_TRUE(Books().balanced());
  const Books books = OneOfEach();
  EXPECT_EQ(books.settled(), 136u);
  EXPECT_TRUE(books.balanced());
}

TEST(Books, DoNotBalanceWhenAnyFigureIsOff) {
  for (size_t i = 0; i < kOutcomeCount; ++i) {
    Books books = OneOfEach();
    ++books.of(static_cast<Outcome>(i));
    EXPECT_FALSE(books.balanced()) << Name(static_cast<Outcome>(i));
  }
  Books in_flight = OneOfEach();
  --in_flight.in_flight;
  EXPECT_FALSE(in_flight.balanced());
  Books routed = OneOfEach();
  ++routed.routed;
  EXPECT_FALSE(routed.balanced());
}

TEST(Books, AddUpFigureByFigure) {
  Books sum = OneOfEach();
  sum += OneOfEach();
  for (size_t i = 0; i < kOutcomeCount; ++i) EXPECT_EQ(sum.of(static_cast<Outcome>(i)), 2 * (i + 1));
  EXPECT_EQ(sum.in_flight, 10u);
  EXPECT_EQ(sum.routed, 282u);
  EXPECT_TRUE(sum.balanced());
}

}  // namespace
}  // namespace routebench
