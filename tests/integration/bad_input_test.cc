// What users and files get wrong, on the real executables: a sentence on standard error, the exit code,
// nothing half-written, nothing left running.
//
//   unknown flags, backends, patterns, units, mixes that do not sum   Usage
//   rates of 0 or beyond what can be offered                          Usage
//   unreadable or truncated traces, with the line                     Traces
//   unknown types in a trace are custom, and counted                  Traces.UnknownTypesAreCustomAndCounted
//   truncated or foreign records                                      Records
//   a socket path that is too long or not ours                        Sockets
//   a daemon that dies in the handshake                               Sockets.ADaemonThatDiesInTheHandshake
//   a daemon that dies in mid-run                                     loadgen_test, ADaemonThatDiesInMidRun
//   no space left while writing                                       Space; loadgen_test, DoesNotFit
//   Ctrl-C                                                            Interrupt; loadgen_test, EndsEarly
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

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
using Words = std::vector<std::string>;

class BadInput : public ::testing::Test {
 protected:
  static std::string Executable(const char* variable) {
    const char* const path = std::getenv(variable);
    return path == nullptr ? "" : path;
  }
  Finished Run(const char* variable, Words words, const LoadgenRun::Settings& settings = {}) {
    words.insert(words.begin(), Executable(variable));
    return LoadgenRun(words, directory_, settings).Wait();
  }
  Finished Loadgen(Words words) { return Run("ROUTEBENCH_LOADGEN", std::move(words)); }
  Finished Analysis(Words words) { return Run("ROUTEBENCH_ANALYSIS", std::move(words)); }

  // One sentence that holds `part`, and nothing on standard output.
  static void ExpectRefused(const Finished& run, int code, const std::string& part) {
    EXPECT_EQ(run.code, code) << run.err;
    EXPECT_THAT(run.err, HasSubstr(part));
    EXPECT_EQ(run.out, "");
  }
  std::string Path(const std::string& name) const { return directory_.path() + "/" + name; }
  std::string Write(const std::string& name, const std::string& content) const {
    std::ofstream(Path(name), std::ios::binary) << content;
    return Path(name);
  }
  // Another directory: what is in it does not count as left behind.
  std::string Elsewhere(const std::string& name) const { return elsewhere_.path() + "/" + name; }

  PrivateDirectory directory_;
  PrivateDirectory elsewhere_;
};

const Words kShort = {"--duration", "100ms", "--warmup", "0s", "--rate", "1k/s"};

Words With(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

using Usage = BadInput;

TEST_F(Usage, OfARunNamesTheFlag) {
  const std::vector<std::pair<Words, std::string>> wrong = {
      {{"--nonsense"}, "--nonsense"},
      {{"--backend", "pigeon"}, "--backend: 'pigeon' is unknown; one of coordinator"},
      {{"--pattern", "wave"}, "--pattern: 'wave' is unknown; one of steady"},
      {{"--rate", "50q/s"}, "--rate: '50q/s' is not a rate; write 500/s"},
      {{"--duration", "3"}, "--duration: '3' is not a duration"},
      {{"--payload", "512KB"}, "--payload: '512KB' is not a size"},
      {{"--mix", "filesystem=60,database=30"}, "--mix"},
      {{"--rate", "0/s"}, "--rate"},
      {{"--rate", "5000M/s"}, "--rate"},
      {{"--rate", "900M/s"}, "lower --rate"},
      {{"--out"}, "--out"},
  };
  for (const auto& [words, part] : wrong) ExpectRefused(Loadgen(words), 64, part);
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

TEST_F(Usage, OfTheOtherCommands) {
  ExpectRefused(Loadgen({"record", "--nonsense"}), 64, "--");
  ExpectRefused(Loadgen({"campaign", "--out", Path("c"), "--cell", "wave:1"}), 64,
                "--pattern: 'wave' is unknown");
  ExpectRefused(Analysis({"fly"}), 64, "A subcommand is required");
  ExpectRefused(Run("ROUTEBENCH_EVENTD", {"--nonsense"}), 64, "--nonsense");
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

using Traces = BadInput;

const char kEvent[] =
    R"({"specversion":"1.0","id":"1","source":"/s","type":"com.example.x","time":"2026-01-31T12:00:00Z"})"
    "\n";

TEST_F(Traces, ThatCannotBeRead) {
  ExpectRefused(Loadgen({"--replay", Path("none")}), 1, "none: cannot open the trace");
  ExpectRefused(Loadgen({"--replay", elsewhere_.path()}), 1, "cannot read the trace: Is a directory");
  std::ofstream(Elsewhere("empty"));
  ExpectRefused(Loadgen({"--replay", Elsewhere("empty")}), 1, "the trace holds no event");
}

TEST_F(Traces, ThatAreTruncatedOrSomethingElse) {
  std::ofstream(Elsewhere("cut")) << kEvent << kEvent << R"({"specversion":)";
  ExpectRefused(Loadgen({"--replay", Elsewhere("cut"), "--backend", "null"}), 1, "cut: line 3: not JSON");
  std::ofstream(Elsewhere("other")) << kEvent << "{\"a\":1}\n";
  ExpectRefused(Loadgen({"--replay", Elsewhere("other")}), 1, "other: line 2");
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

TEST_F(Traces, UnknownTypesAreCustomAndCounted) {
  std::ofstream(Elsewhere("t")) << kEvent << kEvent;
  const Finished run = Loadgen({"--replay", Elsewhere("t"), "--print-plan"});
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.err, HasSubstr("2 events of unknown types are sent as custom events"));
  EXPECT_THAT(run.out, HasSubstr("custom"));
}

using Records = BadInput;

TEST_F(Records, ThatAreTruncatedForeignOrNotThere) {
  const Finished run = Loadgen(With(kShort, {"--out", Elsewhere("a.run")}));
  ASSERT_TRUE(run.code == 0 || run.code == 4) << run.err;
  ASSERT_EQ(truncate(Elsewhere("a.run").c_str(), 100), 0);
  ExpectRefused(Analysis({"show", Elsewhere("a.run")}), 1, "a.run: truncated");
  ExpectRefused(Analysis({"report", elsewhere_.path(), "--out", Path("report")}), 1, "a.run: truncated");
  std::ofstream(Elsewhere("a.run")) << "hello, this is not what you look for";
  ExpectRefused(Analysis({"show", Elsewhere("a.run")}), 1, "a.run: not a run record");
  ExpectRefused(Analysis({"show", Elsewhere("none.run")}), 1, "none.run: cannot be opened");
  ExpectRefused(Analysis({"report", Path("none"), "--out", Path("report")}), 1, "none");
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

using Sockets = BadInput;

TEST_F(Sockets, ThatAreTooLong) {
  const std::string path = "/tmp/" + std::string(150, 'x');
  ExpectRefused(Loadgen(With(kShort, {"--backend", "daemon", "--endpoint", path})), 1,
                "has 155 bytes; a socket address holds 1 to 107");
  ExpectRefused(Run("ROUTEBENCH_EVENTD", {"--listen", path}), 1, "has 155 bytes");
}

TEST_F(Sockets, ThatAreNotOurs) {
  std::ofstream(Elsewhere("file"));
  ExpectRefused(Loadgen(With(kShort, {"--backend", "daemon", "--endpoint", Elsewhere("file")})), 1,
                Elsewhere("file"));
  ExpectRefused(Run("ROUTEBENCH_EVENTD", {"--listen", Elsewhere("file")}), 1, Elsewhere("file"));
  EXPECT_TRUE(std::filesystem::exists(Elsewhere("file"))) << "it is not replaced";
  ASSERT_EQ(chmod(elsewhere_.path().c_str(), 0777), 0);
  ExpectRefused(Run("ROUTEBENCH_EVENTD", {"--listen", Elsewhere("s")}), 1, "is open to other users");
}

constexpr uid_t kSomebodyElse = 65534;

// Bound at `path`; the caller closes it.
int BindAt(const std::string& path) {
  const int bound = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  EXPECT_EQ(bind(bound, reinterpret_cast<sockaddr*>(&address), sizeof address), 0) << std::strerror(errno);
  return bound;
}

TEST_F(Sockets, ThatBelongToAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make a socket of another user";
  const std::string path = Elsewhere("s");
  close(BindAt(path));
  ASSERT_EQ(chown(path.c_str(), kSomebodyElse, kSomebodyElse), 0);
  ExpectRefused(Run("ROUTEBENCH_EVENTD", {"--listen", path}), 1, path + " belongs to user 65534, not to us");
  struct stat info {};
  ASSERT_EQ(stat(path.c_str(), &info), 0) << "it is not replaced";
  EXPECT_EQ(info.st_uid, kSomebodyElse);

  ASSERT_EQ(chown(elsewhere_.path().c_str(), kSomebodyElse, kSomebodyElse), 0);
  ExpectRefused(Run("ROUTEBENCH_EVENTD", {"--listen", path}), 1,
                "the directory " + elsewhere_.path() + " belongs to user 65534, not to us");
}

TEST_F(Sockets, WhereAnotherUserListens) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can listen as another user";
  const int listener = BindAt(Elsewhere("s"));
  ASSERT_EQ(seteuid(kSomebodyElse), 0);
  const int listening = listen(listener, 1);
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_EQ(listening, 0);
  ExpectRefused(Loadgen(With(kShort, {"--backend", "daemon", "--endpoint", Elsewhere("s")})), 1,
                "belongs to user 65534, not to us");
  close(listener);
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

TEST_F(Sockets, ADaemonThatDiesInTheHandshake) {
  const int listener = BindAt(Elsewhere("s"));
  ASSERT_EQ(listen(listener, 1), 0);
  std::thread daemon([listener] { close(accept(listener, nullptr, nullptr)); });
  const Finished run = Loadgen(With(kShort, {"--backend", "daemon", "--endpoint", Elsewhere("s")}));
  daemon.join();
  close(listener);
  ExpectRefused(run, 1, "loadgen: ");
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

TEST_F(Sockets, ADaemonThatIsReadyAndGone) {
  std::ofstream(Elsewhere("eventd")) << "#!/bin/sh\necho >&3\n";
  chmod(Elsewhere("eventd").c_str(), 0700);
  ExpectRefused(Loadgen(With(kShort, {"--backend", "daemon", "--eventd", Elsewhere("eventd")})), 1,
                "there is no daemon at");
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

using Space = BadInput;

TEST_F(Space, ForATrace) {
  const Finished run =
      Run("ROUTEBENCH_LOADGEN",
          {"record", "--watch", elsewhere_.path(), "--out", Path("t.jsonl"), "--", "/bin/sh", "-c",
           "cd " + elsewhere_.path() + "; for i in 1 2 3 4 5 6 7 8 9; do mkdir $i; done"},
          {.largest_file = 1000});
  ExpectRefused(run, 1, "t.jsonl: cannot write the trace");
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

TEST_F(Space, NoDeviceIsReplaced) {
  ASSERT_EQ(mkfifo(Elsewhere("pipe").c_str(), 0600), 0);
  ExpectRefused(
      Loadgen({"record", "--watch", directory_.path(), "--out", Elsewhere("pipe"), "--", "/bin/true"}), 1,
      "is not a regular file");
  const Finished run = Loadgen(With(kShort, {"--out", Elsewhere("pipe")}));
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.err, HasSubstr("is not a regular file"));
  EXPECT_TRUE(std::filesystem::is_fifo(Elsewhere("pipe")));
}

TEST_F(Space, ForAReport) {
  for (const char* backend : {"coordinator", "coordinator:inline"}) {
    const Finished made = Loadgen(With(kShort, {"--backend", backend, "--out", Elsewhere(backend) + ".run"}));
    ASSERT_TRUE(made.code == 0 || made.code == 4) << made.err;
  }
  const Finished run = Run("ROUTEBENCH_ANALYSIS", {"report", elsewhere_.path(), "--out", Path("report")},
                           {.largest_file = 100});
  EXPECT_EQ(run.code, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr(Path("report")));
  EXPECT_THAT(directory_.Files(), IsEmpty()) << "nothing half-written";
}

using Interrupt = BadInput;

TEST_F(Interrupt, EndsARecordingWithWhatThereIs) {
  LoadgenRun run(
      {Executable("ROUTEBENCH_LOADGEN"), "record", "--watch", elsewhere_.path(), "--out", Path("t.jsonl"),
       "--", "/bin/sh", "-c", "touch " + Elsewhere("a") + "; echo started >&2; exec sleep 1000"},
      directory_);
  run.AwaitError("started");
  run.Signal(SIGINT);
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 130) << finished.err;
  EXPECT_THAT(directory_.Files(), ::testing::ElementsAre("t.jsonl"));
}

TEST_F(Interrupt, EndsACampaignAndKeepsFinishedRunsOnly) {
  LoadgenRun run({Executable("ROUTEBENCH_LOADGEN"), "campaign", "--out", Elsewhere("runs"), "--cell",
                  "steady:9", "--", "--duration", "10m", "--rate", "200/s"},
                 directory_);
  run.AwaitError("run 1 of 18");
  run.Signal(SIGINT);
  const Finished finished = run.Wait();
  EXPECT_EQ(finished.code, 130) << finished.err;
  EXPECT_TRUE(std::filesystem::is_empty(Elsewhere("runs")));
  EXPECT_THAT(directory_.Files(), IsEmpty());
}

}  // namespace
}  // namespace routebench
