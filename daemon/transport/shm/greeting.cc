#include "daemon/transport/shm/greeting.h"

#include <sys/socket.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>

namespace routebench::transport::shm {
namespace {

constexpr size_t kMaxDescriptors = 2;
using ControlBuffer = std::array<char, CMSG_SPACE(kMaxDescriptors * sizeof(int))>;

bool IsOurs(const Hello& hello) { return hello.magic == kMagic && hello.layout == LayoutHash(); }

bool Fits(const Hello& hello) {
  return std::has_single_bit(hello.ring_bytes) && hello.ring_bytes >= kMinRingBytes &&
         hello.ring_bytes <= kMaxRingBytes;
}

Greeting::Status StatusOf(const Hello& hello, size_t files, size_t descriptors) {
  if (!IsOurs(hello)) return Greeting::Status::kBroken;
  if (hello.ring_bytes == 0 && files == 0 && descriptors == 1) return Greeting::Status::kNoMemory;
  return Fits(hello) && files == descriptors ? Greeting::Status::kDone : Greeting::Status::kBroken;
}

std::vector<File> TakeFiles(msghdr& message) {
  std::vector<File> files;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    for (size_t at = CMSG_LEN(0); at + sizeof(int) <= part->cmsg_len; at += sizeof(int)) {
      int descriptor;
      std::memcpy(&descriptor, reinterpret_cast<const char*>(part) + at, sizeof descriptor);
      files.emplace_back(descriptor);
    }
  }
  return files;
}

}  // namespace

bool SendHello(int socket, const Hello& hello, absl::Span<const int> descriptors) {
  iovec part = {const_cast<Hello*>(&hello), sizeof hello};
  alignas(cmsghdr) ControlBuffer buffer = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    message.msg_control = buffer.data();
    message.msg_controllen = CMSG_SPACE(descriptors.size() * sizeof(int));
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size() * sizeof(int));
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size() * sizeof(int));
  }
  return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof hello);
}

Greeting ReceiveHello(int socket, size_t descriptors) {
  Greeting greeting;
  iovec part = {&greeting.hello, sizeof greeting.hello};
  alignas(cmsghdr) ControlBuffer buffer = {};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = buffer.data();
  message.msg_controllen = buffer.size();
  const ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return greeting;
  if (got <= 0) {
    greeting.status = Greeting::Status::kGone;
    return greeting;
  }
  greeting.files = TakeFiles(message);
  const bool whole =
      got == static_cast<ssize_t>(sizeof greeting.hello) && (message.msg_flags & MSG_CTRUNC) == 0;
  greeting.status =
      whole ? StatusOf(greeting.hello, greeting.files.size(), descriptors) : Greeting::Status::kBroken;
  return greeting;
}

bool IsBell(const File& file) {
  int domain = 0;
  int type = 0;
  socklen_t size = sizeof(int);
  if (getsockopt(file.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX) return false;
  size = sizeof(int);
  return getsockopt(file.get(), SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

}  // namespace routebench::transport::shm
