#include "loadgen/message_socket.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

namespace routebench::loadgen {
namespace {

constexpr uint32_t kMaxMessage = uint32_t{256} << 20;

absl::Status Gone() { return absl::UnavailableError("the other process has closed the connection"); }

absl::Status SendAll(int socket, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return Gone();
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return absl::OkStatus();
}

absl::Status ReceiveAll(int socket, char* data, size_t size) {
  while (size > 0) {
    const ssize_t got = recv(socket, data, size, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return Gone();
    data += got;
    size -= static_cast<size_t>(got);
  }
  return absl::OkStatus();
}

absl::Status AwaitReadable(int socket, Duration patience) {
  pollfd polled{socket, POLLIN, 0};
  const int timeout =
      patience == Duration::max()
          ? -1
          : static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(patience).count());
  int ready;
  do {
    ready = poll(&polled, 1, timeout);
  } while (ready < 0 && errno == EINTR);
  return ready > 0 ? absl::OkStatus() : absl::DeadlineExceededError("the other process does not answer");
}

}  // namespace

absl::Status SendMessage(int socket, const google::protobuf::MessageLite& message) {
  const std::string bytes = message.SerializeAsString();
  const uint32_t length = static_cast<uint32_t>(bytes.size());
  absl::Status status = SendAll(socket, reinterpret_cast<const char*>(&length), sizeof length);
  return status.ok() ? SendAll(socket, bytes.data(), bytes.size()) : status;
}

absl::Status ReceiveMessage(int socket, Duration patience, google::protobuf::MessageLite* message) {
  if (absl::Status status = AwaitReadable(socket, patience); !status.ok()) return status;
  uint32_t length = 0;
  if (absl::Status status = ReceiveAll(socket, reinterpret_cast<char*>(&length), sizeof length);
      !status.ok()) {
    return status;
  }
  if (length > kMaxMessage) return absl::InternalError("the other process sent something that is no message");
  std::string bytes(length, '\0');
  if (absl::Status status = ReceiveAll(socket, bytes.data(), length); !status.ok()) return status;
  if (!message->ParseFromString(bytes)) {
    return absl::InternalError("the other process sent something that is no message");
  }
  return absl::OkStatus();
}

}  // namespace routebench::loadgen
