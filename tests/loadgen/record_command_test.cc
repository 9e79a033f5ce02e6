#include "loadgen/trace/record_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "events/payloads/payloads.h"
#include "loadgen/trace/replay.h"
#include "payloads.pb.h"
#include "tests/loadgen/temporary_directory.h"

namespace routebench::loadgen {
namespace {

namespace fs = std::filesystem;
using routebench::testing::TemporaryDirectory;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class RecordCommandTest : public ::testing::Test {
 protected:
  RecordCommandTest() {
    fs::create_directory(directory_ / "in");
    mkfifo((directory_ / "never").c_str(), 0600);
    options_.watch = directory_ / "in";
    options_.out = directory_ / "t.jsonl";
  }

  // Runs a shell whose directory is the watched one.
  int Record(const std::string& script) {
    options_.command = {"sh", "-c", "cd " + options_.watch + "; " + script};
    return RunRecordCommand(options_, err_);
  }
  std::string Err() const { return err_.str(); }
  Trace ReadBack() const {
    absl::StatusOr<Trace> trace = ReadTrace(options_.out);
    EXPECT_TRUE(trace.ok()) << trace.status();
    if (!trace.ok()) return {};
    return *std::move(trace);
  }
  std::vector<std::string> Kinds() const {
    std::vector<std::string> kinds;
    const Trace trace = ReadBack();
    for (const TraceEvent& it : trace.events) kinds.emplace_back(Name(it.event.header.kind));
    return kinds;
  }

  TemporaryDirectory directory_;
  RecordOptions options_;
  std::ostringstream err_;
};

TEST_F(RecordCommandTest, RecordsWhatTheCommandDoesAndPassesItsExitCodeOn) {
  EXPECT_EQ(Record("mkdir d; echo x > d/f; mv d/f d/g; rm d/g; rmdir d; exit 3"), 3);
  const auto kinds = Kinds();
  EXPECT_EQ(kinds.front(), "filesystem.directory_created");
  // What happens in between in a directory this new may come and go before anybody can look.
  EXPECT_EQ(kinds.back(), "filesystem.directory_deleted");
  EXPECT_THAT(Err(), ::testing::ContainsRegex("filesystem.directory_created +1\n"));
  EXPECT_THAT(Err(), HasSubstr("recorded " + std::to_string(kinds.size()) + " events in "));
  EXPECT_THAT(Err(), Not(HasSubstr("overflow")));
}

TEST_F(RecordCommandTest, WritesTypedBodiesAndRealTimes) {
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  ASSERT_EQ(Record("echo 12345 > f"), 0);
  const auto after = std::chrono::system_clock::now().time_since_epoch();
  const Trace trace = ReadBack();
  ASSERT_GE(trace.events.size(), 2u);
  EXPECT_EQ(trace.out_of_order, 0u);
  const TraceEvent& first = trace.events[0];
  EXPECT_GE(first.unix_ns, std::chrono::nanoseconds(before).count());
  EXPECT_LE(first.unix_ns, std::chrono::nanoseconds(after).count());
  const auto& body = static_cast<const payloads::FileCreated&>(first.event.payload.message());
  EXPECT_EQ(body.path(), "f");
  EXPECT_NE(body.inode(), 0u);
}

TEST_F(RecordCommandTest, WritesATraceWithoutEventsWhenNothingHappened) {
  EXPECT_EQ(Record("true"), 0);
  EXPECT_EQ(directory_.Read("t.jsonl"), "");
  EXPECT_THAT(Err(), HasSubstr("recorded 0 events"));
}

TEST_F(RecordCommandTest, HidesNames) {
  options_.anonymise = true;
  fs::create_directory(directory_ / "in/payroll");
  ASSERT_EQ(Record("echo x > payroll/anna.csv; mv payroll/anna.csv payroll/bert.csv"), 0);
  const std::string text = directory_.Read("t.jsonl");
  for (const char* secret : {"payroll", "anna", "bert", "uid"}) EXPECT_THAT(text, Not(HasSubstr(secret)));
  const Trace trace = ReadBack();
  ASSERT_EQ(trace.events.back().event.header.kind, EventKind::kFileMoved);
  const auto& moved = static_cast<const payloads::FileMoved&>(trace.events.back().event.payload.message());
  EXPECT_THAT(moved.path(), ::testing::MatchesRegex("[a-z2-7]{8}/[a-z2-7]{8}\\.csv"));
  EXPECT_NE(moved.path(), moved.old_path());
}

TEST_F(RecordCommandTest, EndsCleanlyWhenInterrupted) {
  // Opening a fifo that nobody writes to blocks until a signal comes.
  EXPECT_EQ(Record("touch f; kill -INT $PPID; read line < ../never; touch g"), 130);
  EXPECT_THAT(Kinds(), ElementsAre("filesystem.file_created"));
  EXPECT_THAT(Err(), HasSubstr("interrupted"));
  EXPECT_EQ(directory_.Entries(), 3u) << "the trace and nothing beside it";
}

TEST_F(RecordCommandTest, KillsACommandThatDoesNotListenAtTheSecondSignal) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(Record("trap '' INT TERM; touch f; kill -INT $PPID; kill -TERM $PPID; read line < ../never"),
            130);
  // Without the second signal it would have been given five seconds.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_THAT(Kinds(), ElementsAre("filesystem.file_created"));
}

TEST_F(RecordCommandTest, ReportsTheSignalThatEndedTheCommand) {
  EXPECT_EQ(Record("kill -USR1 $$"), 128 + SIGUSR1);
}

TEST_F(RecordCommandTest, LeavesNothingWhereItCannotStart) {
  options_.command = {"/no/such/command"};
  EXPECT_EQ(RunRecordCommand(options_, err_), 1);
  EXPECT_THAT(Err(), HasSubstr("cannot start /no/such/command: No such file"));
  options_.watch = directory_ / "none";
  EXPECT_EQ(RunRecordCommand(options_, err_), 1);
  EXPECT_THAT(Err(), HasSubstr("none: cannot watch it"));
  EXPECT_EQ(directory_.Entries(), 2u);
  options_.out = directory_ / "no/such/t.jsonl";
  EXPECT_EQ(RunRecordCommand(options_, err_), 1);
  EXPECT_THAT(Err(), HasSubstr("t.jsonl: cannot create"));
}

TEST_F(RecordCommandTest, RefusesToRecordItself) {
  for (const char* out : {"in/t.jsonl", "in/../in/t.jsonl"}) {
    options_.out = directory_ / out;
    EXPECT_EQ(Record("true"), 1) << out;
  }
  EXPECT_THAT(Err(), HasSubstr("would be recorded itself"));
  options_.out = directory_ / "in-not/t.jsonl";
  fs::create_directory(directory_ / "in-not");
  EXPECT_EQ(Record("true"), 0);
}

TEST_F(RecordCommandTest, LeavesNoTraceWhenTheDiskIsFull) {
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {100, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  const int code = Record("touch a b c");
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, 1);
  EXPECT_THAT(Err(), HasSubstr("cannot write the trace"));
  EXPECT_FALSE(fs::exists(options_.out));
}

TEST(AddRecordCommand, TakesEverythingAfterTwoDashesAsTheCommand) {
  CLI::App app;
  RecordOptions options;
  CLI::App* const record = AddRecordCommand(app, options);
  const char* const arguments[] = {"loadgen",     "record", "--watch", "d",   "--out", "t",
                                   "--anonymise", "--",     "make",    "-j2", "--",    "--out"};
  app.parse(static_cast<int>(std::size(arguments)), arguments);
  EXPECT_TRUE(record->parsed());
  EXPECT_EQ(options.watch, "d");
  EXPECT_TRUE(options.anonymise);
  EXPECT_THAT(options.command, ElementsAre("make", "-j2", "--", "--out"));
}

}  // namespace
}  // namespace routebench::loadgen
