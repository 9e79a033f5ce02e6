// loadgen with real processes: what it says, what it leaves behind, and how it ends when something dies.
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "analysis/record/run_record.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/loadgen_run.h"

namespace routebench {
namespace {

using testing::Finished;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LoadgenRun;
using testing::PrivateDirectory;

// Given by the build.
std::string Executable(const char* variable) {
  const char* const path = std::getenv(variable);
  return path == nullptr ? "" : path;
}

class LoadgenTest : public ::testing::Test {
 protected:
  std::vector<std::string> Command(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), Executable("ROUTEBENCH_LOADGEN"));
    return arguments;
  }
  std::vector<std::string> ShortRun(std::vector<std::string> more) const {
    std::vector<std::string> arguments = {"--duration", "250ms", "--warmup", "50ms", "--rate", "2k/s"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Command(arguments);
  }
  std::vector<std::string> LongRun(std::vector<std::string> more = {}, const char* backend = "daemon") const {
    std::vector<std::string> arguments = {"--backend", backend, "--duration", "10m",
                                          "--rate",    "200/s", "--warmup",   "0s"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Command(arguments);
  }
  Finished Run(const std::vector<std::string>& command) {
    LoadgenRun run(command, directory_);
    return run.Wait();
  }
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }

  PrivateDirectory directory_;
};

// Other work on the machine can make a generator late; then the run says so, which is right, too.
void ExpectOnlyTheMachineCanInvalidate(const record::RunRecord& record) {
  for (const record::Gate& gate : record.gates()) {
    if (gate.name() == "self_lag" || gate.name() == "offered_load") continue;
    EXPECT_TRUE(gate.passed()) << gate.name() << ": " << gate.finding();
  }
}

struct Case {
  const char* backend;
  const char* pattern;
  friend void PrintTo(const Case& it, std::ostream* out) { *out << it.backend << ' ' << it.pattern; }
};
class LoadgenRunTest : public LoadgenTest, public ::testing::WithParamInterface<Case> {};

TEST_P(LoadgenRunTest, MeasuresWritesARecordAndLeavesNothing) {
  const Finished run = Run(ShortRun(
      {"--backend", GetParam().backend, "--pattern", GetParam().pattern, "--json", "--out", Path("a.run")}));
  EXPECT_THAT((std::vector<int>{0, 4}), ::testing::Contains(run.code)) << run.err;
  EXPECT_THAT(directory_.Files(), ::testing::ElementsAre("a.run"));

  const nlohmann::json json = nlohmann::json::parse(run.out, nullptr, false);
  ASSERT_TRUE(json.is_object()) << run.out;
  EXPECT_EQ(json["schema"], "routebench.run.v1");
  EXPECT_EQ(json["pattern"], GetParam().pattern);
  EXPECT_EQ(json["books_balanced"], true);

  const auto record = record::ReadRunRecord(Path("a.run"));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(json["run_id"], record->run_id());
  ExpectOnlyTheMachineCanInvalidate(*record);
  const bool valid =
      std::all_of(record->gates().begin(), record->gates().end(), [](const auto& g) { return g.passed(); });
  EXPECT_EQ(run.code, valid ? 0 : 4);
  const record::BooksRecord& books = record->books();
  EXPECT_EQ(books.probe_delivered(), books.expected());
  const bool daemon = record->plan().backend().rfind("daemon:", 0) == 0;
  EXPECT_EQ(record->processes_size(), daemon ? 3 : 1);
  EXPECT_EQ(record->has_wire(), daemon);
  if (std::string(GetParam().backend) != "null") {
    EXPECT_GT(books.expected(), 0u);
  }
}

INSTANTIATE_TEST_SUITE_P(, LoadgenRunTest,
                         ::testing::Values(Case{"null", "steady"}, Case{"coordinator", "steady"},
                                           Case{"coordinator", "burst"}, Case{"coordinator:inline", "ramp"},
                                           Case{"daemon", "spike"}, Case{"daemon", "mixed"},
                                           Case{"daemon:tcp", "burst"}, Case{"daemon:pipe", "steady"},
                                           Case{"daemon:shm", "burst"}));

TEST_F(LoadgenTest, ReceivesInTheSameProcessWhenAsked) {
  const Finished run =
      Run(ShortRun({"--backend", "daemon", "--same-process", "--out", Path("a.run"), "--publishers", "2"}));
  EXPECT_THAT(run.out, HasSubstr("delivered")) << run.err;
  const auto record = record::ReadRunRecord(Path("a.run"));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->processes_size(), 2);
  ExpectOnlyTheMachineCanInvalidate(*record);
}

TEST_F(LoadgenTest, TheClosedLoopIsLabelled) {
  const Finished run = Run(ShortRun({"--backend", "daemon", "--outstanding", "3", "--json"}));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_EQ(nlohmann::json::parse(run.out, nullptr, false)["loop"], "closed") << run.out;
}

TEST_F(LoadgenTest, PrintPlanRunsNothing) {
  const Finished run =
      Run(Command({"--pattern", "burst", "--rate", "1k/s", "--duration", "10m", "--print-plan"}));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("fan-out"));
  EXPECT_THAT(run.out, HasSubstr("service"));
}

TEST_F(LoadgenTest, BadFlagsAreUsageErrors) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"--nonsense"}, {"--backend", "pigeon"}, {"--rate", "0/s"}, {"--rate", "900M/s"}}) {
    const Finished run = Run(Command(arguments));
    EXPECT_EQ(run.code, 64) << arguments[0] << ": " << run.err;
    EXPECT_THAT(run.err, HasSubstr(arguments[0]));
    EXPECT_EQ(run.out, "");
  }
}

TEST_F(LoadgenTest, AnEventdThatIsNotThere) {
  const Finished run = Run(ShortRun({"--backend", "daemon", "--eventd", "/nonexistent/eventd"}));
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("/nonexistent/eventd"));
}

TEST_F(LoadgenTest, AnEventdThatEndsAtOnce) {
  const Finished run = Run(ShortRun({"--backend", "daemon", "--eventd", "/bin/false"}));
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("/bin/false"));
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

TEST_F(LoadgenTest, AnEndpointWhereNobodyIs) {
  const Finished run = Run(ShortRun({"--backend", "daemon", "--endpoint", Path("nobody")}));
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("nobody"));
}

TEST_F(LoadgenTest, ReplaysThroughADaemonWhatItRecorded) {
  PrivateDirectory watched;
  const Finished recording =
      Run(Command({"record", "--watch", watched.path(), "--out", Path("t.jsonl"), "--", "/bin/sh", "-c",
                   "cd " + watched.path() + " && mkdir d && echo x > d/a && mv d/a d/b && rm -r d"}));
  ASSERT_EQ(recording.code, 0) << recording.err;
  const Finished run =
      Run(Command({"--replay", Path("t.jsonl"), "--backend", "daemon", "--out", Path("a.run")}));
  EXPECT_THAT((std::vector<int>{0, 4}), ::testing::Contains(run.code)) << run.err;
  const auto record = record::ReadRunRecord(Path("a.run"));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->plan().pattern(), "replay");
  EXPECT_EQ(record->plan().trace(), Path("t.jsonl"));
  EXPECT_GE(record->plan().events(), 5u);  // made, written, moved, deleted twice
  EXPECT_GT(record->books().expected(), 0u);
  EXPECT_EQ(record->books().probe_delivered(), record->books().expected());
  ExpectOnlyTheMachineCanInvalidate(*record);
}

TEST_F(LoadgenTest, ANameThatIsNoTextIsNothingToComplainOf) {
  const Finished run = Run(ShortRun({"--backend", "coordinator", "--out", Path("\xff\xfe.run")}));
  EXPECT_THAT((std::vector<int>{0, 4}), ::testing::Contains(run.code)) << run.err;
  EXPECT_THAT(run.err, ::testing::Not(HasSubstr("protobuf")));
}

// The whole generator stands still, on an otherwise idle or busy machine alike: the run is invalid, and no
// backend is slow.
TEST_F(LoadgenTest, AGeneratorThatStandsStillMakesTheRunInvalid) {
  LoadgenRun run(Command({"--backend", "daemon", "--rate", "1k/s", "--duration", "2s", "--warmup", "0s"}),
                 directory_);
  run.AwaitProgress();
  run.Signal(SIGSTOP);
  const auto resume = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  poll(nullptr, 0, 300);  // the stall itself
  EXPECT_GE(std::chrono::steady_clock::now(), resume);
  run.Signal(SIGCONT);
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 4) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("self_lag"));
}

struct Stop {
  int signal;
  const char* backend;
  friend void PrintTo(const Stop& it, std::ostream* out) { *out << it.signal << ' ' << it.backend; }
};
class LoadgenSignalTest : public LoadgenTest, public ::testing::WithParamInterface<Stop> {};

TEST_P(LoadgenSignalTest, EndsEarlyAndLeavesNothing) {
  LoadgenRun run(LongRun({}, GetParam().backend), directory_);
  run.AwaitProgress();  // the first events are sent
  EXPECT_EQ(run.Offspring().size(), 2u);
  run.Signal(GetParam().signal);
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 130) << finished.err;
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(, LoadgenSignalTest,
                         ::testing::Values(Stop{SIGINT, "daemon"}, Stop{SIGTERM, "daemon"},
                                           Stop{SIGINT, "daemon:tcp"}, Stop{SIGINT, "daemon:pipe"},
                                           Stop{SIGINT, "daemon:shm"}));

TEST_F(LoadgenTest, KilledItTakesItsChildrenWithIt) {
  LoadgenRun run(LongRun(), directory_);
  run.AwaitProgress();
  run.Signal(SIGKILL);
  EXPECT_EQ(run.Wait().code, -SIGKILL);  // Wait is for the children, too
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

TEST_F(LoadgenTest, ADaemonThatDiesInMidRunMakesItInvalid) {
  LoadgenRun run(LongRun({"--out", Path("a.run")}), directory_);
  run.AwaitProgress();
  const std::vector<pid_t> daemons = run.Offspring("eventd");
  ASSERT_EQ(daemons.size(), 1u);
  kill(daemons[0], SIGKILL);
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 4);
  EXPECT_THAT(finished.err, HasSubstr("the daemon was killed by signal 9"));
  EXPECT_THAT(directory_.Files(), ::testing::ElementsAre("a.run"));
}

TEST_F(LoadgenTest, AReceiverThatDiesInMidRunMakesItInvalid) {
  LoadgenRun run(LongRun(), directory_);
  run.AwaitProgress();
  for (const pid_t pid : run.Offspring("receive")) kill(pid, SIGKILL);
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 4);
  EXPECT_THAT(finished.err, HasSubstr("the receiving process was killed by signal 9"));
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

TEST_F(LoadgenTest, LeavesARunningDaemonRunning) {
  PrivateDirectory elsewhere;
  const std::string socket = elsewhere.path() + "/s";
  LoadgenRun daemon({Executable("ROUTEBENCH_EVENTD"), "--listen", socket}, elsewhere);
  daemon.AwaitError("event=listening");
  for (int i = 0; i < 2; ++i) {
    const Finished run = Run(ShortRun({"--backend", "daemon", "--endpoint", socket, "--out", Path("a.run")}));
    EXPECT_THAT((std::vector<int>{0, 4}), ::testing::Contains(run.code)) << run.err;
    const auto record = record::ReadRunRecord(Path("a.run"));
    ASSERT_TRUE(record.ok()) << record.status();
    ExpectOnlyTheMachineCanInvalidate(*record);
  }
  EXPECT_EQ(kill(daemon.pid(), 0), 0);
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.Wait().code, 0);
}

TEST_F(LoadgenTest, MeasuresARunningDaemonOverTcpThatKnowsIt) {
  PrivateDirectory elsewhere;
  const std::string token = elsewhere.path() + "/token";
  std::ofstream(token) << "0123456789abcdef";
  std::filesystem::permissions(token, std::filesystem::perms::owner_read);
  LoadgenRun daemon({Executable("ROUTEBENCH_EVENTD"), "--listen", "tcp:127.0.0.1:0", "--token-file", token},
                    elsewhere);
  const std::regex listening("endpoints=\"(tcp:[0-9.:]+)\"");
  daemon.AwaitError("endpoints=\"tcp:[0-9.:]+\"");
  std::smatch match;
  ASSERT_TRUE(std::regex_search(daemon.error(), match, listening));
  const std::string endpoint = match[1];
  std::vector<std::string> arguments = {"--backend", "daemon:tcp", "--endpoint", endpoint};
  const Finished stranger = Run(ShortRun(arguments));
  EXPECT_EQ(stranger.code, 1);
  EXPECT_THAT(stranger.err, HasSubstr("wrong_token"));
  arguments.insert(arguments.end(), {"--token-file", token, "--out", Path("a.run")});
  const Finished run = Run(ShortRun(arguments));
  EXPECT_THAT((std::vector<int>{0, 4}), ::testing::Contains(run.code)) << run.err;
  const auto record = record::ReadRunRecord(Path("a.run"));
  ASSERT_TRUE(record.ok()) << record.status();
  EXPECT_EQ(record->plan().backend(), "daemon:tcp");
  ExpectOnlyTheMachineCanInvalidate(*record);
  daemon.Signal(SIGTERM);
  EXPECT_EQ(daemon.Wait().code, 0);
}

TEST_F(LoadgenTest, AFullStandardOutputIsAnError) {
  LoadgenRun run(ShortRun({"--json"}), directory_, {.out_path = "/dev/full"});
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 1);
  EXPECT_THAT(finished.err, HasSubstr("cannot write to standard output"));
}

TEST_F(LoadgenTest, ARecordThatDoesNotFitLeavesNoFile) {
  LoadgenRun run(ShortRun({"--backend", "daemon", "--out", Path("a.run")}), directory_,
                 {.largest_file = 1000});
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 1) << finished.err;
  EXPECT_THAT(finished.err, HasSubstr("a.run"));
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

}  // namespace
}  // namespace routebench
