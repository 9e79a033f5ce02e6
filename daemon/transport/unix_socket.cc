#include "daemon/transport/unix_socket.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"
#include "daemon/transport/stream_socket.h"

namespace routebench::transport {
namespace {

constexpr int kBacklog = 128;
// Large enough that a batch of events needs no second wake-up of its reader; the kernel caps it.
constexpr int kSendBufferBytes = 512 << 10;

absl::Status SystemError(const char* what, const std::string& path, int error) {
  return absl::InternalError(absl::StrFormat("%s %s: %s", what, path, std::strerror(error)));
}

absl::StatusOr<sockaddr_un> AddressOf(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the socket path %s has %u bytes; a socket address holds 1 to %u", path, path.size(),
                        sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

int OpenSocket(int flags) { return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0); }

absl::Status CheckDirectory(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError("cannot create the directory", directory, errno);
  }
  struct stat info;
  if (stat(directory.c_str(), &info) != 0) return SystemError("cannot look at", directory, errno);
  if (!S_ISDIR(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrFormat("%s is not a directory", directory));
  }
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        absl::StrFormat("the directory %s belongs to user %u, not to us", directory, info.st_uid));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(absl::StrFormat(
        "the directory %s is open to other users (mode %04o); a socket needs one of mode 0700", directory,
        info.st_mode & 07777));
  }
  return absl::OkStatus();
}

absl::Status AlreadyListening(const std::string& path) {
  return absl::AlreadyExistsError(absl::StrFormat("a daemon is listening on %s already", path));
}

// The lock file, locked and still the one that the path names.
absl::StatusOr<int> TakeLock(const std::string& path) {
  const std::string lock_path = path + ".lock";
  for (;;) {
    const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) return SystemError("cannot open", lock_path, errno);
    if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
      const int error = errno;
      close(lock);
      return error == EWOULDBLOCK ? AlreadyListening(path) : SystemError("cannot lock", lock_path, error);
    }
    struct stat mine;
    struct stat named;
    if (fstat(lock, &mine) == 0 && stat(lock_path.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
        mine.st_dev == named.st_dev) {
      return lock;
    }
    close(lock);  // its last owner removed it between our open and our lock
  }
}

// Removes what a dead daemon left at the path; an error when there is anything else.
absl::Status ClearPath(const std::string& path, const sockaddr_un& address) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : SystemError("cannot look at", path, errno);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrFormat("%s exists and is not a socket", path));
  }
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        absl::StrFormat("%s belongs to user %u, not to us", path, info.st_uid));
  }
  const int probe = OpenSocket(SOCK_NONBLOCK);
  if (probe < 0) return SystemError("cannot open a socket for", path, errno);
  const int connected = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = errno;
  close(probe);
  if (connected == 0 || error == EAGAIN) return AlreadyListening(path);
  if (error != ECONNREFUSED) return SystemError("cannot tell whether a daemon listens on", path, error);
  if (unlink(path.c_str()) != 0) return SystemError("cannot remove the stale socket", path, errno);
  return absl::OkStatus();
}

std::unique_ptr<ByteChannel> MakeUnixChannel(int descriptor) {
  setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes, sizeof kSendBufferBytes);
  return std::make_unique<SocketChannel>(descriptor);
}

absl::StatusOr<ucred> PeerOf(int descriptor) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return SystemError("cannot tell the peer of", "a socket", errno);
  }
  if (peer.uid != geteuid()) {
    return absl::PermissionDeniedError(
        absl::StrFormat("process %d belongs to user %u, not to us", peer.pid, peer.uid));
  }
  return peer;
}

}  // namespace

std::string DefaultSocketPath() {
  const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
  if (runtime != nullptr && *runtime != '\0') return absl::StrFormat("%s/routebench/eventd.sock", runtime);
  return absl::StrFormat("/tmp/routebench-%u/eventd.sock", geteuid());
}

absl::StatusOr<int> ConnectUnix(const std::string& path) {
  const absl::StatusOr<sockaddr_un> address = AddressOf(path);
  if (!address.ok()) return address.status();
  const int descriptor = OpenSocket(0);
  if (descriptor < 0) return SystemError("cannot open a socket for", path, errno);
  absl::Cleanup close_socket = [&] { close(descriptor); };
  if (connect(descriptor, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    const int error = errno;
    if (error == ENOENT)
      return absl::NotFoundError(absl::StrFormat("there is no daemon at %s: no such file", path));
    if (error == ECONNREFUSED)
      return absl::UnavailableError(absl::StrFormat("no daemon listens on %s", path));
    return SystemError("cannot connect to", path, error);
  }
  if (const auto peer = PeerOf(descriptor); !peer.ok()) return peer.status();
  std::move(close_socket).Cancel();
  return descriptor;
}

absl::StatusOr<std::unique_ptr<ByteChannel>> DialUnix(const std::string& path) {
  const absl::StatusOr<int> descriptor = ConnectUnix(path);
  if (!descriptor.ok()) return descriptor.status();
  return MakeUnixChannel(*descriptor);
}

UnixListener::UnixListener(std::string path, int descriptor, int lock)
    : path_(std::move(path)), descriptor_(descriptor), lock_(lock) {}

UnixListener::~UnixListener() {
  unlink(path_.c_str());
  close(descriptor_);
  unlink((path_ + ".lock").c_str());
  close(lock_);
}

absl::StatusOr<std::unique_ptr<UnixListener>> UnixListener::Listen(const std::string& path) {
  const absl::StatusOr<sockaddr_un> address = AddressOf(path);
  if (!address.ok()) return address.status();
  if (absl::Status status = CheckDirectory(path); !status.ok()) return status;
  const absl::StatusOr<int> lock = TakeLock(path);
  if (!lock.ok()) return lock.status();
  absl::Cleanup release_lock = [&] {
    unlink((path + ".lock").c_str());
    close(*lock);
  };
  if (absl::Status status = ClearPath(path, *address); !status.ok()) return status;
  const int descriptor = OpenSocket(SOCK_NONBLOCK);
  if (descriptor < 0) return SystemError("cannot open a socket for", path, errno);
  absl::Cleanup close_socket = [&] { close(descriptor); };
  if (bind(descriptor, reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return SystemError("cannot bind", path, errno);
  }
  // Before listen, so that nobody connects to it with another mode.
  if (chmod(path.c_str(), 0600) != 0 || listen(descriptor, kBacklog) != 0) {
    const int error = errno;
    unlink(path.c_str());
    return SystemError("cannot listen on", path, error);
  }
  std::move(close_socket).Cancel();
  std::move(release_lock).Cancel();
  return std::unique_ptr<UnixListener>(new UnixListener(path, descriptor, *lock));
}

absl::StatusOr<UnixListener::Peer> UnixListener::AcceptSocket() {
  const int descriptor = accept4(descriptor_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (descriptor < 0) {
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) return Peer();
    const int number = errno;
    const absl::Status error = SystemError("cannot accept a peer on", path_, number);
    return number == EMFILE || number == ENFILE ? absl::ResourceExhaustedError(error.message()) : error;
  }
  const absl::StatusOr<ucred> peer = PeerOf(descriptor);
  if (!peer.ok()) {
    close(descriptor);
    return peer.status();
  }
  return Peer{descriptor, peer->pid};
}

absl::StatusOr<Accepted> UnixListener::Accept() {
  const absl::StatusOr<Peer> peer = AcceptSocket();
  if (!peer.ok()) return peer.status();
  if (peer->socket < 0) return Accepted();
  return Accepted{MakeUnixChannel(peer->socket), peer->pid};
}

}  // namespace routebench::transport
