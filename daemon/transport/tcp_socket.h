// TCP, between processes of one machine: 127.0.0.1:PORT, [::1]:PORT, localhost:PORT.
//
// Nobody vouches for a peer here, and what travels can be read on the way: the handshake demands a token, and
// an address that others can reach is refused unless it is allowed by name.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_TCP_SOCKET_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_TCP_SOCKET_H_

#include <poll.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/transport/channel.h"
#include "daemon/transport/transport.h"

namespace routebench::transport {

// `address` is HOST:PORT with a numeric host, or localhost, which is 127.0.0.1: no name is looked up.
//
// Errors: InvalidArgument (not such an address), Unavailable (nobody listens there, or no way leads there),
// DeadlineExceeded, Internal (the system's own words).
absl::StatusOr<std::unique_ptr<ByteChannel>> DialTcp(const std::string& address, const DialOptions& options);

class TcpListener final : public Listener {
 public:
  // Port 0: one that is free. Errors: InvalidArgument, PermissionDenied (not the loopback, and not allowed),
  // AlreadyExists (somebody listens there), Internal.
  static absl::StatusOr<std::unique_ptr<TcpListener>> Listen(const std::string& address,
                                                             const ListenOptions& options);
  ~TcpListener() override;
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  absl::StatusOr<Accepted> Accept() override;
  Pollable readable() const override { return {descriptor_, POLLIN}; }
  std::string endpoint() const override { return endpoint_; }
  bool knows_peers() const override { return false; }

 private:
  TcpListener(int descriptor, std::string endpoint)
      : descriptor_(descriptor), endpoint_(std::move(endpoint)) {}

  const int descriptor_;
  const std::string endpoint_;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_TCP_SOCKET_H_
