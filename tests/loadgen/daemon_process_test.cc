#include "loadgen/daemon_process.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/loadgen/temporary_directory.h"

namespace routebench::loadgen {
namespace {

using routebench::testing::TemporaryDirectory;
using ::testing::HasSubstr;

// Scripts in the place of eventd; what a daemon puts into the file system goes to a directory of the test's.
class DaemonProcessTest : public ::testing::Test {
 protected:
  DaemonProcessTest() {
    std::filesystem::create_directory(temporary());
    setenv("TMPDIR", temporary().c_str(), 1);
  }
  ~DaemonProcessTest() override { unsetenv("TMPDIR"); }

  std::string temporary() const { return directory_ / "tmp"; }
  bool NothingLeft() const { return std::filesystem::is_empty(temporary()); }
  std::string Script(const std::string& body) {
    const std::string path = directory_.Write("eventd", "#!/bin/sh\n" + body);
    chmod(path.c_str(), 0700);
    return path;
  }

  TemporaryDirectory directory_;
};

TEST_F(DaemonProcessTest, StartsWhenItIsReadyAndLeavesNothing) {
  {
    const auto daemon =
        DaemonProcess::Start(Script("echo \"$@\" > \"$2\"; echo >&3; exec sleep 1000")).value();
    EXPECT_EQ(daemon->Trouble(), "");
    EXPECT_EQ(kill(daemon->pid(), 0), 0);
    const std::filesystem::path socket = daemon->TakeAddress().endpoint;
    struct stat directory;
    ASSERT_EQ(stat(socket.parent_path().c_str(), &directory), 0);
    EXPECT_EQ(directory.st_mode & 0777, 0700u);
    EXPECT_TRUE(std::filesystem::exists(socket)) << "it was told where to listen";
    daemon->RemoveFiles();
    EXPECT_TRUE(NothingLeft());
    EXPECT_EQ(daemon->Trouble(), "");
  }
  EXPECT_TRUE(NothingLeft());
}

TEST_F(DaemonProcessTest, IsToldHowToBalanceWhereToKeepNamesAndHowToWait) {
  const std::string script =
      Script("echo \"$@\" > " + (directory_ / "arguments") + "; echo >&3; exec sleep 1000");
  const auto arguments = [&](const DaemonSettings& settings) {
    const auto daemon = DaemonProcess::Start(script, settings).value();
    std::ifstream file(directory_ / "arguments");
    std::string line;
    std::getline(file, line);
    return line;
  };
  EXPECT_THAT(arguments({}),
              ::testing::Not(::testing::AnyOf(HasSubstr("--balancing"), HasSubstr("--state"))));
  EXPECT_THAT(arguments({.balancer = "least-connections"}), HasSubstr("--balancing least-connections"));
  EXPECT_THAT(arguments({.keeps_names = true}), HasSubstr("--state " + temporary()));
  EXPECT_THAT(arguments({.wait = "adaptive"}), HasSubstr("--wait adaptive"));
  EXPECT_TRUE(NothingLeft());
}

TEST_F(DaemonProcessTest, IsToldASecretWhereItListensForAnybody) {
  const auto daemon = DaemonProcess::Start(
                          Script("cat \"$4\" >/dev/null && echo ready tcp:127.0.0.1:47 >&3; exec sleep 1000"),
                          {.transport = "tcp"})
                          .value();
  const DaemonAddress address = daemon->TakeAddress();
  EXPECT_EQ(address.endpoint, "tcp:127.0.0.1:47");
  EXPECT_EQ(std::filesystem::file_size(address.token_file), 64u);
  struct stat token;
  ASSERT_EQ(stat(address.token_file.c_str(), &token), 0);
  EXPECT_EQ(token.st_mode & 0777, 0600u);
  EXPECT_EQ(daemon->TakeAddress().endpoint, address.endpoint);
  daemon->RemoveFiles();
  EXPECT_TRUE(NothingLeft());
}

TEST_F(DaemonProcessTest, HasAPipeForEachConnection) {
  const auto daemon =
      DaemonProcess::Start(Script("echo \"$2 $4\" >&5; echo >&3; exec sleep 1000"), {.transport = "pipe"})
          .value();
  int read = -1;
  int write = -1;
  ASSERT_EQ(std::sscanf(daemon->TakeAddress().endpoint.c_str(), "pipe:%d,%d", &read, &write), 2);
  const Descriptor ours(read);
  const Descriptor to_it(write);
  std::array<char, 64> line;
  const ssize_t size = ::read(ours.get(), line.data(), line.size());
  EXPECT_EQ(std::string(line.data(), static_cast<size_t>(size)), "pipe:4,5 pipe:6,7\n");
  EXPECT_NE(daemon->TakeAddress().endpoint, absl::StrCat("pipe:", read, ",", write));
}

TEST_F(DaemonProcessTest, StopsItWithItself) {
  pid_t pid = 0;
  {
    const auto daemon = DaemonProcess::Start(Script("echo >&3; exec sleep 1000")).value();
    pid = daemon->pid();
  }
  EXPECT_NE(kill(pid, 0), 0);
  EXPECT_TRUE(NothingLeft());
}

TEST_F(DaemonProcessTest, NoticesItsDeath) {
  const auto daemon = DaemonProcess::Start(Script("echo >&3; kill -9 $$")).value();
  std::string trouble;
  const TimePoint deadline = Clock::System().Now() + std::chrono::seconds(20);
  while (trouble.empty() && Clock::System().Now() < deadline) trouble = daemon->Trouble();
  EXPECT_EQ(trouble, "the daemon was killed by signal 9");
}

TEST_F(DaemonProcessTest, SaysHowItEndedBeforeItListened) {
  const std::string script = Script("exit 3");
  const auto daemon = DaemonProcess::Start(script);
  EXPECT_EQ(daemon.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(daemon.status().message()), script + " exited with code 3 before it listened");
  EXPECT_TRUE(NothingLeft());
}

TEST_F(DaemonProcessTest, SaysThatThereIsNoPlaceForTheSocket) {
  setenv("TMPDIR", "/nonexistent", 1);
  EXPECT_EQ(DaemonProcess::Start("/bin/true").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(DaemonProcessTest, FindsTheExecutable) {
  const std::string script = Script("");
  EXPECT_EQ(FindEventd(script).value(), script);
  EXPECT_EQ(std::string(FindEventd("/nonexistent/eventd").status().message()),
            "--eventd: /nonexistent/eventd is not an executable file");
  EXPECT_FALSE(FindEventd(directory_.Write("data", "")).ok());
}

TEST_F(DaemonProcessTest, LooksOnThePathLast) {
  const std::string before = std::getenv("PATH");
  setenv("PATH", ("/nonexistent:" + directory_.path().string()).c_str(), 1);
  const auto none = FindEventd("");
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("/nonexistent/eventd"));
  EXPECT_THAT(std::string(none.status().message()), HasSubstr("--eventd"));
  const std::string script = Script("");
  EXPECT_EQ(FindEventd("").value(), script);
  setenv("PATH", before.c_str(), 1);
}

}  // namespace
}  // namespace routebench::loadgen
