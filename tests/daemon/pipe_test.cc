// What is particular to pipes; what they have in common with others is in transport_conformance_test.cc.
#include "daemon/transport/pipe.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "gtest/gtest.h"

namespace routebench::transport {
namespace {

class PipeTest : public ::testing::Test {
 protected:
  PipeTest() {
    if (pipe2(to_.data(), O_CLOEXEC) != 0 || pipe2(from_.data(), O_CLOEXEC) != 0) std::abort();
  }
  ~PipeTest() override {
    for (const int end : {to_[0], to_[1], from_[0], from_[1]}) close(end);  // those that still are ours
  }
  static std::string Address(int read, int write) { return absl::StrFormat("%d,%d", read, write); }
  // Of the near side; its ends belong to the channel.
  std::unique_ptr<ByteChannel> DialNear() {
    auto channel = DialPipe(Address(from_[0], to_[1])).value();
    from_[0] = to_[1] = -1;
    return channel;
  }
  static IoResult WriteByte(ByteChannel& channel) {
    char byte = 'x';
    const std::array<iovec, 1> parts = {{{&byte, 1}}};
    return channel.Write(parts);
  }
  static bool IsOpen(int descriptor) { return fcntl(descriptor, F_GETFD) >= 0; }

  std::array<int, 2> to_;
  std::array<int, 2> from_;
};

TEST_F(PipeTest, RefusesWhatIsNotTwoNumbers) {
  for (const char* const address : {"", ",", "3", "3,", ",4", "3,4,5", "a,b", "3;4", "-1,4", "3,-4", "3, 4",
                                    "99999999999,4", "3,99999999999"}) {
    EXPECT_EQ(DialPipe(address).status().code(), absl::StatusCode::kInvalidArgument) << address;
    EXPECT_EQ(PipeListener::Listen(address).status().code(), absl::StatusCode::kInvalidArgument) << address;
  }
}

TEST_F(PipeTest, RefusesWhatIsNotTheRightEnds) {
  const int file = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const std::string& address :
       {Address(to_[1], from_[0]), Address(to_[0], to_[0]), Address(to_[1], to_[1]), Address(file, to_[1]),
        Address(to_[0], file), Address(900, 901)}) {
    EXPECT_EQ(DialPipe(address).status().code(), absl::StatusCode::kInvalidArgument) << address;
  }
  for (const int end : {file, to_[0], to_[1], from_[0]})
    EXPECT_TRUE(IsOpen(end)) << "they stay their owner's";
  close(file);
}

TEST_F(PipeTest, TakesThePairOver) {
  const int read = from_[0];
  const int write = to_[1];
  DialNear().reset();
  EXPECT_FALSE(IsOpen(read));
  EXPECT_FALSE(IsOpen(write));
}

TEST_F(PipeTest, ListensForOnePeer) {
  const auto listener = PipeListener::Listen(Address(to_[0], from_[1])).value();
  to_[0] = from_[1] = -1;
  EXPECT_FALSE(listener->is_over());
  EXPECT_EQ(listener->Accept()->channel, nullptr) << "it has not said anything";
  EXPECT_FALSE(listener->is_over());
  const auto near = DialNear();
  WriteByte(*near);
  const auto far = std::move(listener->Accept()->channel);
  ASSERT_NE(far, nullptr);
  EXPECT_TRUE(listener->is_over());
  EXPECT_EQ(listener->Accept()->channel, nullptr);
}

TEST_F(PipeTest, APeerThatGoesWithoutAWordHasCome) {
  const auto listener = PipeListener::Listen(Address(to_[0], from_[1])).value();
  to_[0] = from_[1] = -1;
  DialNear().reset();
  const auto far = std::move(listener->Accept()->channel);
  ASSERT_NE(far, nullptr);
  char byte;
  EXPECT_EQ(far->Read(&byte, 1).status, IoResult::Status::kEnd);
}

TEST_F(PipeTest, LeavesASignalAloneThatIsNotItsOwn) {
  const auto near = DialNear();
  close(std::exchange(to_[0], -1));
  sigset_t broken_pipe;
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
  EXPECT_EQ(WriteByte(*near).status, IoResult::Status::kEnd);
  sigset_t pending;
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 0)
      << "its own it takes away, where they were blocked already, too";
  pthread_kill(pthread_self(), SIGPIPE);
  EXPECT_EQ(WriteByte(*near).status, IoResult::Status::kEnd);
  sigpending(&pending);
  EXPECT_EQ(sigismember(&pending, SIGPIPE), 1);
  const timespec at_once = {};
  EXPECT_EQ(sigtimedwait(&broken_pipe, nullptr, &at_once), SIGPIPE);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
}  // namespace routebench::transport
