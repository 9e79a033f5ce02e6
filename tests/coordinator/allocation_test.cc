// The coordinator's path allocates nothing per event in a steady state: publisher and handlers together.
#include <atomic>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "coordinator/data_coordinator.h"
#include "coordinator/inline_router.h"
#include "events/payloads/sample.h"
#include "gtest/gtest.h"
#include "tests/support/allocations.h"

namespace routebench {
namespace {

using testing::Allocations;

// Less than what queues and pools grow to for it, so that the few events of the burst before that are still
// in hand need nothing new.
constexpr uint64_t kBurst = 500;

enum class FirstBurst { kWaitsInTheQueues, kPassesAtOnce };

// Publishes bursts that fit the queues; each is handled before the next begins.
class Flow {
 public:
  Flow(EventRouter& router, size_t subscriptions, FirstBurst first)
      : router_(router), subscriptions_(subscriptions), held_(first == FirstBurst::kWaitsInTheQueues) {
    EXPECT_TRUE(router.Register({.id = "readers"}).ok());
    for (size_t i = 0; i < subscriptions; ++i) {
      const auto subscription =
          router.Subscribe({.service = "readers", .capacity = 2 * kBurst}, [this](Delivery& delivery) {
            held_.wait(true);
            bytes_.fetch_add(delivery.event().payload.encoded_size());
            handled_.fetch_add(1);
            handled_.notify_one();
            return Verdict::kAck;
          });
      EXPECT_TRUE(subscription.ok()) << subscription.status();
    }
    auto attributes = std::make_shared<Attributes>();
    attributes->source.id = "allocation-test";
    for (uint64_t seed = 0; seed < 16; ++seed) {
      Event& event = events_.emplace_back();
      event.header.kind = EventKind::kRecordUpdated;
      event.header.id = {1, seed + 1};
      event.attributes = attributes;
      event.payload = SamplePayload(EventKind::kRecordUpdated, 512, seed).value();
    }
  }

  void Bursts(int count) {
    for (int burst = 0; burst < count; ++burst) {
      for (uint64_t i = 0; i < kBurst; ++i) {
        if (router_.Publish(events_[i % events_.size()]) != PublishResult::kAccepted) std::abort();
      }
      held_.store(false);
      held_.notify_all();
      expected_ += kBurst * subscriptions_;
      for (uint64_t seen = handled_.load(); seen < expected_; seen = handled_.load()) handled_.wait(seen);
    }
  }
  uint64_t bytes() const { return bytes_.load(); }

 private:
  EventRouter& router_;
  const size_t subscriptions_;
  std::vector<Event> events_;
  std::atomic<bool> held_;
  std::atomic<uint64_t> handled_{0};
  std::atomic<uint64_t> bytes_{0};
  uint64_t expected_ = 0;
};

void ExpectNoAllocations(EventRouter& router, size_t subscriptions,
                         FirstBurst first = FirstBurst::kWaitsInTheQueues) {
  Flow flow(router, subscriptions, first);
  flow.Bursts(20);
  const uint64_t bytes_before = flow.bytes();
  const Allocations before = Allocations::OfAllThreads();
  flow.Bursts(20);
  const Allocations used = Allocations::OfAllThreads() - before;
  EXPECT_EQ(used.count, 0u) << used.bytes << " bytes";
  EXPECT_EQ(flow.bytes() - bytes_before, 20 * kBurst * subscriptions * 512);
  EXPECT_TRUE(router.Close(std::chrono::seconds(10)).ok());
}

TEST(CoordinatorAllocation, OneSubscription) {
  DataCoordinator router(RouterOptions{.handler_threads = 1});
  ExpectNoAllocations(router, 1);
}

TEST(CoordinatorAllocation, SeveralSubscriptionsOnSeveralThreads) {
  DataCoordinator router(RouterOptions{.handler_threads = 3});
  ExpectNoAllocations(router, 5);
}

TEST(CoordinatorAllocation, EveryEventSampled) {
  DataCoordinator router(RouterOptions{.handler_threads = 1, .stage_sampling = 1});
  ExpectNoAllocations(router, 2);
}

TEST(CoordinatorAllocation, Inline) {
  InlineRouter router(RouterOptions{});
  ExpectNoAllocations(router, 2, FirstBurst::kPassesAtOnce);
}

}  // namespace
}  // namespace routebench
