#include "daemon/transport/stream_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace routebench::transport {
namespace {

IoResult ResultOf(ssize_t moved) {
  if (moved > 0) return {.bytes = static_cast<size_t>(moved)};
  if (moved == 0) return {.status = IoResult::Status::kEnd};
  switch (errno) {
    case EAGAIN:
    case EINTR:
      return {.status = IoResult::Status::kWouldBlock};
    case EPIPE:
    case ECONNRESET:
    case ETIMEDOUT:  // keep-alive had no answer
      return {.status = IoResult::Status::kEnd};
    default:
      return {.status = IoResult::Status::kFailed, .error = errno};
  }
}

}  // namespace

SocketChannel::~SocketChannel() { close(descriptor_); }

IoResult SocketChannel::Read(char* out, size_t size) {
  return ResultOf(recv(descriptor_, out, size, MSG_DONTWAIT));
}

IoResult SocketChannel::Write(absl::Span<const iovec> parts) {
  if (parts.size() == 1) {
    return ResultOf(send(descriptor_, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT));
  }
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  return ResultOf(sendmsg(descriptor_, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

void SocketChannel::Shutdown() { shutdown(descriptor_, SHUT_RDWR); }
Pollable SocketChannel::readable() const { return {descriptor_, POLLIN}; }
Pollable SocketChannel::writable() const { return {descriptor_, POLLOUT}; }

}  // namespace routebench::transport
