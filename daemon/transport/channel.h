// A duplex stream of bytes to one peer: what the daemon and its clients need of a transport.
//
// The owner polls descriptor() and then reads or writes; nothing here waits. Another transport (TCP, a pair
// of pipes, shared memory with a doorbell) is another implementation of this class and of the functions that
// make one.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_CHANNEL_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_CHANNEL_H_

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"

namespace routebench::transport {

// What a read or a write came to.
struct IoResult {
  enum class Status : uint8_t {
    kDone,        // `bytes` were moved, at least one
    kWouldBlock,  // nothing moved: poll
    kEnd,         // the peer has gone (end of stream, reset, broken pipe); no later call succeeds
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
  // Ends the stream in both directions; a poll on either side returns. What was written before still reaches
  // the peer. Thread-safe, idempotent.
  virtual void Shutdown() = 0;

  // Readable when Read would not answer kWouldBlock, writable likewise. Owned by the channel.
  virtual int descriptor() const = 0;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_CHANNEL_H_
