// One event from a publisher's process boundary to a handler behind another, over every transport.
#include <atomic>
#include <future>

#include "events/payloads/sample.h"
#include "gtest/gtest.h"
#include "tests/daemon/hosted_daemon.h"

namespace routebench {
namespace {

using testing::HostedDaemon;

Event MakeEvent(EventKind kind, size_t bytes, uint64_t sequence) {
  static const auto attributes = [] {
    auto made = std::make_shared<Attributes>();
    made->source = {.id = "publisher-1", .type = "test", .instance = "1"};
    made->metadata = {{"key", "value"}};
    return made;
  }();
  Event event;
  event.header.id = {1, sequence};
  event.header.sequence = sequence;
  event.header.created = event.header.due = Clock::System().Now();
  event.header.kind = kind;
  event.attributes = attributes;
  event.payload = SamplePayload(kind, bytes, sequence).value();
  return event;
}

class RoundTrip : public ::testing::TestWithParam<std::string_view> {};
INSTANTIATE_TEST_SUITE_P(, RoundTrip, ::testing::ValuesIn(testing::TransportNames()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(RoundTrip, DeliversAnEventUnchanged) {
  HostedDaemon daemon({}, GetParam());
  const auto subscriber = daemon.Connect();
  const auto publisher = daemon.Connect();
  ASSERT_TRUE(subscriber->Register({.id = "receiver"}).ok());
  std::promise<Event> received;
  ASSERT_TRUE(subscriber
                  ->Subscribe({.service = "receiver"},
                              [&](Delivery& delivery) {
                                received.set_value(delivery.event());
                                return Verdict::kAck;
                              })
                  .ok());
  const Event sent = MakeEvent(EventKind::kToolCall, 512, 7);
  ASSERT_EQ(publisher->Publish(sent), PublishResult::kAccepted);
  const Event got = received.get_future().get();
  EXPECT_EQ(got.header.id, sent.header.id);
  EXPECT_EQ(got.header.sequence, 7u);
  EXPECT_EQ(*got.attributes, *sent.attributes);
  EXPECT_EQ(got.payload.encoded_size(), 512u);
  EXPECT_TRUE(publisher->Drain(std::chrono::seconds(30)).ok());
  const auto statistics = publisher->Statistics();
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->books.routed, 1u);
  EXPECT_EQ(statistics->books.of(Outcome::kDelivered), 1u);
  EXPECT_TRUE(statistics->books.balanced());
}

TEST_P(RoundTrip, LosesNothingUnderLoad) {
  constexpr uint64_t kEvents = 200'000;
  HostedDaemon daemon({}, GetParam());
  const auto subscriber = daemon.Connect();
  const auto publisher = daemon.Connect();
  ASSERT_TRUE(subscriber->Register({.id = "receiver"}).ok());
  std::atomic<uint64_t> last = 0;
  std::atomic<uint64_t> gaps = 0;
  ASSERT_TRUE(subscriber
                  ->Subscribe({.service = "receiver", .capacity = 16384},
                              [&](Delivery& delivery) {
                                if (delivery.event().header.sequence != last + 1) ++gaps;
                                last = delivery.event().header.sequence;
                                return Verdict::kAck;
                              })
                  .ok());
  Event event = MakeEvent(EventKind::kToolCall, 512, 1);
  const TimePoint start = Clock::System().Now();
  for (uint64_t i = 1; i <= kEvents; ++i) {
    event.header.sequence = i;
    event.header.id.low = i;
    ASSERT_EQ(publisher->Publish(event), PublishResult::kAccepted);
  }
  ASSERT_TRUE(publisher->Drain(std::chrono::seconds(30)).ok());
  const Duration taken = Clock::System().Now() - start;
  RecordProperty("nanoseconds_per_event", static_cast<int>(taken.count() / static_cast<int64_t>(kEvents)));
  EXPECT_EQ(last, kEvents);
  EXPECT_EQ(gaps, 0u);
}

}  // namespace
}  // namespace routebench
