#include "daemon/transport/shm/doorbell.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <mutex>
#include <utility>

namespace routebench::transport::shm {
namespace {

// The kernel takes a file that is polled by polled polls only five hundred times (EINVAL beyond).
constexpr long kMostShare = 200;

// One for some hundred bells of the process, as long as there are any.
std::shared_ptr<const File> AlwaysReady() {
  static std::mutex mutex;
  static std::weak_ptr<const File> shared;
  const std::lock_guard lock(mutex);
  std::shared_ptr<const File> file = shared.lock();
  if (file == nullptr || file.use_count() > kMostShare) {
    file = std::make_shared<const File>(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!*file) return nullptr;
    shared = file;
  }
  return file;
}

bool Add(int poll, int descriptor) {
  epoll_event event = {};
  event.events = EPOLLIN;
  return epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

}  // namespace

Doorbell::Doorbell() : ready_(AlwaysReady()), poll_(epoll_create1(EPOLL_CLOEXEC)) {}

bool Doorbell::Watch(int socket) {
  socket_ = socket;
  return Add(poll_.get(), socket);
}

void Doorbell::KeepReady() {
  if (!std::exchange(kept_ready_, true)) Add(poll_.get(), ready_->get());
}

Doorbell::Drained Doorbell::Drain() {
  if (std::exchange(kept_ready_, false)) epoll_ctl(poll_.get(), EPOLL_CTL_DEL, ready_->get(), nullptr);
  if (socket_ < 0) return Drained::kNothing;
  std::array<char, 64> bytes;
  const ssize_t got = recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (got > 0) return Drained::kRung;
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Drained::kNothing : Drained::kGone;
}

Pollable Doorbell::pollable() const { return {poll_.get(), POLLIN}; }

void Ring(int socket) {
  const char byte = 0;
  send(socket, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace routebench::transport::shm
