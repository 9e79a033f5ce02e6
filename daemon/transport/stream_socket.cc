#include "daemon/transport/stream_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace routebench::transport {
namespace {

class SocketChannel final : public ByteChannel {
 public:
  explicit SocketChannel(int descriptor) : descriptor_(descriptor) {}
  ~SocketChannel() override { close(descriptor_); }

  IoResult Read(char* out, size_t size) override {
    return ResultOf(recv(descriptor_, out, size, MSG_DONTWAIT));
  }

  IoResult Write(absl::Span<const iovec> parts) override {
    if (parts.size() == 1) {
      return ResultOf(send(descriptor_, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT));
    }
    msghdr message = {};
    message.msg_iov = const_cast<iovec*>(parts.data());
    message.msg_iovlen = parts.size();
    return ResultOf(sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
  }

  void Shutdown() override { shutdown(descriptor_, SHUT_RDWR); }
  Pollable readable() const override { return {descriptor_, POLLIN}; }
  Pollable writable() const override { return {descriptor_, POLLOUT}; }

 private:
  static IoResult ResultOf(ssize_t moved) {
    if (moved > 0) return {.bytes = static_cast<size_t>(moved)};
    if (moved == 0) return {.status = IoResult::Status::kEnd};
    if (errno == EAGAIN || errno == EINTR) return {.status = IoResult::Status::kWouldBlock};
    if (errno == EPIPE || errno == ECONNRESET) return {.status = IoResult::Status::kEnd};
    return {.status = IoResult::Status::kFailed, .error = errno};
  }

  const int descriptor_;
};

}  // namespace

std::unique_ptr<ByteChannel> MakeSocketChannel(int descriptor) {
  fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
  return std::make_unique<SocketChannel>(descriptor);
}

}  // namespace routebench::transport
