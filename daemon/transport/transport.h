// How one comes by a channel: endpoints, listeners, and the table of transports. A new transport is a
// listener, a dialler, and one line in transport.cc.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_TRANSPORT_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_TRANSPORT_H_

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/transport/channel.h"

namespace routebench::transport {

struct Transport;

// Where a daemon is: "unix:PATH".
struct Endpoint {
  const Transport* transport;  // one of Transports()
  std::string address;         // in that transport's own words

  // A text without a transport's name, or with a slash before it, is the path of a Unix socket.
  // InvalidArgument: no such transport, or nothing behind its name.
  static absl::StatusOr<Endpoint> Parse(const std::string& text);
};

// A peer that has connected.
struct Accepted {
  std::unique_ptr<ByteChannel> channel;  // null: nobody waits
  pid_t pid = 0;                         // 0: unknown
};

// Not thread-safe. Destroyed: nobody can connect any more; accepted channels live on.
class Listener {
 public:
  virtual ~Listener() = default;

  // The next waiting peer. Never blocks. PermissionDenied: a peer of another user, which has been closed.
  // ResourceExhausted: the system has no descriptor or memory for it; it goes on waiting.
  virtual absl::StatusOr<Accepted> Accept() = 0;
  // Ready when a peer waits.
  virtual Pollable readable() const = 0;
  // Where it really listens: what was left to choose has been chosen.
  virtual std::string endpoint() const = 0;
  // Whoever is accepted is of our user. False: anybody may be, and has to prove it.
  virtual bool knows_peers() const { return true; }
  // Nobody can come any more.
  virtual bool is_over() const { return false; }
};

struct ListenOptions {
  bool allow_remote = false;  // addresses that other machines may reach
};

struct DialOptions {
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
};

// One kind of channel. All descriptors that it opens are closed in executed programs.
struct Transport {
  std::string_view name;
  std::string_view address;  // its form, for help and errors: "PATH"
  absl::StatusOr<std::unique_ptr<Listener>> (*listen)(const std::string& address,
                                                      const ListenOptions& options);
  absl::StatusOr<std::unique_ptr<ByteChannel>> (*dial)(const std::string& address,
                                                       const DialOptions& options);
  bool dials_once = false;  // an address is good for one channel only
};
const std::vector<Transport>& Transports();

// Errors: those of Endpoint::Parse and of the transport.
absl::StatusOr<std::unique_ptr<Listener>> Listen(const std::string& endpoint, const ListenOptions& options);
// Connects; blocks up to the timeout.
absl::StatusOr<std::unique_ptr<ByteChannel>> Dial(const std::string& endpoint, const DialOptions& options);

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_TRANSPORT_H_
