#include "loadgen/options_stages.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loadgen/options.h"

namespace routebench::loadgen {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<record::RunPlan> PlanOf(std::vector<std::string> arguments) {
  CLI::App app;
  RunOptions options;
  AddRunFlags(app, options);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes a vector from its back
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return MakePlan(options);
}

TEST(StageOptions, OneIn128ByDefaultAndNothingInjected) {
  const auto plan = PlanOf({});
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->stage_sampling(), 128u);
  EXPECT_TRUE(InjectionOf(*plan).empty());
  EXPECT_EQ(PlanOf({"--stages", "0"})->stage_sampling(), 0u);
}

TEST(StageOptions, WhatIsInjectedIsInThePlan) {
  const auto plan = PlanOf({"--backend", "daemon", "--inject-delay", "routed:20us,handled:1ms",
                            "--inject-freeze", "written:1s:200ms"});
  ASSERT_TRUE(plan.ok()) << plan.status();
  const StageInjection expected{
      .delays = {{StageMark::kRouted, std::chrono::microseconds(20)},
                 {StageMark::kHandled, std::chrono::milliseconds(1)}},
      .freezes = {{StageMark::kWritten, std::chrono::seconds(1), std::chrono::milliseconds(200)}}};
  EXPECT_EQ(InjectionOf(*plan), expected);
}

TEST(StageOptions, MarksMustBeThoseOfTheBackend) {
  EXPECT_TRUE(PlanOf({"--inject-delay", "routed:1us"}).ok());
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--inject-delay", "written:1us"},
           {"--inject-delay", "due:1us"},
           {"--inject-delay", "routed"},
           {"--inject-delay", "routed:1us:2us"},
           {"--inject-delay", "routed:1"},
           {"--inject-delay", "routed:1us,"},
           {"--inject-freeze", "handled:1s"},
           {"--inject-freeze", "arrived:1s:1s"},
           {"--backend", "null", "--inject-delay", "sent:1us"},
           {"--backend", "daemon", "--inject-delay", "due:1us"},
           {"--backend", "daemon", "--endpoint", "/somewhere", "--inject-delay", "routed:1us"}}) {
    const auto plan = PlanOf(arguments);
    EXPECT_FALSE(plan.ok()) << arguments.back();
    EXPECT_THAT(std::string(plan.status().message()), HasSubstr("--inject-")) << arguments.back();
  }
  EXPECT_TRUE(
      PlanOf({"--backend", "daemon", "--endpoint", "/somewhere", "--inject-delay", "handled:1us"}).ok());
}

}  // namespace
}  // namespace routebench::loadgen
