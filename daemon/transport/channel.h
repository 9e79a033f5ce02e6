// A duplex stream of bytes to one peer: what the daemon and its clients need of a transport.
//
// The owner polls and then reads or writes; nothing here waits.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_CHANNEL_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_CHANNEL_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace routebench::transport {

// What to ask poll(2), or epoll, whose constants are the same.
struct Pollable {
  int descriptor = -1;
  int16_t events = 0;  // POLLIN or POLLOUT
};

// What a read or a write came to.
struct IoResult {
  enum class Status : uint8_t {
    kDone,        // `bytes` were moved, at least one
    kWouldBlock,  // nothing moved: poll
    kEnd,         // the peer has gone (end of stream, reset, broken pipe); no later call succeeds
    kBroken,      // the peer broke the rules of the transport itself; no later call succeeds
    kFailed,      // anything else; `error` is the errno
  };
  Status status = Status::kDone;
  size_t bytes = 0;
  int error = 0;
};

// One reader and one writer may use it at the same time; each of the two is not thread-safe in itself.
class ByteChannel {
 public:
  // The most parts that one Write takes.
  static constexpr size_t kMaxParts = 64;

  virtual ~ByteChannel() = default;  // closes; a poll of the descriptor must have ended before

  // Reads what is there, at most `size` (> 0) bytes. Never blocks, never raises a signal.
  virtual IoResult Read(char* out, size_t size) = 0;
  // Writes as much of `parts` (1 to kMaxParts of them) as there is room for, in order. Never blocks, never
  // raises a signal. After kFailed an unknown prefix has been written: close.
  virtual IoResult Write(absl::Span<const iovec> parts) = 0;
  // Instead of polling, a reader may look, where that takes no system call (looks() is true). From Look(true)
  // on it calls HasBytes, and readable() may be silent about what comes (not about the end); after
  // Look(false) and one Read it is to be relied on again. Of the reader, as Read.
  virtual bool looks() const { return false; }
  virtual void Look(bool /*looking*/) {}
  // Read would not answer kWouldBlock.
  virtual bool HasBytes() { return false; }

  // Ends the stream in both directions; a poll for reading on either side returns. What was written before
  // still reaches the peer; the peer's own writes end at the latest when this channel is destroyed.
  // Thread-safe, idempotent.
  virtual void Shutdown() = 0;

  // Ready when Read, or Write, would not answer kWouldBlock; it may be ready too often, until that has
  // answered so. The same for the life of the channel, which owns the descriptors: the two may be one, or
  // neither the peer's own (a pair of pipes; a doorbell beside shared memory).
  virtual Pollable readable() const = 0;
  virtual Pollable writable() const = 0;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_CHANNEL_H_
