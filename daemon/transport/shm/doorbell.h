// A bell between two processes: a byte on a socket. Not an eventfd: its flags belong to everybody who holds
// it, so that a peer could fill the counter, make it blocking, and with the next ring hold up whoever rings.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_SHM_DOORBELL_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_SHM_DOORBELL_H_

#include <memory>

#include "daemon/transport/channel.h"
#include "daemon/transport/shm/segment.h"

namespace routebench::transport::shm {

// What a waiter polls. Ready: rung, kept ready, or the peer has gone. Of one thread at a time, but that Watch
// may be called by another before the first Drain.
class Doorbell {
 public:
  // Aborts nothing: where descriptors are used up, `ok` is false.
  Doorbell();
  bool ok() const { return static_cast<bool>(poll_) && ready_ != nullptr; }

  // The socket to listen to, which outlives this object; at most once.
  bool Watch(int socket);
  // Ready until Drain, without a ring.
  void KeepReady();
  bool kept_ready() const { return kept_ready_; }

  enum class Drained : uint8_t { kNothing, kRung, kGone };
  // Not ready any more, but for a peer that has gone.
  Drained Drain();

  Pollable pollable() const;

 private:
  const std::shared_ptr<const File> ready_;  // something that is always ready
  const File poll_;
  int socket_ = -1;
  bool kept_ready_ = false;
};

// Wakes the waiter at the other end of the socket. Never blocks; where it has been rung so often that no more
// can be told it is awake anyway.
void Ring(int socket);

}  // namespace routebench::transport::shm

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_SHM_DOORBELL_H_
