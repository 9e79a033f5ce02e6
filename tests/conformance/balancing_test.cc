// R6, R10: which service of a group gets an event.
#include <array>
#include <atomic>
#include <map>

#include "tests/conformance/control_test.h"

namespace routebench::conformance {
namespace {

using ::testing::ElementsAre;

// Counts for each service what it has received.
class BalancingConformanceTest : public ControlConformanceTest {
 protected:
  static constexpr uint64_t kEvents = 100'000;

  // With outcomes for nobody: cheap enough for many events.
  void MakeItCheap() {
    options.outcome_sink = nullptr;
    options.report_delivered = false;
  }

  void AddService(ServiceSpec spec) {
    auto& count = counts_[spec.id];
    count = std::make_shared<std::atomic<uint64_t>>(0);
    MustRegister(spec);
    MustSubscribe({.service = spec.id}, [count](Delivery&) {
      count->fetch_add(1);
      return Verdict::kAck;
    });
  }

  void PublishToGroup(uint64_t count) {
    Event event = NewEvent();
    event.header.addressing = Addressing::kToGroup;
    for (uint64_t i = 0; i < count; ++i) {
      ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
    }
    MustDrain();
  }

  // What each service has received since the last call, by its id.
  std::vector<uint64_t> Counts() {
    std::vector<uint64_t> counts;
    for (const auto& [id, count] : counts_) counts.push_back(count->exchange(0));
    return counts;
  }

  void ExpectShares(const std::vector<double>& shares, double points) {
    const std::vector<uint64_t> counts = Counts();
    ASSERT_EQ(counts.size(), shares.size());
    for (size_t i = 0; i < shares.size(); ++i) {
      EXPECT_NEAR(100.0 * static_cast<double>(counts[i]) / kEvents, 100 * shares[i], points) << i;
    }
  }

  void NewRouter(Balancing balancing) {
    DestroyBackend();
    counts_.clear();
    options.routing.balancing = balancing;
  }

  std::map<std::string, std::shared_ptr<std::atomic<uint64_t>>> counts_;
};

TEST_F(BalancingConformanceTest, R10_RoundRobinKeepsWithinOnePointOfItsShareOverManyEvents) {
  MakeItCheap();
  for (const char* id : {"a", "b", "c", "d"})
    AddService({.id = id, .priority = id[0], .weight = 1.0 * id[0]});
  PublishToGroup(kEvents);
  ExpectShares({0.25, 0.25, 0.25, 0.25}, 1);
}

TEST_F(BalancingConformanceTest, R10_WeightedRandomKeepsWithinThreePointsOfTheWeights) {
  MakeItCheap();
  options.routing.balancing = Balancing::kWeightedRandom;
  AddService({.id = "a", .weight = 1});
  AddService({.id = "b", .weight = 2.5});
  AddService({.id = "c", .weight = 6});
  AddService({.id = "d", .weight = 0.5});
  PublishToGroup(kEvents);
  ExpectShares({0.10, 0.25, 0.60, 0.05}, 3);
}

TEST_F(BalancingConformanceTest, R10_PriorityBasedPrefersTheLowestNumber) {
  options.routing.balancing = Balancing::kPriorityBased;
  AddService({.id = "a", .priority = 7});
  AddService({.id = "b", .priority = -7});
  AddService({.id = "c", .priority = 7});
  PublishToGroup(10);
  EXPECT_THAT(Counts(), ElementsAre(0, 10, 0));
  MustSetHealth("b", Health::kUnhealthy);
  PublishToGroup(10);
  EXPECT_THAT(Counts(), ElementsAre(5, 0, 5));
}

TEST_F(BalancingConformanceTest, R10_TheUnhealthyAreNeverPickedAndTheDegradedLast) {
  for (size_t b = 0; b < kBalancingCount; ++b) {
    NewRouter(static_cast<Balancing>(b));
    for (const char* id : {"a", "b", "c"}) AddService({.id = id});
    MustSetHealth("a", Health::kUnhealthy);
    MustSetHealth("b", Health::kDegraded);
    MustSetHealth("c", Health::kHealthy);
    PublishToGroup(20);
    EXPECT_THAT(Counts(), ElementsAre(0, 0, 20)) << b;
    MustSetHealth("c", Health::kMaintenance);
    PublishToGroup(20);
    EXPECT_THAT(Counts(), ElementsAre(0, 20, 0)) << b;
    MustSetHealth("b", Health::kUnhealthy);
    PublishToGroup(20);
    EXPECT_THAT(Counts(), ElementsAre(0, 0, 0)) << b;
    EXPECT_EQ(RouterBooks().of(Outcome::kUnrouted), 20) << b;
    MustSetHealth("a", Health::kUnknown);
    PublishToGroup(20);
    EXPECT_THAT(Counts(), ElementsAre(20, 0, 0)) << b;
  }
}

TEST_F(BalancingConformanceTest, R10_HealthBasedPrefersTheHealthyToTheUnknown) {
  options.routing.balancing = Balancing::kHealthBased;
  AddService({.id = "a"});
  AddService({.id = "b"});
  PublishToGroup(10);
  EXPECT_THAT(Counts(), ElementsAre(5, 5));
  MustSetHealth("b", Health::kHealthy);
  PublishToGroup(10);
  EXPECT_THAT(Counts(), ElementsAre(0, 10));
}

// Services whose events stay in flight until the test answers them.
class InFlightConformanceTest : public BalancingConformanceTest {
 protected:
  using Answers = testing::Recorder<std::shared_ptr<Acknowledger>>;

  void AddDeferring(const ServiceSpec& spec, const Answers& open) {
    MustRegister(spec);
    MustSubscribe({.service = spec.id}, [open](Delivery& delivery) {
      open.Add(std::make_shared<Acknowledger>(delivery.Defer()));
      return Verdict::kDeferred;
    });
  }

  void Publish(uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) {
      Event event = NewEvent();
      event.header.addressing = Addressing::kToGroup;
      ASSERT_EQ(publisher().Publish(event), PublishResult::kAccepted);
    }
    published_ += count;
  }

  // The next `count` answers of a service, in the order of its events. The routing side knows them
  // afterwards.
  void Answer(const Answers& open, size_t& answered, size_t count) {
    ASSERT_TRUE(open.AwaitCount(answered + count));
    const auto all = open.Items();
    for (size_t i = 0; i < count; ++i) EXPECT_TRUE(all[answered++]->Acknowledge());
    settled_ += count;
    ASSERT_TRUE(outcomes().Await(Outcome::kDelivered, settled_));
  }

  uint64_t published_ = 0;
  uint64_t settled_ = 0;
};

// Both are always at work; the fast one answers ten events where the slow one answers one.
TEST_F(InFlightConformanceTest, R10_LeastConnectionsFollowsTheSpeedOfTheServices) {
  options.routing.balancing = Balancing::kLeastConnections;
  const Answers fast, slow;
  AddDeferring({.id = "fast"}, fast);
  AddDeferring({.id = "slow"}, slow);
  size_t fast_answered = 0, slow_answered = 0;
  Publish(22);
  ASSERT_TRUE(fast.AwaitCount(11));
  ASSERT_TRUE(slow.AwaitCount(11));
  for (int round = 0; round < 100; ++round) {
    ASSERT_NO_FATAL_FAILURE(Answer(fast, fast_answered, 10));
    ASSERT_NO_FATAL_FAILURE(Answer(slow, slow_answered, 1));
    Publish(11);
  }
  ASSERT_TRUE(fast.Await([&](const auto& f) { return f.size() + slow.Items().size() == published_; }));
  const double ratio = static_cast<double>(fast.Items().size()) / static_cast<double>(slow.Items().size());
  EXPECT_GE(ratio, 8);
  EXPECT_LE(ratio, 12);
  Answer(fast, fast_answered, fast.Items().size() - fast_answered);
  Answer(slow, slow_answered, slow.Items().size() - slow_answered);
  MustDrain();
}

// Also where nobody wants to be told of deliveries, and no other event follows that could bring the news.
TEST_F(InFlightConformanceTest, R10_AnAnswerCountsAtOnce) {
  options.routing.balancing = Balancing::kLeastConnections;
  options.report_delivered = false;
  const Answers a, b;
  AddDeferring({.id = "a"}, a);
  AddDeferring({.id = "b"}, b);
  Publish(2);
  ASSERT_TRUE(a.AwaitCount(1));
  ASSERT_TRUE(b.AwaitCount(1));
  Event event = NewEvent();
  event.header.addressing = Addressing::kToGroup;
  const auto picked = [&] {
    const auto explanation = control().Explain(event);
    return explanation.ok() ? explanation->picked : std::string();
  };
  EXPECT_EQ(picked(), "a");
  EXPECT_TRUE(b.Items().front()->Acknowledge());
  EXPECT_TRUE(AdvanceUntil([&] { return picked() == "b"; }));
  EXPECT_TRUE(a.Items().front()->Acknowledge());
  MustDrain();
}

// Relative to what each may have in hand.
TEST_F(InFlightConformanceTest, R10_HealthBasedPrefersTheLowerLoad) {
  options.routing.balancing = Balancing::kHealthBased;
  const Answers large, small;
  AddDeferring({.id = "large", .max_concurrent = 30}, large);
  AddDeferring({.id = "small", .max_concurrent = 10}, small);
  Publish(40);
  ASSERT_TRUE(large.AwaitCount(30));
  ASSERT_TRUE(small.AwaitCount(10));
  size_t large_answered = 0, small_answered = 0;
  ASSERT_NO_FATAL_FAILURE(Answer(large, large_answered, 30));
  ASSERT_NO_FATAL_FAILURE(Answer(small, small_answered, 10));
  MustDrain();
  EXPECT_EQ(large.Items().size(), 30);
}

}  // namespace
}  // namespace routebench::conformance
