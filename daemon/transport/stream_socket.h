// A channel over a connected stream socket, of whatever family.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_STREAM_SOCKET_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_STREAM_SOCKET_H_

#include "absl/types/span.h"
#include "daemon/transport/channel.h"

namespace routebench::transport {

// See ByteChannel. Owns `descriptor`; what is particular to a family is its subclass's.
class SocketChannel : public ByteChannel {
 public:
  explicit SocketChannel(int descriptor) : descriptor_(descriptor) {}
  ~SocketChannel() override;
  SocketChannel(const SocketChannel&) = delete;
  SocketChannel& operator=(const SocketChannel&) = delete;

  IoResult Read(char* out, size_t size) override;
  IoResult Write(absl::Span<const iovec> parts) override;
  void Shutdown() override;
  Pollable readable() const override;
  Pollable writable() const override;

 protected:
  int descriptor() const { return descriptor_; }

 private:
  const int descriptor_;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_STREAM_SOCKET_H_
