#include "analysis/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "analysis/record/run_record.h"
#include "sample_record.h"
#include "temporary_directory.h"

namespace routebench::analysis {
namespace {

using ::routebench::testing::MakeRecord;
using ::routebench::testing::SampleRun;
using ::routebench::testing::TemporaryDirectory;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class RunTest : public ::testing::Test {
 protected:
  int Do(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    return analysis::Run(arguments, out_, err_);
  }
  std::string Write(const SampleRun& sample, const std::string& name, bool valid = true) {
    record::RunRecord record = MakeRecord(sample);
    record.mutable_gates(0)->set_passed(valid);
    const std::string path = directory_ / name;
    EXPECT_TRUE(record::WriteRunRecord(record, path).ok());
    return path;
  }
  void WriteCampaign(double factor, uint32_t blocks = 12) {
    for (uint32_t block = 1; block <= blocks; ++block) {
      const double noise = 1 + 0.01 * static_cast<double>(block % 4);
      Write({.block = block, .scale = noise}, absl::StrCat("a", block, ".run"));
      Write({.backend = "daemon:unix", .block = block, .scale = factor * noise * noise},
            absl::StrCat("b", block, ".run"));
    }
  }

  TemporaryDirectory directory_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(RunTest, ReportWritesEveryFormatAndEndsWithItsPath) {
  WriteCampaign(1.5);
  const std::string out = directory_ / "out/report";
  ASSERT_EQ(Do({"report", directory_.path(), "--out", out}), 0) << err_.str();
  for (const char* file : {"report.html", "report.md", "report.json", "report.csv"}) {
    EXPECT_TRUE(std::filesystem::exists(out + "/" + file)) << file;
  }
  EXPECT_THAT(out_.str(), HasSubstr("response p99"));
  EXPECT_THAT(out_.str(), HasSubstr("\nreport: " + out + "/report.html"));
}

TEST_F(RunTest, ReportWritesOnlyTheFormatsAskedFor) {
  WriteCampaign(1.5, 1);
  const std::string out = directory_ / "out";
  ASSERT_EQ(Do({"report", directory_.path(), "--out", out, "--format", "md,csv"}), 0) << err_.str();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(out), {}), 2);
}

TEST_F(RunTest, ExitCodesFollowTheVerdictOnlyWhenAskedTo) {
  WriteCampaign(1.5);
  const std::string out = directory_ / "out";
  EXPECT_EQ(Do({"report", directory_.path(), "--out", out}), 0);
  EXPECT_EQ(Do({"report", directory_.path(), "--out", out, "--fail-on-worse"}), 2);
  EXPECT_EQ(Do({"report", directory_.path(), "--out", out, "--fail-on-inconclusive"}), 0);
  std::filesystem::remove(directory_ / "b7.run");
  EXPECT_EQ(Do({"report", directory_.path(), "--out", out, "--fail-on-inconclusive"}), 3);
}

TEST_F(RunTest, ExitsWithFourOnlyWhereInvalidRunsLeaveTooFew) {
  WriteCampaign(1.5, 13);
  Write({.backend = "daemon:unix", .block = 3}, "b3.run", false);
  const std::string out = directory_ / "out";
  EXPECT_EQ(Do({"report", directory_.path(), "--out", out}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("INVALID: " + (directory_ / "b3.run") + " (daemon:unix): "));
  EXPECT_THAT(out_.str(), HasSubstr("1 of 26 runs is INVALID and was not used: enough others are left\n"));
  Write({.block = 7}, "a7.run", false);
  EXPECT_EQ(Do({"report", directory_.path(), "--out", out}), 4);
  EXPECT_THAT(out_.str(), HasSubstr("2 of 26 runs are INVALID and were not used: steady has no verdict on"));
}

TEST_F(RunTest, ExitsWithFourWhenAllRunsAreInvalid) {
  Write({}, "a.run", false);
  Write({.backend = "daemon:unix"}, "b.run", false);
  EXPECT_EQ(Do({"report", directory_.path(), "--out", directory_ / "out"}), 4);
  EXPECT_THAT(out_.str(), HasSubstr("2 of 2 runs are INVALID"));
}

TEST_F(RunTest, CompareTakesTheSidesAsGiven) {
  const std::string a = Write({.backend = "daemon:unix", .block = 1, .scale = 2}, "a.run");
  const std::string b = Write({.block = 1}, "b.run");
  ASSERT_EQ(Do({"compare", a, "--vs", b}), 0) << err_.str();
  EXPECT_THAT(out_.str(), StartsWith("A = A (daemon:unix), B = B (coordinator)"));
  EXPECT_THAT(out_.str(), HasSubstr("+50."));
  ASSERT_EQ(Do({"compare", a, "--vs", b, "--json"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("routebench.report.v1"));
}

TEST_F(RunTest, CompareTakesTwoVersionsOfOneBackend) {
  const std::string a = Write({.block = 1}, "a.run");
  const std::string b = Write({.block = 1, .scale = 2}, "b.run");
  EXPECT_EQ(Do({"compare", a, "--vs", b}), 0) << err_.str();
}

TEST_F(RunTest, CompareRefusesAMixedSide) {
  const std::string a = Write({}, "a.run");
  const std::string b = Write({.backend = "daemon:unix"}, "b.run");
  EXPECT_EQ(Do({"compare", a, b, "--vs", b}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("side A holds runs of several backends: coordinator, daemon:unix"));
}

TEST_F(RunTest, ShowPrintsOneRun) {
  const std::string a = Write({}, "a.run");
  EXPECT_EQ(Do({"show", a}), 0);
  EXPECT_THAT(out_.str(), StartsWith("coordinator, steady (light)"));
  EXPECT_EQ(Do({"show", a, "--json"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("routebench.run.v1"));
  EXPECT_EQ(Do({"show", Write({}, "b.run", false)}), 4);
}

TEST_F(RunTest, ExportsAnHdrHistogramLogAndSaysWhatItCannotHold) {
  const std::string log = directory_ / "a.hlog";
  EXPECT_EQ(Do({"export-hlog", Write({.lost = 3}, "a.run"), "--out", log}), 0);
  std::ifstream file(log);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_THAT(text, HasSubstr("\nTag=response,"));
  EXPECT_THAT(err_.str(), HasSubstr("3 missing deliveries"));
}

TEST_F(RunTest, ReportsBadInputInOneSentence) {
  EXPECT_EQ(Do({"report", directory_.path(), "--out", directory_ / "out"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("there is no run record (*.run) in"));
  EXPECT_FALSE(std::filesystem::exists(directory_ / "out"));
  EXPECT_EQ(Do({"show", directory_ / "none.run"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("none.run: cannot be opened"));
  std::ofstream(directory_ / "broken.run") << "routebench.run.v1\n";
  EXPECT_EQ(Do({"report", directory_.path(), "--out", directory_ / "out"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("broken.run: truncated"));
  EXPECT_EQ(Do({"export-hlog", Write({}, "a.run"), "--out", directory_ / "no/where.hlog"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("no/where.hlog: cannot be written"));
  EXPECT_THAT(out_.str(), IsEmpty());
}

TEST_F(RunTest, TellsHowItIsUsed) {
  EXPECT_EQ(Do({"--help"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("Examples:"));
  EXPECT_EQ(Do({}), 64);
  EXPECT_EQ(Do({"report"}), 64);
  EXPECT_EQ(Do({"frobnicate"}), 64);
  EXPECT_EQ(Do({"report", "x", "--out", "y", "--format", "pdf"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("pdf"));
}

}  // namespace
}  // namespace routebench::analysis
