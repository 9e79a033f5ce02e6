// The stage clock in real runs: what is sampled adds up, and what is injected is found where it was put.
#include <algorithm>
#include <cstdlib>

#include "analysis/record/run_record.h"
#include "analysis/record/stages.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/loadgen_run.h"

namespace routebench {
namespace {

using testing::Finished;
using ::testing::HasSubstr;
using testing::LoadgenRun;
using testing::PrivateDirectory;

// Given by the build.
std::string Loadgen() {
  const char* const path = std::getenv("ROUTEBENCH_LOADGEN");
  return path == nullptr ? "" : path;
}

class LoadgenStagesTest : public ::testing::Test {
 protected:
  // A short run.
  record::RunRecord Run(const std::string& backend, std::vector<std::string> more,
                        const std::string& stages = "1") {
    std::vector<std::string> command = {Loadgen(),  "--backend", backend,
                                        "--warmup", "20ms",      "--stages",
                                        stages,     "--out",     directory_.path() + "/a.run"};
    command.insert(command.end(), more.begin(), more.end());
    LoadgenRun run(command, directory_);
    finished_ = run.Wait();
    const auto record = record::ReadRunRecord(directory_.path() + "/a.run");
    EXPECT_TRUE(record.ok()) << record.status() << finished_.err;
    return record.ok() ? *record : record::RunRecord();
  }

  PrivateDirectory directory_;
  Finished finished_;
};

// The nanoseconds of every kept delivery in one stage.
std::vector<uint64_t> Stage(const record::RunRecord& run, const std::string& mark) {
  const auto& marks = run.stages().marks();
  const auto stages = marks.size() - 1;
  const auto stage = std::find(marks.begin(), marks.end(), mark) - marks.begin() - 1;
  std::vector<uint64_t> nanos;
  for (int at = 0; at < run.stages().stage_ns_size(); at += stages)
    nanos.push_back(run.stages().stage_ns(at + static_cast<int>(stage)));
  return nanos;
}

uint64_t MedianOf(std::vector<uint64_t> nanos) {
  std::sort(nanos.begin(), nanos.end());
  return nanos.empty() ? 0 : nanos[nanos.size() / 2];
}

const record::Gate* GateOf(const record::RunRecord& run) {
  for (const record::Gate& gate : run.gates()) {
    if (gate.name() == "stages") return &gate;
  }
  return nullptr;
}

class EveryBackend : public LoadgenStagesTest, public ::testing::WithParamInterface<const char*> {};

INSTANTIATE_TEST_SUITE_P(, EveryBackend,
                         ::testing::Values("coordinator", "coordinator:inline", "daemon:unix", "daemon:tcp",
                                           "daemon:pipe", "daemon:shm"));

TEST_P(EveryBackend, TheStagesOfAllDeliveriesAreTheirResponses) {
  const record::RunRecord run =
      Run(GetParam(), {"--duration", "200ms", "--rate", "2k/s", "--handler-failures", "5%", "--retry", "3"});
  EXPECT_EQ(run.stages().violations(), 0u);
  ASSERT_NE(GateOf(run), nullptr);
  EXPECT_TRUE(GateOf(run)->passed()) << GateOf(run)->finding();
  uint64_t delivered = 0;
  for (const record::Cell& cell : run.cells()) delivered += cell.phase() == "warmup" ? 0 : cell.delivered();
  EXPECT_GT(delivered, 0u);
  EXPECT_EQ(run.stages().deliveries(), delivered);
  const bool daemon = std::string(GetParam()).rfind("daemon", 0) == 0;
  EXPECT_EQ(run.stages().marks_size(), daemon ? 10 : 5);
  // All of them: the means are equal to the rounding of sums in floating point.
  const record::StageTable table = record::TabulateStages({&run});
  EXPECT_NEAR(table.difference, 0, 1e-9);
}

TEST_F(LoadgenStagesTest, OneInSixteenIsAFewOfThem) {
  const record::RunRecord run = Run("coordinator", {"--duration", "300ms", "--rate", "5k/s"}, "16");
  EXPECT_GT(run.stages().deliveries(), 0u);
  EXPECT_LT(run.stages().deliveries(), run.books().probe_delivered() / 4);
  EXPECT_EQ(run.stages().violations(), 0u);
}

TEST_F(LoadgenStagesTest, CanBeOff) {
  const record::RunRecord run = Run("daemon", {"--duration", "50ms", "--rate", "1k/s"}, "0");
  EXPECT_GT(run.books().probe_delivered(), 0u);
  EXPECT_EQ(run.stages().deliveries(), 0u);
  EXPECT_EQ(GateOf(run), nullptr);
}

struct Place {
  const char* backend;
  const char* mark;
  friend void PrintTo(const Place& it, std::ostream* out) { *out << it.backend << ' ' << it.mark; }
};
class InjectionTest : public LoadgenStagesTest, public ::testing::WithParamInterface<Place> {};

// In the publisher, the daemon and the receiver.
INSTANTIATE_TEST_SUITE_P(, InjectionTest,
                         ::testing::Values(Place{"coordinator", "queued"}, Place{"coordinator", "handled"},
                                           Place{"daemon:unix", "encoded"}, Place{"daemon:unix", "routed"},
                                           Place{"daemon:shm", "written"}, Place{"daemon:unix", "decoded"}));

TEST_P(InjectionTest, ADelayIsFoundInItsStage) {
  constexpr uint64_t kDelay = 5'000'000;
  const record::RunRecord run =
      Run(GetParam().backend, {"--services", "1", "--mix", "database=100", "--duration", "600ms", "--rate",
                               "50/s", "--inject-delay", std::string(GetParam().mark) + ":5ms"});
  EXPECT_EQ(run.stages().violations(), 0u);
  ASSERT_GE(run.stages().deliveries(), 10u);
  for (const uint64_t nanos : Stage(run, GetParam().mark)) EXPECT_GE(nanos, kDelay);
  for (const std::string& mark : run.stages().marks()) {
    if (mark == "due" || mark == GetParam().mark) continue;
    EXPECT_LT(MedianOf(Stage(run, mark)), MedianOf(Stage(run, GetParam().mark))) << mark;
  }
  EXPECT_EQ(run.plan().injected_delays_size(), 1);
  EXPECT_THAT(finished_.out, HasSubstr("not a real run. INJECTED: 5.00 ms before "));
}

TEST_P(InjectionTest, AFreezeHoldsWhatReachesItsMark) {
  constexpr uint64_t kLength = 200'000'000;
  const record::RunRecord run =
      Run(GetParam().backend, {"--duration", "400ms", "--rate", "1k/s", "--inject-freeze",
                               std::string(GetParam().mark) + ":100ms:200ms"});
  EXPECT_EQ(run.stages().violations(), 0u);
  // Whoever came first stood there for nearly all of it; the others stood behind.
  int64_t slowest = 0;
  for (const record::Cell& cell : run.cells())
    slowest = std::max(slowest, static_cast<int64_t>(cell.response().max_ns()));
  EXPECT_GE(slowest, static_cast<int64_t>(kLength * 3 / 4));
  EXPECT_THAT(finished_.out, HasSubstr("frozen for 200 ms at 100 ms"));
}

}  // namespace
}  // namespace routebench
