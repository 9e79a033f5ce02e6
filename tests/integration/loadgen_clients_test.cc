// loadgen with many clients in processes of their own, through a real eventd.
#include <signal.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "analysis/record/histogram.h"
#include "analysis/record/run_record.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/loadgen_run.h"

namespace routebench {
namespace {

using testing::Finished;
using ::testing::HasSubstr;
using testing::LoadgenRun;
using testing::PrivateDirectory;

class LoadgenClientsTest : public ::testing::TestWithParam<std::string> {
 protected:
  std::vector<std::string> Command(const std::vector<std::string>& flags) const {
    const char* const executable = std::getenv("ROUTEBENCH_LOADGEN");  // given by the build
    std::vector<std::string> command = {executable == nullptr ? "" : executable,
                                        "--backend",
                                        GetParam(),
                                        "--clients",
                                        "20",
                                        "--load-processes",
                                        "2",
                                        "--warmup",
                                        "50ms"};
    command.insert(command.end(), flags.begin(), flags.end());
    return command;
  }
  record::RunRecord Measure(std::vector<std::string> flags) {
    const std::string path = directory_.path() + "/a.run";
    flags.insert(flags.end(), {"--out", path});
    LoadgenRun run(Command(flags), directory_);
    const Finished finished = run.Wait();
    EXPECT_THAT((std::vector<int>{0, 4}), ::testing::Contains(finished.code)) << finished.err;
    summary_ = finished.out;
    EXPECT_THAT(directory_.Files(), ::testing::ElementsAre("a.run")) << "something was left behind";
    const auto record = record::ReadRunRecord(path);
    EXPECT_TRUE(record.ok()) << record.status();
    if (!record.ok()) return {};
    for (const record::Gate& gate : record->gates()) {
      if (gate.name() == "self_lag" || gate.name() == "offered_load") continue;
      EXPECT_TRUE(gate.passed()) << gate.name() << ": " << gate.finding();
    }
    return *record;
  }

  PrivateDirectory directory_;
  std::string summary_;
};

INSTANTIATE_TEST_SUITE_P(, LoadgenClientsTest, ::testing::Values("daemon:unix", "daemon:shm"),
                         [](const auto& info) { return info.param.substr(info.param.find(':') + 1); });

TEST_P(LoadgenClientsTest, EachClientHasAConnectionThatIsWatchedIdle) {
  const record::RunRecord record = Measure({"--duration", "200ms", "--rate", "2k/s", "--idle", "100ms"});
  EXPECT_EQ(record.plan().publishers(), 20u);
  EXPECT_EQ(record.books().probe_delivered(), record.books().expected());
  EXPECT_GT(record.books().expected(), 0u);
  const record::ClientsRecord& clients = record.clients();
  const auto connect = record::Histogram::FromData(clients.connect());
  ASSERT_TRUE(connect.ok());
  EXPECT_EQ(connect->count(), 20u);
  EXPECT_GE(clients.idle_ns(), 100'000'000u);
  EXPECT_TRUE(clients.has_idle_cpu_ns());
  EXPECT_GT(clients.private_bytes(), 0u);
  EXPECT_GT(clients.private_bytes_before(), 0u);
  EXPECT_FALSE(clients.has_closed_loop());
  int publishers = 0;
  for (const record::ProcessUsage& process : record.processes())
    publishers += process.role() == "publisher" ? 1 : 0;
  EXPECT_EQ(publishers, 2);
  EXPECT_GT(record.wire().bytes_sent(), 0u);
  EXPECT_THAT(summary_, HasSubstr("20 in 2 processes"));
}

TEST_P(LoadgenClientsTest, AClosedLoopOfRequestsObeysItsLaw) {
  const record::RunRecord record =
      Measure({"--exchange", "request", "--outstanding", "1", "--events", "20000", "--rate", "40k/s",
               "--services", "2", "--mix", "database=100"});
  uint64_t answered = 0;
  for (const record::Cell& cell : record.cells()) answered += cell.answered();
  EXPECT_EQ(answered, record.plan().events());
  ASSERT_TRUE(record.clients().has_closed_loop()) << summary_;
  const record::ClosedLoop& law = record.clients().closed_loop();
  EXPECT_GT(law.throughput_per_s(), 0);
  EXPECT_GT(law.round_trip_ns(), 0);
  EXPECT_NEAR(law.gap(), 0, 0.15) << "a window of a fraction of a second on a busy machine";
  EXPECT_THAT(summary_, HasSubstr("N = X (R + Z): 20 clients"));
}

TEST_P(LoadgenClientsTest, ADeadLoadProcessEndsTheRun) {
  LoadgenRun run(Command({"--duration", "10m", "--rate", "200/s"}), directory_);
  run.AwaitProgress();
  const std::vector<pid_t> processes = run.Offspring("/proc/self/exe");  // one of them receives
  ASSERT_EQ(processes.size(), 3u);
  kill(processes.back(), SIGKILL);
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 4) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("process was killed by signal 9"));
}

TEST_P(LoadgenClientsTest, TooFewDescriptorsAreNamed) {
  // The hard limit too: the soft one is raised to it.
  const std::vector<std::string> flags = Command({"--duration", "100ms"});
  std::string line = "ulimit -n 100 && exec";
  for (const std::string& flag : flags) line += " '" + flag + "'";
  LoadgenRun run({"/bin/sh", "-c", line}, directory_);
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 1) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("open descriptors and it may have 100"));
}

}  // namespace
}  // namespace routebench
