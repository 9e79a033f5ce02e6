#include "loadgen/addresses.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "loadgen/input.h"
#include "loadgen/options.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

class AddressesTest : public ::testing::Test {
 protected:
  record::RunPlan PlanOf(const std::string& addressing, uint32_t targets = 1, uint64_t seed = 1) {
    RunOptions options;
    options.rate = "1k/s";
    options.duration = "1s";
    options.warmup = "0s";
    options.services = 20;
    options.seed = seed;
    options.addressing = addressing;
    if (addressing == "to-targets") options.targets = targets;
    return MakePlan(options).value();
  }
  // Every event of the plan's schedule as it is addressed.
  static std::vector<Event> Addressed(record::RunPlan plan) {
    const Input input = ReadInput(plan).value();
    const Addresses addresses(plan, input.schedule, input.corpus);
    std::vector<Event> events;
    for (size_t i = 0; i < input.schedule.events.size(); ++i) {
      events.push_back(input.corpus.events()[input.corpus.EventOf(i)]);
      addresses.Write(i, events.back());
    }
    return events;
  }
};

TEST_F(AddressesTest, ToAllAndToGroupNameNobody) {
  for (const Event& event : Addressed(PlanOf("to-all"))) {
    ASSERT_EQ(event.header.addressing, Addressing::kToAll);
    ASSERT_TRUE(event.attributes->targets.empty());
  }
  for (const Event& event : Addressed(PlanOf("to-group"))) {
    ASSERT_EQ(event.header.addressing, Addressing::kToGroup);
    ASSERT_TRUE(event.attributes->targets.empty());
  }
}

TEST_F(AddressesTest, TargetsTakeTheCategoryAndAreDistinct) {
  const record::RunPlan plan = PlanOf("to-targets", 2);
  for (const Event& event : Addressed(plan)) {
    ASSERT_EQ(event.header.addressing, Addressing::kToTargets);
    const auto takers = TakersOf(plan, CategoryOf(event.header.kind));
    const std::vector<std::string>& targets = event.attributes->targets;
    ASSERT_EQ(targets.size(), 2u);
    EXPECT_NE(targets[0], targets[1]);
    for (const std::string& target : targets)
      EXPECT_EQ(std::count(takers.begin(), takers.end(), target), 1) << target;
  }
}

TEST_F(AddressesTest, EveryTakerIsNamedAboutEquallyOften) {
  const record::RunPlan plan = PlanOf("to-targets");
  std::map<std::string, int> named;
  int filesystem = 0;
  for (const Event& event : Addressed(plan)) {
    if (CategoryOf(event.header.kind) != Category::kFilesystem) continue;
    ++filesystem;
    ++named[event.attributes->targets[0]];
  }
  const auto takers = TakersOf(plan, Category::kFilesystem);
  ASSERT_GE(takers.size(), 3u);
  const double share = static_cast<double>(filesystem) / static_cast<double>(takers.size());
  for (const std::string& taker : takers) EXPECT_NEAR(named[taker], share, 5 * std::sqrt(share)) << taker;
}

TEST_F(AddressesTest, AreTheSameForTheSameSeedOnly) {
  const auto targets = [this](uint64_t seed) {
    std::vector<std::string> all;
    for (const Event& event : Addressed(PlanOf("to-targets", 1, seed)))
      all.push_back(event.attributes->targets[0]);
    return all;
  };
  EXPECT_EQ(targets(1), targets(1));
  EXPECT_NE(targets(1), targets(2));
}

TEST_F(AddressesTest, EqualSetsAreOneObject) {
  std::set<const Attributes*> objects;
  std::set<std::pair<std::string, std::string>> contents;
  for (const Event& event : Addressed(PlanOf("to-targets"))) {
    objects.insert(event.attributes.get());
    contents.emplace(event.attributes->source.id, event.attributes->targets[0]);
  }
  EXPECT_EQ(objects.size(), contents.size());
}

TEST_F(AddressesTest, MoreTargetsThanTakersAreAllOfThem) {
  const record::RunPlan plan = PlanOf("to-targets", 1000);
  for (const Event& event : Addressed(plan))
    ASSERT_EQ(event.attributes->targets.size(), TakersOf(plan, CategoryOf(event.header.kind)).size());
}

TEST_F(AddressesTest, WhatNobodyTakesIsSentToAllAndEndsUnrouted) {
  record::RunPlan plan = PlanOf("to-targets");
  PlanServices(1, plan);
  uint64_t to_all = 0;
  for (const Event& event : Addressed(plan)) {
    const bool taken = !TakersOf(plan, CategoryOf(event.header.kind)).empty();
    EXPECT_EQ(event.header.addressing, taken ? Addressing::kToTargets : Addressing::kToAll);
    to_all += taken ? 0 : 1;
  }
  EXPECT_GT(to_all, 0u);
}

TEST(ReceiversByKindTest, FollowTheAddressing) {
  RunOptions options;
  options.services = 30;
  options.mix = "filesystem=100";
  const auto receivers = [&](const std::string& addressing, std::optional<uint32_t> targets) {
    options.addressing = addressing;
    options.targets = targets;
    return ReceiversByKind(MakePlan(options).value())[static_cast<size_t>(EventKind::kFileModified)];
  };
  EXPECT_EQ(receivers("to-all", std::nullopt), 30u);
  EXPECT_EQ(receivers("to-group", std::nullopt), 1u);
  EXPECT_EQ(receivers("to-targets", 7), 7u);
  EXPECT_EQ(receivers("to-targets", 70), 30u);
}

}  // namespace
}  // namespace routebench::loadgen
