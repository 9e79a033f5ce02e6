#include "daemon/transport/unix_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/daemon/hosted_daemon.h"

namespace routebench::transport {
namespace {

using ::routebench::testing::PrivateDirectory;

constexpr uid_t kSomebodyElse = 65534;

class UnixSocketTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name = "eventd.sock") const {
    return (directory_.path() / name).string();
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat info;
    return stat(path.c_str(), &info) == 0 ? info.st_mode & 07777 : 0;
  }
  // Bound at path(), nobody listens yet.
  int Bind() const {
    const sockaddr_un address = Address();
    const int descriptor = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return descriptor;
  }
  sockaddr_un Address() const {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path().c_str(), sizeof address.sun_path - 1);
    return address;
  }
  // What a daemon leaves that was killed.
  void LeaveStaleSocket() {
    const int descriptor = Bind();
    ASSERT_EQ(listen(descriptor, 1), 0);
    close(descriptor);
    std::ofstream(path() + ".lock");
  }

  PrivateDirectory directory_;
};

TEST_F(UnixSocketTest, ListensInADirectoryOfItsOwn) {
  const std::string nested = path("new/eventd.sock");
  {
    const auto listener = UnixListener::Listen(nested);
    ASSERT_TRUE(listener.ok()) << listener.status();
    EXPECT_EQ(ModeOf(path("new")), 0700u);
    EXPECT_EQ(ModeOf(nested), 0600u);
  }
  EXPECT_FALSE(std::filesystem::exists(nested));
  EXPECT_FALSE(std::filesystem::exists(nested + ".lock"));
}

TEST_F(UnixSocketTest, CarriesBytesBothWays) {
  const auto listener = UnixListener::Listen(path());
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_EQ((*listener)->Accept()->channel, nullptr) << "nobody is there yet";
  const auto near = DialUnix(path());
  ASSERT_TRUE(near.ok()) << near.status();
  const auto accepted = (*listener)->Accept();
  ASSERT_TRUE(accepted.ok() && accepted->channel != nullptr);
  EXPECT_EQ(accepted->pid, getpid());
  const auto* const far = &accepted->channel;
  std::array<char, 16> in;
  EXPECT_EQ((*far)->Read(in.data(), in.size()).status, IoResult::Status::kWouldBlock);
  char hello[] = "hello";
  char world[] = "world";
  const std::array<iovec, 2> parts = {{{hello, 5}, {world, 5}}};
  EXPECT_EQ((*near)->Write(parts).bytes, 10u);
  const IoResult read = (*far)->Read(in.data(), in.size());
  EXPECT_EQ(std::string(in.data(), read.bytes), "helloworld");
  (*near)->Shutdown();
  EXPECT_EQ((*far)->Read(in.data(), in.size()).status, IoResult::Status::kEnd);
  EXPECT_EQ((*far)->Write(parts).status, IoResult::Status::kEnd);
}

TEST_F(UnixSocketTest, AFullSocketWouldBlock) {
  const auto listener = UnixListener::Listen(path());
  const auto near = DialUnix(path());
  ASSERT_TRUE(near.ok());
  std::string block(1 << 16, 'x');
  const std::array<iovec, 1> parts = {{{block.data(), block.size()}}};
  IoResult result;
  do {
    result = (*near)->Write(parts);
  } while (result.status == IoResult::Status::kDone);
  EXPECT_EQ(result.status, IoResult::Status::kWouldBlock);
}

TEST_F(UnixSocketTest, ReplacesAStaleSocket) {
  LeaveStaleSocket();
  EXPECT_EQ(DialUnix(path()).status().code(), absl::StatusCode::kUnavailable);
  const auto listener = UnixListener::Listen(path());
  ASSERT_TRUE(listener.ok()) << listener.status();
  EXPECT_TRUE(DialUnix(path()).ok());
}

TEST_F(UnixSocketTest, NeverReplacesALivingDaemon) {
  const auto first = UnixListener::Listen(path());
  ASSERT_TRUE(first.ok());
  const auto second = UnixListener::Listen(path());
  EXPECT_EQ(second.status().code(), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(DialUnix(path()).ok()) << "the first still listens";
}

TEST_F(UnixSocketTest, NeverReplacesALivingDaemonWhoseLockIsGone) {
  const auto first = UnixListener::Listen(path());
  ASSERT_TRUE(first.ok());
  std::filesystem::remove(path() + ".lock");
  EXPECT_EQ(UnixListener::Listen(path()).status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(UnixSocketTest, RefusesWhileAnotherStarts) {
  const int lock = open((path() + ".lock").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(flock(lock, LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(UnixListener::Listen(path()).status().code(), absl::StatusCode::kAlreadyExists);
  close(lock);
  EXPECT_TRUE(UnixListener::Listen(path()).ok());
}

TEST_F(UnixSocketTest, RefusesAPathThatIsTooLong) {
  const std::string too_long = path(std::string(120, 'x'));
  EXPECT_EQ(UnixListener::Listen(too_long).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(DialUnix(too_long).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(UnixSocketTest, RefusesWhatIsNotASocket) {
  std::ofstream(path()) << "precious";
  EXPECT_EQ(UnixListener::Listen(path()).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(UnixSocketTest, RefusesADirectoryThatIsOpenToOthers) {
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  EXPECT_EQ(UnixListener::Listen(path()).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(UnixSocketTest, RefusesADirectoryOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make one";
  ASSERT_EQ(chown(directory_.path().c_str(), 65534, 65534), 0);
  EXPECT_EQ(UnixListener::Listen(path()).status().code(), absl::StatusCode::kPermissionDenied);
  ASSERT_EQ(chown(directory_.path().c_str(), 0, 0), 0);
}

TEST_F(UnixSocketTest, LeavesASocketOfAnotherUserAlone) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can make one";
  close(Bind());
  ASSERT_EQ(chown(path().c_str(), kSomebodyElse, kSomebodyElse), 0);
  EXPECT_EQ(UnixListener::Listen(path()).status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(UnixSocketTest, RefusesAListenerOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  const int other = Bind();
  ASSERT_EQ(seteuid(kSomebodyElse), 0);
  const int listening = listen(other, 1);
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_EQ(listening, 0);
  EXPECT_EQ(DialUnix(path()).status().code(), absl::StatusCode::kPermissionDenied);
  close(other);
}

// Whom the modes would keep out is refused by his credentials, too.
TEST_F(UnixSocketTest, RefusesAPeerOfAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  const auto listener = UnixListener::Listen(path());
  ASSERT_TRUE(listener.ok()) << listener.status();
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(chmod(path().c_str(), 0666), 0);
  const int other = socket(AF_UNIX, SOCK_STREAM, 0);
  const sockaddr_un address = Address();
  ASSERT_EQ(seteuid(kSomebodyElse), 0);
  const int connected = connect(other, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_EQ(connected, 0);
  EXPECT_EQ((*listener)->Accept().status().code(), absl::StatusCode::kPermissionDenied);
  char byte;
  EXPECT_EQ(read(other, &byte, 1), 0) << "it has been closed";
  close(other);
  EXPECT_EQ((*listener)->Accept()->channel, nullptr);
}

TEST_F(UnixSocketTest, SaysThatNobodyIsThere) {
  EXPECT_EQ(DialUnix(path()).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace routebench::transport
