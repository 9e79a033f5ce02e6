// R10: who of several gets an event.
#include "events/routing/balancer.h"

#include <atomic>
#include <deque>
#include <latch>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::routing {
namespace {

using ::testing::ElementsAre;

constexpr int kEvents = 100'000;
const TimePoint kNow = FromNanos(1'000'000'000);

class BalancerTest : public ::testing::Test {
 protected:
  Service& Add(Health health = Health::kHealthy, double weight = 1, int32_t priority = 0,
               uint32_t max_concurrent = 0) {
    services_.emplace_back(
        ServiceSettings{.id = "s", .priority = priority, .weight = weight, .max_concurrent = max_concurrent},
        std::make_unique<CircuitBreaker>(CircuitBreakerOptions::Default()));
    services_.back().health = health;
    candidates_.push_back(&services_.back());
    return services_.back();
  }

  std::vector<double> Shares(Balancer& balancer) {
    std::vector<double> shares(candidates_.size());
    for (int n = 0; n < kEvents; ++n) {
      const auto pick = balancer.Pick(candidates_, kNow);
      EXPECT_TRUE(pick.has_value());
      if (!pick.has_value()) break;
      shares[*pick] += 1.0 / kEvents;
    }
    return shares;
  }

  static void OpenBreaker(Service& service) {
    for (int i = 0; i < 5; ++i) service.breaker->Failed(*service.breaker->Admit(kNow), kNow);
    ASSERT_EQ(service.breaker->state(), CircuitBreaker::State::kOpen);
  }

  std::deque<Service> services_;
  std::vector<Service*> candidates_;
};

TEST_F(BalancerTest, RoundRobinGivesEqualShares) {
  for (int i = 0; i < 7; ++i) Add();
  Balancer balancer(Balancing::kRoundRobin, 1);
  for (const double share : Shares(balancer)) EXPECT_NEAR(share, 1.0 / 7, 0.0001);
}

TEST_F(BalancerTest, RoundRobinIsFairWhenGroupsTakeTurns) {
  for (int i = 0; i < 4; ++i) Add();
  // Two groups in strict alternation: a counter modulo the size would always hit the same member of each.
  const std::vector<Service*> first = {candidates_[0], candidates_[1]};
  const std::vector<Service*> second = {candidates_[2], candidates_[3]};
  Balancer balancer(Balancing::kRoundRobin, 1);
  std::vector<int> picks(4);
  for (int n = 0; n < 1000; ++n) {
    ++picks[*balancer.Pick(first, kNow)];
    ++picks[2 + *balancer.Pick(second, kNow)];
  }
  EXPECT_THAT(picks, ElementsAre(500, 500, 500, 500));
}

TEST_F(BalancerTest, RoundRobinByManyThreadsGivesEqualShares) {
  for (int i = 0; i < 3; ++i) Add();
  Balancer balancer(Balancing::kRoundRobin, 1);
  std::vector<std::atomic<int>> picks(3);
  std::latch start(4);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      start.arrive_and_wait();
      for (int n = 0; n < 3000; ++n) ++picks[*balancer.Pick(candidates_, kNow)];
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& count : picks) EXPECT_NEAR(count, 4000, 40);
}

TEST_F(BalancerTest, WeightsGiveShares) {
  for (const double weight : {1.0, 2.0, 0.5, 6.5}) Add(Health::kHealthy, weight);
  Balancer balancer(Balancing::kWeightedRandom, 7);
  const std::vector<double> shares = Shares(balancer);
  EXPECT_NEAR(shares[0], 0.10, 0.01);
  EXPECT_NEAR(shares[1], 0.20, 0.01);
  EXPECT_NEAR(shares[2], 0.05, 0.01);
  EXPECT_NEAR(shares[3], 0.65, 0.01);
}

TEST_F(BalancerTest, TheSeedDeterminesTheChoices) {
  for (int i = 0; i < 5; ++i) Add();
  const auto picks = [&](uint64_t seed) {
    Balancer balancer(Balancing::kWeightedRandom, seed);
    std::vector<size_t> all;
    for (int n = 0; n < 100; ++n) all.push_back(*balancer.Pick(candidates_, kNow));
    return all;
  };
  EXPECT_EQ(picks(3), picks(3));
  EXPECT_NE(picks(3), picks(4));
}

TEST_F(BalancerTest, NoChoiceUsesUpNoChance) {
  for (int i = 0; i < 5; ++i) Add();
  Balancer balancer(Balancing::kWeightedRandom, 3);
  for (int n = 0; n < 100; ++n) {
    const auto peek = balancer.Peek(candidates_, kNow);
    EXPECT_EQ(balancer.Pick({}, kNow), std::nullopt);
    EXPECT_EQ(balancer.Pick(candidates_, kNow), peek);
  }
}

TEST_F(BalancerTest, LeastConnectionsFollowsWhatIsInFlight) {
  for (const uint32_t in_flight : {3, 1, 2}) Add().in_flight = in_flight;
  Balancer balancer(Balancing::kLeastConnections, 1);
  std::vector<size_t> picks;
  for (int n = 0; n < 6; ++n) {
    picks.push_back(*balancer.Pick(candidates_, kNow));
    ++candidates_[picks.back()]->in_flight;
  }
  EXPECT_THAT(picks, ElementsAre(1, 2, 1, 0, 2, 1));  // equals: who has waited longest
}

TEST_F(BalancerTest, LeastConnectionsGivesATenTimesSlowerServiceATenth) {
  // Saturated: 20 events are always in flight; the fast one settles ten where the slow one settles one.
  Add();
  Add();
  Balancer balancer(Balancing::kLeastConnections, 1);
  std::vector<int> settled(2);
  const auto top_up = [&] {
    while (services_[0].in_flight + services_[1].in_flight < 20) {
      ++candidates_[*balancer.Pick(candidates_, kNow)]->in_flight;
    }
  };
  for (int step = 0; step < 10'000; ++step) {
    top_up();
    for (const size_t i : {size_t{0}, size_t{1}}) {
      if ((i == 1 && step % 10 != 0) || services_[i].in_flight == 0) continue;
      --services_[i].in_flight;
      ++settled[i];
    }
  }
  const double ratio = static_cast<double>(settled[0]) / settled[1];
  EXPECT_GE(ratio, 8);
  EXPECT_LE(ratio, 12);
}

TEST_F(BalancerTest, HealthBasedPrefersHealthThenLowLoad) {
  Service& unknown = Add(Health::kUnknown, 1, 0, 10);
  Service& small = Add(Health::kHealthy, 1, 0, 10);
  Service& large = Add(Health::kHealthy, 1, 0, 100);
  Add(Health::kDegraded, 1, 0, 10);
  small.in_flight = 5;
  large.in_flight = 20;
  Balancer balancer(Balancing::kHealthBased, 1);
  EXPECT_EQ(balancer.Pick(candidates_, kNow), 2);
  large.in_flight = 60;
  EXPECT_EQ(balancer.Pick(candidates_, kNow), 1);
  small.health = large.health = Health::kUnhealthy;
  EXPECT_EQ(balancer.Pick(candidates_, kNow), 0);
  unknown.health = Health::kMaintenance;
  EXPECT_EQ(balancer.Pick(candidates_, kNow), 3);
}

TEST_F(BalancerTest, PriorityBasedTakesTheMostPreferredInTurns) {
  Add(Health::kHealthy, 1, 5);
  Service& a = Add(Health::kHealthy, 1, -2);
  Service& b = Add(Health::kHealthy, 1, -2);
  Balancer balancer(Balancing::kPriorityBased, 1);
  EXPECT_EQ(balancer.Pick(candidates_, kNow), 1);
  EXPECT_EQ(balancer.Pick(candidates_, kNow), 2);
  EXPECT_EQ(balancer.Pick(candidates_, kNow), 1);
  a.health = b.health = Health::kUnhealthy;
  EXPECT_EQ(balancer.Pick(candidates_, kNow), 0);
}

// For every strategy and every combination of three healths and breakers: who may be picked at all.
TEST_F(BalancerTest, OnlyWhoMayBePickedIs) {
  for (int i = 0; i < 3; ++i) Add(Health::kHealthy, 1 + i, i, 10);
  OpenBreaker(Add());
  const std::vector<Health> healths = {Health::kHealthy, Health::kDegraded, Health::kUnhealthy,
                                       Health::kMaintenance, Health::kUnknown};
  for (size_t b = 0; b < kBalancingCount; ++b) {
    Balancer balancer(static_cast<Balancing>(b), 1);
    for (int combination = 0; combination < 125; ++combination) {
      std::set<size_t> good, degraded;
      for (int i = 0, rest = combination; i < 3; ++i, rest /= 5) {
        const Health health = healths[static_cast<size_t>(rest % 5)];
        services_[static_cast<size_t>(i)].health = health;
        if (health == Health::kHealthy || health == Health::kUnknown) good.insert(static_cast<size_t>(i));
        if (health == Health::kDegraded) degraded.insert(static_cast<size_t>(i));
      }
      const std::set<size_t>& allowed = good.empty() ? degraded : good;
      for (int n = 0; n < 10; ++n) {
        const auto peek = balancer.Peek(candidates_, kNow);
        const auto pick = balancer.Pick(candidates_, kNow);
        ASSERT_EQ(pick, peek);
        ASSERT_EQ(pick.has_value(), !allowed.empty());
        ASSERT_TRUE(!pick.has_value() || allowed.contains(*pick)) << Name(balancer.balancing());
      }
    }
  }
}

TEST_F(BalancerTest, AServiceWhoseBreakerMayProbeMayBePicked) {
  OpenBreaker(Add());
  Balancer balancer(Balancing::kRoundRobin, 1);
  EXPECT_EQ(balancer.Pick(candidates_, kNow), std::nullopt);
  EXPECT_EQ(balancer.Pick(candidates_, kNow + CircuitBreakerOptions::Default().open_timeout), 0);
  EXPECT_EQ(balancer.Pick({}, kNow), std::nullopt);
}

TEST(Balancing, HasNames) {
  for (size_t b = 0; b < kBalancingCount; ++b) {
    EXPECT_EQ(ParseBalancing(Name(static_cast<Balancing>(b))), static_cast<Balancing>(b));
  }
  EXPECT_EQ(ParseBalancing("fair"), std::nullopt);
}

TEST(Health, HasNames) {
  for (size_t h = 0; h < kHealthCount; ++h) {
    EXPECT_EQ(ParseHealth(Name(static_cast<Health>(h))), static_cast<Health>(h));
  }
  EXPECT_EQ(ParseHealth("ill"), std::nullopt);
}

}  // namespace
}  // namespace routebench::routing
