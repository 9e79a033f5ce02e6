#include "loadgen/campaign/campaign.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "analysis/record/run_record.h"
#include "loadgen/campaign/plan.h"
#include "tests/loadgen/temporary_directory.h"

namespace routebench::loadgen {
namespace {

namespace fs = std::filesystem;
using routebench::testing::TemporaryDirectory;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A script in the place of the executable: it notes what it was asked for, and runs `run` unless a plan was
// asked for.
class CampaignTest : public ::testing::Test {
 protected:
  CampaignTest() {
    options_.out = directory_ / "runs";
    options_.cells = {"steady:2"};
    mkfifo((directory_ / "never").c_str(), 0600);
    Script("touch \"$out\"");
  }

  void Script(const std::string& run, const std::string& plan = "") {
    options_.executable =
        directory_.Write("run", absl::StrCat("#!/bin/sh\ncd ", directory_.path().string(), R"(
backend= place= seed= pattern= out= ask=
all="$*"
while [ $# -gt 0 ]; do
  case $1 in
    --backend) backend=$2; shift;;
    --pattern|--replay) pattern=$2; shift;;
    --seed) seed=$2; shift;;
    --out) out=$2; shift;;
    --campaign-place) place=$2; shift;;
    --print-plan) ask=1;;
  esac
  shift
done
if [ "$ask" ]; then
)",
                                             plan, R"(
  echo '{"warmup_ns": 500000000, "duration_ns": 2500000000, "events": 1000}'
  exit 0
fi
echo "$pattern $backend $seed" >> log
echo "$all" >> arguments
echo "$place" >> places
)",
                                             run, "\n"));
    chmod(options_.executable.c_str(), 0700);
  }

  int Run() { return RunCampaign(options_, out_, err_); }
  std::vector<std::string> Lines(const std::string& name) const {
    return absl::StrSplit(directory_.Read(name), '\n', absl::SkipEmpty());
  }
  // The backends in the order in which they ran.
  std::vector<std::string> Order() const {
    std::vector<std::string> order;
    for (const std::string& line : Lines("log"))
      order.push_back(std::vector<std::string>(absl::StrSplit(line, ' '))[1]);
    return order;
  }
  size_t Records() const {
    return fs::exists(options_.out)
               ? static_cast<size_t>(std::distance(fs::directory_iterator(options_.out), {}))
               : 0;
  }

  TemporaryDirectory directory_;
  CampaignOptions options_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CampaignTest, RunsBothArmsOfABlockNextToEachOtherAndReversesTheNext) {
  options_.cells = {"steady:4"};
  ASSERT_EQ(Run(), 0) << err_.str();
  const auto order = Order();
  ASSERT_EQ(order.size(), 8u);
  for (size_t block = 0; block < 4; ++block) EXPECT_NE(order[2 * block], order[2 * block + 1]);
  for (size_t block = 1; block < 4; ++block) EXPECT_EQ(order[2 * block], order[2 * block - 1]) << block;
  EXPECT_EQ(Records(), 8u);
  EXPECT_THAT(out_.str(), HasSubstr("8 runs, 0 of them invalid"));
}

TEST_F(CampaignTest, DrawsTheStartingOrderFromTheSeed) {
  std::map<std::string, int> first;
  for (options_.seed = 1; options_.seed <= 12; ++options_.seed) {
    fs::remove_all(options_.out);
    fs::remove(directory_ / "log");
    options_.cells = {"steady:1"};
    ASSERT_EQ(Run(), 0);
    ++first[Order().front()];
  }
  EXPECT_EQ(first.size(), 2u) << "both come first at times";
}

TEST_F(CampaignTest, GivesABlockOneScheduleAndTheNextAnother) {
  ASSERT_EQ(Run(), 0);
  std::vector<std::string> seeds;
  for (const std::string& line : Lines("log"))
    seeds.push_back(std::vector<std::string>(absl::StrSplit(line, ' '))[2]);
  EXPECT_EQ(seeds[0], seeds[1]);
  EXPECT_EQ(seeds[2], seeds[3]);
  EXPECT_NE(seeds[0], seeds[2]);
}

TEST_F(CampaignTest, TellsEachRunItsPlace) {
  options_.cells = {"steady:1", "burst:12"};
  ASSERT_EQ(Run(), 0);
  const auto places = Lines("places");
  EXPECT_THAT(places[0], HasSubstr(R"("cell":"steady","block":1,"position":1,"plannedBlocks":1)"));
  EXPECT_THAT(places[0], Not(HasSubstr("primaryMetric"))) << "exploratory";
  EXPECT_THAT(places[1], HasSubstr(R"("position":2)"));
  EXPECT_THAT(places[2],
              HasSubstr(R"("cell":"burst","block":1,"position":1,"plannedBlocks":12,"primaryMetric":"p99")"));
  EXPECT_THAT(out_.str(), HasSubstr("exploratory"));
  EXPECT_THAT(err_.str(), HasSubstr("steady: 1 blocks done\nburst: 12 blocks done\n"));
}

TEST_F(CampaignTest, PassesFlagsOnAndReplaysTraces) {
  options_.cells = {absl::StrCat("replay=", directory_ / "a:b.jsonl", ":1")};
  options_.run_flags = {"--rate", "20k/s"};
  ASSERT_EQ(Run(), 0) << err_.str();
  for (const std::string& line : Lines("arguments")) {
    EXPECT_THAT(line, HasSubstr("--rate 20k/s"));
    EXPECT_THAT(line, HasSubstr(absl::StrCat("--replay ", directory_ / "a:b.jsonl ")));
  }
}

TEST_F(CampaignTest, GivesADaemonsFlagsToTheDaemonOnly) {
  options_.floor = true;
  options_.run_flags = {"--eventd", "/opt/eventd", "--rate", "2k/s"};
  ASSERT_EQ(Run(), 0) << err_.str();
  for (const std::string& line : Lines("arguments")) {
    const bool daemon = line.find("--backend daemon") != std::string::npos;
    EXPECT_EQ(line.find("--eventd /opt/eventd") != std::string::npos, daemon) << line;
    EXPECT_EQ(line.find("/opt/eventd") != std::string::npos, daemon) << line;
    EXPECT_THAT(line, HasSubstr("--rate 2k/s"));
  }
}

TEST(FlagsForArm, LeavesOutWhatOnlyADaemonTakes) {
  const std::vector<std::string> flags = {"--endpoint=/s", "--seed", "1",    "--same-process",
                                          "--eventd",      "e",      "--out"};
  EXPECT_THAT(FlagsForArm(flags, "coordinator", "coordinator", "daemon:unix"),
              ElementsAre("--seed", "1", "--out"));
  EXPECT_EQ(FlagsForArm(flags, "daemon:unix", "coordinator", "daemon:unix"), flags);
  // Nobody takes them: the runs say so.
  EXPECT_EQ(FlagsForArm(flags, "coordinator", "coordinator", "coordinator:inline"), flags);
}

TEST(SeedOfBlock, IsDifferentInNeighbouringBlocksAndCampaigns) {
  std::set<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    for (uint32_t block = 0; block < 50; ++block) seeds.insert(SeedOfBlock(seed, block));
  }
  EXPECT_EQ(seeds.size(), 2500u);
  EXPECT_LT(*seeds.rbegin(), uint64_t{1} << 32);
  EXPECT_EQ(SeedOfBlock(1, 1), SeedOfBlock(1, 1));
}

TEST_F(CampaignTest, AddsTheFloor) {
  options_.floor = true;
  ASSERT_EQ(Run(), 0);
  EXPECT_THAT(Order(), ::testing::Contains("null").Times(1));
}

TEST_F(CampaignTest, SaysWhatItWouldDoAndStops) {
  options_.dry_run = true;
  options_.cells = {"steady:2", "mixed:12"};
  ASSERT_EQ(Run(), 0);
  EXPECT_THAT(out_.str(), HasSubstr("28 runs, 28000 events, about"));
  EXPECT_THAT(Lines("log"), IsEmpty());
  EXPECT_FALSE(fs::exists(options_.out));
}

TEST_F(CampaignTest, PassesRemarksOnATraceOnOnce) {
  Script("touch \"$out\"", "echo 'loadgen: 2 events of unknown types' >&2");
  ASSERT_EQ(Run(), 0) << err_.str();
  EXPECT_THAT(err_.str(), ::testing::StartsWith("loadgen: 2 events of unknown types"));
  EXPECT_EQ(err_.str().find("unknown", 40), std::string::npos) << err_.str();
}

TEST_F(CampaignTest, AsksBothArmsBeforeAnythingRuns) {
  Script("touch \"$out\"", "if [ $backend = daemon ]; then echo 'loadgen: no such thing' >&2; exit 64; fi");
  EXPECT_EQ(Run(), 64);
  EXPECT_THAT(err_.str(), HasSubstr("no such thing"));
  EXPECT_THAT(err_.str(), HasSubstr("steady with daemon cannot be planned"));
  EXPECT_THAT(Lines("log"), IsEmpty());
}

TEST_F(CampaignTest, KeepsWhatIsFinishedWhenARunFails) {
  Script(
      "touch \"$out\"; if [ $(wc -l < log) = 3 ]; then rm \"$out\"; echo 'the disk is on fire' >&2; exit 1; "
      "fi");
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_.str(), HasSubstr("the disk is on fire"));
  EXPECT_THAT(err_.str(), HasSubstr("in block 2 of steady exited with code 1"));
  EXPECT_EQ(Records(), 2u);
}

TEST_F(CampaignTest, CountsInvalidRunsAndGoesOn) {
  Script("touch \"$out\"; if [ $(wc -l < log) = 1 ]; then exit 4; fi");
  EXPECT_EQ(Run(), 4);
  EXPECT_EQ(Records(), 4u);
  EXPECT_THAT(out_.str(), HasSubstr("4 runs, 1 of them invalid"));
  EXPECT_THAT(err_.str(), HasSubstr("is invalid"));
}

TEST_F(CampaignTest, StopsTheRunUnderWayWhenInterrupted) {
  Script("touch \"$out\"; if [ $(wc -l < log) = 2 ]; then kill -INT $PPID; read line < never; fi");
  EXPECT_EQ(Run(), 130);
  EXPECT_EQ(Records(), 1u) << "what was cut short is no result";
  EXPECT_THAT(err_.str(), HasSubstr("the finished runs are in"));
}

TEST_F(CampaignTest, DoesNotMixWithAnEarlierCampaign) {
  ASSERT_EQ(Run(), 0);
  EXPECT_EQ(Run(), 1);
  EXPECT_THAT(err_.str(), HasSubstr("exists already"));
  EXPECT_EQ(Lines("log").size(), 4u);
}

TEST_F(CampaignTest, RefusesCellsAndArmsThatMakeNoSense) {
  for (const char* cell : {"steady", "steady:", "steady:0", "steady:-1", "steady:x", ":3", "steady:1001"}) {
    options_.cells = {cell};
    EXPECT_EQ(Run(), 64) << cell;
  }
  EXPECT_THAT(err_.str(), HasSubstr("'steady:x' is not PATTERN:BLOCKS"));
  options_.cells = {"steady:1", "steady:2"};
  EXPECT_EQ(Run(), 64);
  EXPECT_THAT(err_.str(), HasSubstr("steady is named twice"));
  options_.cells = {"steady:1"};
  options_.b = options_.a;
  EXPECT_EQ(Run(), 64);
  EXPECT_THAT(err_.str(), HasSubstr("two different backends"));
  EXPECT_FALSE(fs::exists(options_.out));
}

TEST_F(CampaignTest, RunsTheRealThing) {
  options_.executable = LOADGEN_PATH;
  options_.a = "coordinator";
  options_.b = "coordinator:inline";
  options_.run_flags = {"--duration", "50ms", "--warmup", "0s", "--rate", "1k/s"};
  const int code = Run();
  EXPECT_THAT((std::vector<int>{0, 4}), ::testing::Contains(code))
      << err_.str();  // a busy machine can make a run invalid
  std::map<uint32_t, std::vector<uint64_t>> schedules;
  for (const auto& entry : fs::directory_iterator(options_.out)) {
    const auto record = record::ReadRunRecord(entry.path());
    ASSERT_TRUE(record.ok()) << record.status();
    EXPECT_EQ(record->campaign().cell(), "steady");
    EXPECT_EQ(record->campaign().planned_blocks(), 2u);
    schedules[record->campaign().block()].push_back(record->schedule_hash());
  }
  ASSERT_EQ(schedules.size(), 2u);
  for (const auto& [block, hashes] : schedules)
    EXPECT_THAT(hashes, ElementsAre(hashes[0], hashes[0])) << block;
  EXPECT_NE(schedules[1][0], schedules[2][0]);
}

TEST(AddCampaignCommand, TakesWhatFollowsTwoDashesForTheRuns) {
  CLI::App app;
  CampaignOptions options;
  AddCampaignCommand(app, options);
  const char* const arguments[] = {"loadgen",  "campaign", "--cell", "mixed:12", "--out",  "d", "--cell",
                                   "steady:2", "--",       "--rate", "1k/s",     "--seed", "4"};
  app.parse(static_cast<int>(std::size(arguments)), arguments);
  EXPECT_THAT(options.cells, ElementsAre("mixed:12", "steady:2"));
  EXPECT_THAT(options.run_flags, ElementsAre("--rate", "1k/s", "--seed", "4"));
  EXPECT_EQ(options.seed, 1u);
}

}  // namespace
}  // namespace routebench::loadgen
