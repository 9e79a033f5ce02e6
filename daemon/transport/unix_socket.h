// Unix stream sockets between processes of one user.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_UNIX_SOCKET_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_UNIX_SOCKET_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/transport/channel.h"

namespace routebench::transport {

// $XDG_RUNTIME_DIR/routebench/eventd.sock, or /tmp/routebench-UID/eventd.sock without that variable.
std::string DefaultSocketPath();

// A channel over a connected stream socket, which it owns from now on and makes non-blocking.
std::unique_ptr<ByteChannel> MakeSocketChannel(int descriptor);

// Connects. Blocks no longer than the listener's backlog is full. Errors: InvalidArgument (the path is too
// long for a socket address), NotFound (no such file), Unavailable (nobody listens there), PermissionDenied
// (the listener belongs to another user), Internal (the system's own words).
absl::StatusOr<std::unique_ptr<ByteChannel>> DialUnix(const std::string& path);

// A listening socket and the right to its path. Not thread-safe.
class UnixListener {
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
  ~UnixListener();
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;

  // The next waiting peer, its process id in `pid`; null when there is none. PermissionDenied: a peer of
  // another user, which has been closed. Never blocks.
  absl::StatusOr<std::unique_ptr<ByteChannel>> Accept(pid_t* pid);

  int descriptor() const { return descriptor_; }  // readable when a peer waits
  const std::string& path() const { return path_; }

 private:
  UnixListener(std::string path, int descriptor, int lock);

  const std::string path_;
  const int descriptor_;
  const int lock_;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_UNIX_SOCKET_H_
