// Shared memory between processes of one user, for bytes; a Unix socket for everything else: credentials,
// the descriptors of the two segments, bells, and the sign of life.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_SHM_CHANNEL_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_SHM_CHANNEL_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "daemon/transport/channel.h"
#include "daemon/transport/shm/segment.h"
#include "daemon/transport/transport.h"
#include "daemon/transport/unix_socket.h"

namespace routebench::transport {

// Of each of the two rings. A power of two.
inline constexpr size_t kShmRingBytes = size_t{256} << 10;

// Errors: those of DialUnix, and Unavailable where there is no memory to share.
absl::StatusOr<std::unique_ptr<ByteChannel>> DialShm(const std::string& path,
                                                     size_t ring_bytes = kShmRingBytes);

// A channel over a connected socket whose peer has said or will say its Hello. `socket` is non-blocking.
absl::StatusOr<std::unique_ptr<ByteChannel>> AcceptShm(shm::File socket);

// See UnixListener. Another path than that of plain Unix sockets: who connects here shares memory.
class ShmListener final : public Listener {
 public:
  static absl::StatusOr<std::unique_ptr<ShmListener>> Listen(const std::string& path);

  absl::StatusOr<Accepted> Accept() override;
  Pollable readable() const override { return listener_->readable(); }
  std::string endpoint() const override { return "shm:" + listener_->path(); }

 private:
  explicit ShmListener(std::unique_ptr<UnixListener> listener) : listener_(std::move(listener)) {}
  const std::unique_ptr<UnixListener> listener_;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_SHM_CHANNEL_H_
