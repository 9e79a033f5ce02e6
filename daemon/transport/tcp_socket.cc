#include "daemon/transport/tcp_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "daemon/transport/stream_socket.h"

namespace routebench::transport {
namespace {

constexpr int kBacklog = 128;
// A peer whose machine is gone is noticed after about a minute.
constexpr int kKeepAliveIdleSeconds = 30;
constexpr int kKeepAliveIntervalSeconds = 10;
constexpr int kKeepAliveProbes = 3;

union SocketAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;

  socklen_t size() const { return any.sa_family == AF_INET6 ? sizeof v6 : sizeof v4; }
};

absl::Status SystemError(const char* what, const std::string& address, int error) {
  return absl::InternalError(absl::StrFormat("%s tcp:%s: %s", what, address, std::strerror(error)));
}

// Where `text` is a port, in network order.
bool ParsePort(std::string_view text, in_port_t* port) {
  uint16_t number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  *port = htons(number);
  return result.ec == std::errc() && result.ptr == text.data() + text.size();
}

absl::StatusOr<SocketAddress> AddressOf(const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, colon);
  if (host == "localhost") host = "127.0.0.1";
  in_port_t port = 0;
  if (colon != std::string::npos && ParsePort(std::string_view(text).substr(colon + 1), &port)) {
    SocketAddress address = {};
    if (inet_pton(AF_INET, host.c_str(), &address.v4.sin_addr) == 1) {
      address.v4.sin_family = AF_INET;
      address.v4.sin_port = port;
      return address;
    }
    address = {};
    if (host.size() > 2 && host.front() == '[' && host.back() == ']' &&
        inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &address.v6.sin6_addr) == 1) {
      address.v6.sin6_family = AF_INET6;
      address.v6.sin6_port = port;
      return address;
    }
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "tcp:%s is not tcp:HOST:PORT: HOST is a number ([..] around IPv6) or localhost, PORT is 0 "
      "to 65535",
      text));
}

std::string TextOf(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> host;
  if (address.any.sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &address.v6.sin6_addr, host.data(), host.size());
    return absl::StrFormat("tcp:[%s]:%u", host.data(), ntohs(address.v6.sin6_port));
  }
  inet_ntop(AF_INET, &address.v4.sin_addr, host.data(), host.size());
  return absl::StrFormat("tcp:%s:%u", host.data(), ntohs(address.v4.sin_port));
}

bool IsLoopback(const SocketAddress& address) {
  if (address.any.sa_family == AF_INET6) return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
  return (ntohl(address.v4.sin_addr.s_addr) >> 24) == IN_LOOPBACKNET;
}

int OpenSocket(const SocketAddress& address) {
  return socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
}

class TcpChannel final : public SocketChannel {
 public:
  explicit TcpChannel(int descriptor) : SocketChannel(descriptor) {
    Set(SOL_SOCKET, SO_KEEPALIVE, 1);
    Set(IPPROTO_TCP, TCP_NODELAY, 1);
    Set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
    Set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
    Set(IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
  }
  // What has not been read would turn the close into a reset, which may overtake what was written.
  ~TcpChannel() override { recv(descriptor(), nullptr, INT_MAX, MSG_TRUNC | MSG_DONTWAIT); }

 private:
  void Set(int level, int option, int value) {
    setsockopt(descriptor(), level, option, &value, sizeof value);
  }
};

// What the attempt came to, as an errno.
absl::StatusOr<int> AwaitConnected(int descriptor, const std::string& address,
                                   std::chrono::nanoseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  pollfd polled = {descriptor, POLLOUT, 0};
  int ready;
  do {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    ready = poll(&polled, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, INT_MAX)));
  } while (ready < 0 && errno == EINTR);
  if (ready == 0)
    return absl::DeadlineExceededError(absl::StrFormat("tcp:%s did not answer in time", address));
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

// Without a listener, a port that the system chooses for us can be the one that we call.
bool IsConnectedToItself(int descriptor) {
  SocketAddress ours = {};
  SocketAddress theirs = {};
  socklen_t size = sizeof ours;
  if (getsockname(descriptor, &ours.any, &size) != 0) return false;
  size = sizeof theirs;
  if (getpeername(descriptor, &theirs.any, &size) != 0) return false;
  return TextOf(ours) == TextOf(theirs);
}

absl::Status Connect(int descriptor, const SocketAddress& address, const std::string& text,
                     std::chrono::nanoseconds timeout) {
  int error = connect(descriptor, &address.any, address.size()) == 0 ? 0 : errno;
  if (error == EINPROGRESS || error == EINTR) {
    const absl::StatusOr<int> result = AwaitConnected(descriptor, text, timeout);
    if (!result.ok()) return result.status();
    error = *result;
  }
  if (error == 0 && IsConnectedToItself(descriptor)) error = ECONNREFUSED;
  switch (error) {
    case 0:
      return absl::OkStatus();
    case ECONNREFUSED:
      return absl::UnavailableError(absl::StrFormat("no daemon listens on tcp:%s", text));
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ETIMEDOUT:
    case ECONNRESET:
      return absl::UnavailableError(absl::StrFormat("cannot reach tcp:%s: %s", text, std::strerror(error)));
    default:
      return SystemError("cannot connect to", text, error);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteChannel>> DialTcp(const std::string& text, const DialOptions& options) {
  const absl::StatusOr<SocketAddress> address = AddressOf(text);
  if (!address.ok()) return address.status();
  const int descriptor = OpenSocket(*address);
  if (descriptor < 0) return SystemError("cannot open a socket for", text, errno);
  auto channel = std::make_unique<TcpChannel>(descriptor);
  if (absl::Status status = Connect(descriptor, *address, text, options.timeout); !status.ok()) return status;
  return std::unique_ptr<ByteChannel>(std::move(channel));
}

absl::StatusOr<std::unique_ptr<TcpListener>> TcpListener::Listen(const std::string& text,
                                                                 const ListenOptions& options) {
  const absl::StatusOr<SocketAddress> address = AddressOf(text);
  if (!address.ok()) return address.status();
  if (!IsLoopback(*address) && !options.allow_remote) {
    return absl::PermissionDeniedError(
        absl::StrFormat("tcp:%s can be reached from elsewhere, where token and events can be read: that "
                        "needs --allow-remote; "
                        "else take a loopback address",
                        text));
  }
  const int descriptor = OpenSocket(*address);
  if (descriptor < 0) return SystemError("cannot open a socket for", text, errno);
  absl::Cleanup close_socket = [&] { close(descriptor); };
  constexpr int kOn = 1;
  // Connections of the daemon before, which are not quite over, do not keep the port.
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &kOn, sizeof kOn);
  if (address->any.sa_family == AF_INET6) {
    setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &kOn, sizeof kOn);
  }
  if (bind(descriptor, &address->any, address->size()) != 0 || listen(descriptor, kBacklog) != 0) {
    if (errno != EADDRINUSE) return SystemError("cannot listen on", text, errno);
    return absl::AlreadyExistsError(absl::StrFormat("somebody listens on tcp:%s already", text));
  }
  SocketAddress bound = {};
  socklen_t size = sizeof bound;
  if (getsockname(descriptor, &bound.any, &size) != 0) return SystemError("cannot look at", text, errno);
  std::move(close_socket).Cancel();
  return std::unique_ptr<TcpListener>(new TcpListener(descriptor, TextOf(bound)));
}

TcpListener::~TcpListener() { close(descriptor_); }

absl::StatusOr<Accepted> TcpListener::Accept() {
  const int descriptor = accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor >= 0) return Accepted{std::make_unique<TcpChannel>(descriptor)};
  // Errors of the network are those of one peer that never came.
  if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
    return absl::ResourceExhaustedError(SystemError("cannot accept a peer on", endpoint_, errno).message());
  }
  return Accepted();
}

}  // namespace routebench::transport
