#include "loadgen/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kPatience = std::chrono::seconds(20);

struct Pipe {
  Pipe() {
    std::array<int, 2> ends;
    if (pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    reading = Descriptor(ends[0]);
    writing = Descriptor(ends[1]);
  }
  // Everything until the last writer is gone.
  std::string ReadAll() {
    writing.Reset();
    std::string text;
    char buffer[256];
    for (ssize_t n; (n = read(reading.get(), buffer, sizeof buffer)) > 0;)
      text.append(buffer, static_cast<size_t>(n));
    return text;
  }
  std::string ReadLine() {
    std::string text;
    for (char c; read(reading.get(), &c, 1) == 1 && c != '\n';) text += c;
    return text;
  }
  Descriptor reading;
  Descriptor writing;
};

std::vector<std::string> Shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

bool Exists(pid_t pid) { return kill(pid, 0) == 0; }

TEST(ChildProcessTest, GivesTheChildOneDescriptorAsItsThird) {
  Pipe given;
  Pipe other;
  auto child =
      ChildProcess::Start(Shell("echo here >&3; exec cat /dev/zero >/dev/null"), {given.writing.get()})
          .value();
  EXPECT_EQ(given.ReadLine(), "here");
  EXPECT_EQ(other.ReadAll(), "");  // would wait for ever if the child held it, too
  EXPECT_FALSE(child->Ended().has_value());
}

TEST(ChildProcessTest, SaysHowItEnded) {
  for (const auto& [script, clause] :
       {std::pair{"exit 7", "exited with code 7"}, std::pair{"kill -9 $$", "was killed by signal 9"}}) {
    Pipe pipe;
    auto child = ChildProcess::Start(Shell(script), {pipe.writing.get()}).value();
    pipe.ReadAll();
    EXPECT_TRUE(child->Stop(kPatience));
    EXPECT_EQ(child->Ended(), clause);
  }
}

TEST(ChildProcessTest, AnExecutableThatIsNotThere) {
  Pipe pipe;
  auto child = ChildProcess::Start({"/nonexistent"}, {pipe.writing.get()});
  if (!child.ok()) return;  // noticed at once: as good
  pipe.ReadAll();
  (*child)->Stop(kPatience);
  EXPECT_EQ((*child)->Ended(), "exited with code 127");
}

TEST(ChildProcessTest, StopLetsTheChildCleanUp) {
  Pipe pipe;
  auto child =
      ChildProcess::Start(Shell("trap 'echo bye >&3; exit 0' TERM; echo up >&3; while :; do :; done"),
                          {pipe.writing.get()})
          .value();
  EXPECT_EQ(pipe.ReadLine(), "up");
  EXPECT_TRUE(child->Stop(kPatience));
  EXPECT_EQ(pipe.ReadAll(), "bye\n");
}

TEST(ChildProcessTest, StopKillsAChildThatWillNotGo) {
  Pipe pipe;
  auto child = ChildProcess::Start(Shell("trap '' TERM; echo up >&3; exec cat /dev/zero >/dev/null"),
                                   {pipe.writing.get()})
                   .value();
  EXPECT_EQ(pipe.ReadLine(), "up");
  EXPECT_FALSE(child->Stop(std::chrono::milliseconds(1)));
  EXPECT_EQ(child->Ended(), "was killed by signal 9");
}

TEST(ChildProcessTest, TheDestructorLeavesNothing) {
  Pipe pipe;
  auto child =
      ChildProcess::Start(Shell("echo up >&3; exec cat /dev/zero >/dev/null"), {pipe.writing.get()}).value();
  EXPECT_EQ(pipe.ReadLine(), "up");
  const pid_t pid = child->pid();
  child.reset();
  EXPECT_FALSE(Exists(pid));
  EXPECT_EQ(pipe.ReadAll(), "");
}

TEST(ChildProcessTest, IgnoresCtrlC) {
  Pipe pipe;
  auto child =
      ChildProcess::Start(Shell("echo up >&3; kill -INT $$; echo still >&3"), {pipe.writing.get()}).value();
  EXPECT_EQ(pipe.ReadAll(), "up\nstill\n");
}

// The one who starts it is killed: the pipe ends because the grandchild is gone, too.
TEST(ChildProcessTest, DiesWithItsParent) {
  Pipe pipe;
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    auto child =
        ChildProcess::Start(Shell("echo up >&3; exec cat /dev/zero >/dev/null"), {pipe.writing.get()});
    pause();
    _exit(0);
  }
  EXPECT_EQ(pipe.ReadLine(), "up");
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  EXPECT_EQ(pipe.ReadAll(), "");  // would wait for ever while the grandchild lives
}

}  // namespace
}  // namespace routebench::loadgen
