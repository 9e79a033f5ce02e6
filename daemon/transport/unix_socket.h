// Unix stream sockets between processes of one user.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_UNIX_SOCKET_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_UNIX_SOCKET_H_

#include <poll.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/transport/channel.h"
#include "daemon/transport/transport.h"

namespace routebench::transport {

// $XDG_RUNTIME_DIR/routebench/eventd.sock, or /tmp/routebench-UID/eventd.sock without that variable.
std::string DefaultSocketPath();

// Connects. Blocks no longer than the listener's backlog is full. Errors: InvalidArgument (the path is too
// long for a socket address), NotFound (no such file), Unavailable (nobody listens there), PermissionDenied
// (the listener belongs to another user), Internal (the system's own words).
absl::StatusOr<std::unique_ptr<ByteChannel>> DialUnix(const std::string& path);
// The same, for those who make something else of the socket, which is theirs to close.
absl::StatusOr<int> ConnectUnix(const std::string& path);

// A listening socket and the right to its path. Not thread-safe.
class UnixListener final : public Listener {
 public:
  // The directory is created with mode 0700 when it is missing, and must be ours alone; the socket has mode
  // 0600. A socket that a dead daemon left is replaced, never that of a living one: a lock on PATH.lock is
  // held as long as this object lives, and a path that answers is left alone all the same.
  //
  // Errors: InvalidArgument (too long), AlreadyExists (a daemon is listening there), FailedPrecondition (the
  // directory is open to others, or the path is not a socket), PermissionDenied (directory or file of another
  // user), Internal.
  static absl::StatusOr<std::unique_ptr<UnixListener>> Listen(const std::string& path);

  // Closes, and removes the socket and its lock.
  ~UnixListener() override;
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  absl::StatusOr<Accepted> Accept() override;
  // The same, for those who make something else of the socket, which is theirs to close; -1: nobody waits.
  struct Peer {
    int socket = -1;
    pid_t pid = 0;
  };
  absl::StatusOr<Peer> AcceptSocket();
  Pollable readable() const override { return {descriptor_, POLLIN}; }
  std::string endpoint() const override { return "unix:" + path_; }
  const std::string& path() const { return path_; }

 private:
  UnixListener(std::string path, int descriptor, int lock);

  const std::string path_;
  const int descriptor_;
  const int lock_;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_UNIX_SOCKET_H_
