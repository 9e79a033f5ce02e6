// The five forms of one report, byte for byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "analysis/report/model.h"
#include "analysis/report/renderers.h"
#include "golden.h"
#include "sample_record.h"

namespace routebench::report {
namespace {

using ::routebench::testing::ExpectGolden;
using ::routebench::testing::MakeRecord;
using ::routebench::testing::SampleRun;
using ::testing::HasSubstr;
using ::testing::Not;

using Runs = std::vector<Run>;  // inside a test, Run is GoogleTest's

// A planned cell with a verdict and an exploratory one with a loss, a floor and an invalid run.
Runs SampleRuns() {
  std::vector<Run> runs;
  const auto add = [&](const SampleRun& sample) -> Run& {
    Run run;
    run.record = MakeRecord(sample);
    run.arm = sample.backend;
    run.path = absl::StrCat(sample.pattern, "-", sample.block, "-", sample.backend, ".run");
    runs.push_back(run);
    return runs.back();
  };
  for (uint32_t block = 1; block <= 12; ++block) {
    const double noise = 1 + 0.01 * static_cast<double>(block % 4);
    add({.pattern = "mixed", .block = block, .scale = noise, .stages = true});
    add({.backend = "daemon:unix",
         .pattern = "mixed",
         .block = block,
         .scale = 1.4 * noise * noise,
         .stages = true});
  }
  for (uint32_t block = 1; block <= 2; ++block) {
    add({.pattern = "spike", .block = block, .planned_blocks = 2, .primary_metric = ""});
    add({.backend = "daemon:unix",
         .pattern = "spike",
         .block = block,
         .planned_blocks = 2,
         .primary_metric = "",
         .scale = 0.9,
         .lost = 250});
  }
  add({.backend = "null",
       .pattern = "spike",
       .block = 1,
       .planned_blocks = 2,
       .primary_metric = "",
       .scale = 0.01});
  Run& invalid = add({.pattern = "spike", .block = 3, .planned_blocks = 2, .primary_metric = ""});
  invalid.invalid = {"self_lag: p99 of 3 ms against a measured p99 of <4 ms>"};
  return runs;
}

TEST(ReportText, IsTheGoldenOne) {
  const auto report = BuildReport(SampleRuns());
  ASSERT_TRUE(report.ok()) << report.status();
  ExpectGolden(RenderTable(*report), "report_table.txt");
  ExpectGolden(RenderMarkdown(*report), "report.md");
  ExpectGolden(RenderHtml(*report), "report.html");
  ExpectGolden(RenderJson(*report), "report.json");
  ExpectGolden(RenderCsv(*report), "report.csv");
}

TEST(RenderJson, IsWellFormedWithNullForWhatIsNotFinite) {
  const auto report = BuildReport(SampleRuns());
  const auto json = nlohmann::json::parse(RenderJson(*report));
  EXPECT_EQ(json["schema"], "routebench.report.v1");
  EXPECT_EQ(json["cells"].size(), 2u);
  EXPECT_TRUE(json["cells"][1]["metrics"][3]["improvement"].is_null());  // p99 of a daemon that lost 1.25 %
}

TEST(Renderers, EscapeWhatComesFromRecords) {
  Runs runs = SampleRuns();
  for (auto& run : runs) {
    run.record.mutable_environment()->set_cpu_model("<script>alert(1)</script>");
    run.record.mutable_campaign()->set_cell("a|b\n\"c\", <i>d");
  }
  runs.erase(runs.begin() + 24, runs.end());
  const auto report = BuildReport(runs);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(RenderHtml(*report), Not(HasSubstr("<script>")));
  EXPECT_THAT(RenderMarkdown(*report), Not(HasSubstr("<script>")));
  EXPECT_THAT(RenderMarkdown(*report), HasSubstr("## a\\|b \"c\", &lt;i>d:"));
  EXPECT_THAT(RenderCsv(*report), HasSubstr("\"a|b\n\"\"c\"\", <i>d\",coordinator,"));
}

}  // namespace
}  // namespace routebench::report
