#include "events/routing/directory.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> Told(const std::vector<ServiceChange>& changes) {
  std::vector<std::string> told;
  for (const ServiceChange& change : changes) {
    told.push_back(std::to_string(change.sequence) + " " + std::to_string(static_cast<int>(change.kind)) +
                   " " + change.state->spec.id + " " + std::string(Name(change.state->health)));
  }
  return told;
}

TEST(DirectoryTest, NotesEveryChangeOnce) {
  Directory directory{RoutingOptions()};
  ASSERT_TRUE(directory.Register({.id = "b"}).ok());
  ASSERT_TRUE(directory.Register({.id = "a"}).ok());
  EXPECT_EQ(directory.Register({.id = "a"}).code(), absl::StatusCode::kAlreadyExists);
  ASSERT_TRUE(directory.SetHealth("a", Health::kDegraded).ok());
  ASSERT_TRUE(directory.SetHealth("a", Health::kDegraded).ok());
  EXPECT_THAT(Told(directory.TakeChanges()), ElementsAre("1 0 b unknown", "2 0 a unknown", "3 2 a degraded"));
  EXPECT_THAT(Told(directory.Present()), ElementsAre("3 0 b unknown", "3 0 a degraded"));
  EXPECT_EQ(directory.Find("a")->health.load(), Health::kDegraded);
  ASSERT_TRUE(directory.Deregister("a").ok());
  EXPECT_EQ(directory.Deregister("a").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(directory.SetHealth("a", Health::kHealthy).code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(Told(directory.TakeChanges()), ElementsAre("4 1 a degraded"));
  EXPECT_THAT(directory.TakeChanges(), IsEmpty());
  EXPECT_EQ(directory.Find("a"), nullptr);
}

TEST(DirectoryTest, AServiceHasTheSettingsItWasRegisteredWith) {
  Directory directory{RoutingOptions()};
  ASSERT_TRUE(directory
                  .Register({.id = "a",
                             .supports = KindSet::Of(Category::kMcp),
                             .max_concurrent = 7,
                             .priority = -3,
                             .weight = 0.5,
                             .filters = {{.expression = "size < 5"}}})
                  .ok());
  const ServiceSettings& settings = directory.Find("a")->settings;
  EXPECT_EQ(settings.id, "a");
  EXPECT_EQ(settings.supports.bits(), KindSet::Of(Category::kMcp).bits());
  EXPECT_EQ(settings.max_concurrent, 7);
  EXPECT_EQ(settings.priority, -3);
  EXPECT_EQ(settings.weight, 0.5);
  EXPECT_THAT(settings.filters.alternatives(), SizeIs(1));
}

TEST(DirectoryTest, TheRevisionTellsWhenATableIsOld) {
  Directory directory{RoutingOptions()};
  ASSERT_TRUE(directory.Register({.id = "a"}).ok());
  uint64_t revision = directory.rules_revision();
  const auto has_changed = [&] {
    return directory.rules_revision() != std::exchange(revision, directory.rules_revision());
  };
  EXPECT_FALSE(directory.AddRule({.id = "r", .targets = {"b"}}).ok());
  EXPECT_FALSE(directory.RemoveRule("r").ok());
  EXPECT_FALSE(has_changed());
  ASSERT_TRUE(directory.AddRule({.id = "r", .targets = {"a"}}).ok());
  EXPECT_TRUE(has_changed());
  ASSERT_TRUE(directory.SetRuleEnabled("r", false).ok());
  EXPECT_TRUE(has_changed());
  ASSERT_TRUE(directory.RemoveRule("r").ok());
  EXPECT_TRUE(has_changed());
  EXPECT_THAT(directory.MakeTable({}).rules(), IsEmpty());
}

TEST(DirectoryTest, ARuleKeepsItsCountWhenItIsDisabled) {
  Directory directory{RoutingOptions()};
  ASSERT_TRUE(directory.Register({.id = "a"}).ok());
  ASSERT_TRUE(directory.AddRule({.id = "r", .targets = {"a"}}).ok());
  directory.MakeTable({}).rules().front()->CountRouted();
  ASSERT_TRUE(directory.SetRuleEnabled("r", false).ok());
  directory.MakeTable({}).rules().front()->CountRouted();
  RouterStatistics statistics;
  directory.Complete({}, statistics);
  ASSERT_THAT(statistics.rules, SizeIs(1));
  EXPECT_EQ(statistics.rules.front().routed, 2);
}

TEST(DirectoryTest, KeepsTheBooksOfAServiceAsLongAsItIsRegistered) {
  Directory directory{RoutingOptions()};
  ASSERT_TRUE(directory.Register({.id = "a"}).ok());
  const auto first = directory.Find("a");
  Books one;
  one.routed = 1;
  directory.AddPast(*first, one);
  const auto routed = [&](const Service* current) {
    RouterStatistics statistics;
    directory.Complete({{current, one}}, statistics);
    return statistics.services.front().books.routed;
  };
  EXPECT_EQ(routed(first.get()), 2);
  ASSERT_TRUE(directory.Deregister("a").ok());
  ASSERT_TRUE(directory.Register({.id = "a"}).ok());
  directory.AddPast(*first, one);  // settled late: of the service that is gone
  EXPECT_EQ(routed(first.get()), 0);
  EXPECT_EQ(routed(directory.Find("a").get()), 1);
}

TEST(DirectoryTest, CountsWhatIsInFlightOnlyWhereADecisionLooksAtIt) {
  for (size_t b = 0; b < kBalancingCount; ++b) {
    const auto balancing = static_cast<Balancing>(b);
    Directory directory{RoutingOptions{.balancing = balancing}};
    ASSERT_TRUE(directory.Register({.id = "limited", .max_concurrent = 1}).ok());
    ASSERT_TRUE(directory.Register({.id = "free"}).ok());
    EXPECT_TRUE(directory.CountsInFlight(*directory.Find("limited"))) << Name(balancing);
    EXPECT_EQ(directory.CountsInFlight(*directory.Find("free")), balancing == Balancing::kLeastConnections);
  }
}

TEST(DirectoryTest, ItsLimitsFreeUpAgain) {
  Directory directory{RoutingOptions{.max_services = 1, .max_rules = 1, .max_text = 100}};
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(directory.Register({.id = "a", .type = std::string(40, 't')}).ok());
    EXPECT_EQ(directory.Register({.id = "b"}).code(), absl::StatusCode::kResourceExhausted);
    ASSERT_TRUE(directory.AddRule({.id = "r", .name = std::string(40, 'n'), .targets = {"a"}}).ok());
    EXPECT_EQ(directory.AddRule({.id = "s", .targets = {"a"}}).code(), absl::StatusCode::kResourceExhausted);
    ASSERT_TRUE(directory.RemoveRule("r").ok());
    EXPECT_EQ(directory.AddRule({.id = "r", .name = std::string(60, 'n'), .targets = {"a"}}).code(),
              absl::StatusCode::kResourceExhausted);
    ASSERT_TRUE(directory.Deregister("a").ok());
  }
}

}  // namespace
}  // namespace routebench::routing
