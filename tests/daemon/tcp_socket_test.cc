// What is particular to TCP; what it has in common with others is in transport_conformance_test.cc.
#include "daemon/transport/tcp_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace routebench::transport {
namespace {

using ::testing::MatchesRegex;

std::string AddressOf(const Listener& listener) { return listener.endpoint().substr(4); }

int OptionOf(const ByteChannel& channel, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(channel.readable().descriptor, level, option, &value, &size);
  return value;
}

TEST(TcpSocket, ListensOnAPortThatIsFreeAndNamesIt) {
  const auto first = TcpListener::Listen("127.0.0.1:0", {});
  const auto second = TcpListener::Listen("localhost:0", {});
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT((*first)->endpoint(), MatchesRegex("tcp:127.0.0.1:[1-9][0-9]*"));
  EXPECT_THAT((*second)->endpoint(), MatchesRegex("tcp:127.0.0.1:[1-9][0-9]*"));
  EXPECT_NE((*first)->endpoint(), (*second)->endpoint());
  EXPECT_TRUE(DialTcp(AddressOf(**second), {}).ok());
}

TEST(TcpSocket, KnowsIPv6) {
  const auto listener = TcpListener::Listen("[::1]:0", {});
  if (!listener.ok()) GTEST_SKIP() << "no IPv6 here: " << listener.status();
  EXPECT_THAT((*listener)->endpoint(), MatchesRegex("tcp:\\[::1\\]:[1-9][0-9]*"));
  const auto near = DialTcp(AddressOf(**listener), {});
  ASSERT_TRUE(near.ok()) << near.status();
  EXPECT_NE((*listener)->Accept()->channel, nullptr);
}

TEST(TcpSocket, SendsAtOnceAndNoticesDeadMachines) {
  const auto listener = TcpListener::Listen("127.0.0.1:0", {});
  const auto near = DialTcp(AddressOf(**listener), {});
  ASSERT_TRUE(near.ok()) << near.status();
  const Accepted far = *(*listener)->Accept();
  for (const ByteChannel* const channel : {near->get(), far.channel.get()}) {
    EXPECT_EQ(OptionOf(*channel, IPPROTO_TCP, TCP_NODELAY), 1);
    EXPECT_EQ(OptionOf(*channel, SOL_SOCKET, SO_KEEPALIVE), 1);
  }
}

TEST(TcpSocket, KnowsNobody) { EXPECT_FALSE((*TcpListener::Listen("127.0.0.1:0", {}))->knows_peers()); }

TEST(TcpSocket, RefusesAddressesThatOthersCanReach) {
  for (const char* const address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:0", "[::ffff:127.0.0.1]:0"}) {
    EXPECT_EQ(TcpListener::Listen(address, {}).status().code(), absl::StatusCode::kPermissionDenied)
        << address;
  }
  const auto allowed = TcpListener::Listen("0.0.0.0:0", {.allow_remote = true});
  ASSERT_TRUE(allowed.ok()) << allowed.status();
  EXPECT_THAT((*allowed)->endpoint(), MatchesRegex("tcp:0.0.0.0:[1-9][0-9]*"));
}

TEST(TcpSocket, LooksUpNoNames) {
  for (const char* const address :
       {"", ":", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:1x",
        "127.1:0", "localhost.:0", "example.com:80", "::1:0", "[::1]", "[]:0", "[127.0.0.1]:0", "[::1:0",
        "127.0.0.1: 1"}) {
    EXPECT_EQ(TcpListener::Listen(address, {}).status().code(), absl::StatusCode::kInvalidArgument)
        << address;
    EXPECT_EQ(DialTcp(address, {}).status().code(), absl::StatusCode::kInvalidArgument) << address;
  }
}

TEST(TcpSocket, TellsWhoIsThereAndWhoIsNot) {
  auto listener = TcpListener::Listen("127.0.0.1:0", {});
  const std::string address = AddressOf(**listener);
  EXPECT_EQ(TcpListener::Listen(address, {}).status().code(), absl::StatusCode::kAlreadyExists);
  listener->reset();
  EXPECT_EQ(DialTcp(address, {}).status().code(), absl::StatusCode::kUnavailable);
}

TEST(TcpSocket, TheNextDaemonMayTakeThePortAtOnce) {
  auto listener = TcpListener::Listen("127.0.0.1:0", {});
  const std::string address = AddressOf(**listener);
  const auto near = DialTcp(address, {});
  (*listener)->Accept()->channel.reset();  // whoever closes first keeps the port for a minute
  listener->reset();
  const auto next = TcpListener::Listen(address, {});
  EXPECT_TRUE(next.ok()) << next.status();
}

TEST(TcpSocket, GivesUpInTime) {
  // A backlog of one that is full does not answer any more.
  const int full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in bound = {};
  bound.sin_family = AF_INET;
  bound.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof bound;
  ASSERT_EQ(bind(full, reinterpret_cast<const sockaddr*>(&bound), size), 0);
  ASSERT_EQ(listen(full, 0), 0);
  ASSERT_EQ(getsockname(full, reinterpret_cast<sockaddr*>(&bound), &size), 0);
  const std::string address = "127.0.0.1:" + std::to_string(ntohs(bound.sin_port));
  std::vector<std::unique_ptr<ByteChannel>> waiting;
  absl::Status status;
  while (status.ok() && waiting.size() < 10) {
    auto dialled = DialTcp(address, {.timeout = std::chrono::milliseconds(20)});
    status = dialled.status();
    if (dialled.ok()) waiting.push_back(*std::move(dialled));
  }
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded) << status;
  close(full);
}

}  // namespace
}  // namespace routebench::transport
