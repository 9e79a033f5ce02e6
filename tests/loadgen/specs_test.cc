#include "loadgen/specs.h"

#include "gtest/gtest.h"
#include "loadgen/options.h"

namespace routebench::loadgen {
namespace {

TEST(SpecsTest, RouterOptionsHaveTheHandlerThreadsAndTheBalancer) {
  RunOptions options;
  options.handler_threads = 4;
  EXPECT_EQ(RouterOptionsOf(MakePlan(options).value()).handler_threads, 4u);
  EXPECT_EQ(RouterOptionsOf(MakePlan(options).value()).routing.balancing, Balancing::kRoundRobin);
  options.addressing = "to-group";
  options.balancer = "priority-based";
  EXPECT_EQ(RouterOptionsOf(MakePlan(options).value()).routing.balancing, Balancing::kPriorityBased);
}

TEST(SpecsTest, PlainSubscriptionsAskForNothing) {
  const record::RunPlan plan = MakePlan(RunOptions()).value();
  const SubscriptionSpec subscription = SubscriptionSpecOf(plan, 0, "run");
  EXPECT_EQ(subscription.guarantee, Guarantee::kAtMostOnce);
  EXPECT_EQ(subscription.name, "");
  EXPECT_FALSE(subscription.retry.has_value());
  EXPECT_EQ(subscription.delivery_timeout, Duration::zero());
  EXPECT_EQ(subscription.concurrency, 1u);
  const ServiceSpec service = ServiceSpecOf(plan, 0);
  EXPECT_EQ(service.weight, 1);
  EXPECT_EQ(service.max_concurrent, 0u);
  EXPECT_FALSE(service.breaker.has_value());
}

TEST(SpecsTest, ServicesHaveWeightsInRotationPreferenceAndLimits) {
  RunOptions options;
  options.addressing = "to-group";
  options.balancer = "weighted-random";
  options.weights = "1,2.5";
  options.concurrency = 3;
  options.breaker = "strict";
  const record::RunPlan plan = MakePlan(options).value();
  EXPECT_EQ(ServiceSpecOf(plan, 0).weight, 1);
  EXPECT_EQ(ServiceSpecOf(plan, 1).weight, 2.5);
  EXPECT_EQ(ServiceSpecOf(plan, 2).weight, 1);
  EXPECT_LT(ServiceSpecOf(plan, 0).priority, ServiceSpecOf(plan, 1).priority);
  EXPECT_EQ(ServiceSpecOf(plan, 0).max_concurrent, 3u);
  EXPECT_EQ(SubscriptionSpecOf(plan, 0, "run").concurrency, 3u);
  EXPECT_EQ(ServiceSpecOf(plan, 0).breaker, CircuitBreakerOptions::Strict());
}

TEST(SpecsTest, AtLeastOnceHasNamesOfTheRun) {
  RunOptions options;
  options.delivery = "at-least-once";
  const record::RunPlan plan = MakePlan(options).value();
  const SubscriptionSpec one = SubscriptionSpecOf(plan, 0, "run");
  EXPECT_EQ(one.guarantee, Guarantee::kAtLeastOnce);
  EXPECT_NE(one.name, SubscriptionSpecOf(plan, 1, "run").name);
  EXPECT_NE(one.name, SubscriptionSpecOf(plan, 0, "another run").name);
  EXPECT_EQ(one.name, SubscriptionSpecOf(plan, 0, "run").name);
}

TEST(SpecsTest, RetriesBeginWithTheirBackoff) {
  RunOptions options;
  options.retry = 4;
  options.retry_backoff = "45s";
  options.delivery_timeout = "50ms";
  const SubscriptionSpec subscription = SubscriptionSpecOf(MakePlan(options).value(), 0, "run");
  ASSERT_TRUE(subscription.retry.has_value());
  EXPECT_EQ(subscription.retry->initial, std::chrono::seconds(45));
  EXPECT_TRUE(Validate(*subscription.retry).ok());
  EXPECT_EQ(subscription.delivery_timeout, std::chrono::milliseconds(50));
}

}  // namespace
}  // namespace routebench::loadgen
