#include "daemon/transport/pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <ctime>
#include <optional>

#include "absl/strings/str_format.h"

namespace routebench::transport {
namespace {

// As a Unix socket's; the system's limits for users without privileges may leave less.
constexpr int kPipeBytes = 512 << 10;

struct Ends {
  int read;
  int write;
};

absl::StatusOr<Ends> EndsOf(const std::string& address) {
  Ends ends = {-1, -1};
  const char* const last = address.data() + address.size();
  auto result = std::from_chars(address.data(), last, ends.read);
  if (result.ec == std::errc() && result.ptr != last && *result.ptr == ',') {
    result = std::from_chars(result.ptr + 1, last, ends.write);
  }
  if (result.ec != std::errc() || result.ptr != last || ends.read < 0 || ends.write < 0) {
    return absl::InvalidArgumentError(
        absl::StrFormat("pipe:%s is not pipe:READ,WRITE with the numbers of two descriptors", address));
  }
  const auto is = [](int descriptor, int mode) {
    struct stat info;
    return fstat(descriptor, &info) == 0 && S_ISFIFO(info.st_mode) &&
           (fcntl(descriptor, F_GETFL) & O_ACCMODE) == mode;
  };
  if (!is(ends.read, O_RDONLY) || !is(ends.write, O_WRONLY)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("pipe:%s: descriptor %d must be a pipe's end to read from, %d one to write to",
                        address, ends.read, ends.write));
  }
  return ends;
}

// While it lives, a broken pipe raises no signal in this thread; no other thread's is touched.
class NoBrokenPipeSignal {
 public:
  NoBrokenPipeSignal() {
    sigemptyset(&signal_);
    sigaddset(&signal_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &signal_, &before_);
    if (sigismember(&before_, SIGPIPE) != 0) {
      sigset_t pending;
      sigpending(&pending);
      was_pending_ = sigismember(&pending, SIGPIPE) != 0;
    }
  }
  ~NoBrokenPipeSignal() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
  NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;

  // After a write that found the pipe broken: takes its signal away, but not one that was there before.
  void Swallow() {
    constexpr timespec kAtOnce = {};
    while (!was_pending_ && sigtimedwait(&signal_, nullptr, &kAtOnce) < 0 && errno == EINTR) {
    }
  }

 private:
  sigset_t signal_;
  sigset_t before_;
  bool was_pending_ = false;
};

// Closing a descriptor under another thread's poll would neither wake that thread nor tell the peer. So polls
// are of two epolls, each of a pipe's end and of one end of a socket pair: shutting that down wakes them, and
// takes the place of the pipes.
class PipeChannel final : public ByteChannel {
 public:
  explicit PipeChannel(const Ends& ends) : ends_(ends) {
    for (const int end : {ends.read, ends.write}) {
      fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK);
      fcntl(end, F_SETFD, FD_CLOEXEC);
    }
    fcntl(ends.write, F_SETPIPE_SZ, kPipeBytes);
  }
  ~PipeChannel() override {
    for (const int descriptor : {ends_.read, ends_.write, readable_, writable_, over_[0], over_[1]}) {
      if (descriptor >= 0) close(descriptor);
    }
  }

  // False: no descriptors are left; errno says so.
  bool Open() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, over_.data()) != 0) return false;
    readable_ = epoll_create1(EPOLL_CLOEXEC);
    writable_ = epoll_create1(EPOLL_CLOEXEC);
    return Watch(readable_, ends_.read, EPOLLIN) && Watch(readable_, over_[0], EPOLLIN) &&
           Watch(writable_, ends_.write, EPOLLOUT) && Watch(writable_, over_[0], EPOLLIN);
  }
  // Gives the descriptors of the pipes back to whoever had them.
  void LetGo() { ends_ = {-1, -1}; }

  IoResult Read(char* out, size_t size) override { return ResultOf(read(ends_.read, out, size)); }

  IoResult Write(absl::Span<const iovec> parts) override {
    NoBrokenPipeSignal no_signal;
    const IoResult result = ResultOf(writev(ends_.write, parts.data(), static_cast<int>(parts.size())));
    if (result.status == IoResult::Status::kEnd) no_signal.Swallow();
    return result;
  }

  void Shutdown() override {
    shutdown(over_[0], SHUT_RDWR);
    dup3(over_[0], ends_.read, O_CLOEXEC);
    dup3(over_[0], ends_.write, O_CLOEXEC);
  }

  Pollable readable() const override { return {readable_, POLLIN}; }
  Pollable writable() const override { return {writable_, POLLIN}; }

 private:
  static bool Watch(int epoll, int descriptor, uint32_t events) {
    epoll_event event = {};
    event.events = events;
    return epoll >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
  }

  static IoResult ResultOf(ssize_t moved) {
    if (moved > 0) return {.bytes = static_cast<size_t>(moved)};
    if (moved == 0) return {.status = IoResult::Status::kEnd};
    if (errno == EAGAIN || errno == EINTR) return {.status = IoResult::Status::kWouldBlock};
    if (errno == EPIPE) return {.status = IoResult::Status::kEnd};
    return {.status = IoResult::Status::kFailed, .error = errno};
  }

  Ends ends_;
  int readable_ = -1;
  int writable_ = -1;
  std::array<int, 2> over_ = {-1, -1};
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteChannel>> DialPipe(const std::string& address) {
  const absl::StatusOr<Ends> ends = EndsOf(address);
  if (!ends.ok()) return ends.status();
  auto channel = std::make_unique<PipeChannel>(*ends);
  if (!channel->Open()) {
    const int error = errno;
    channel->LetGo();
    return absl::InternalError(absl::StrFormat("cannot poll pipe:%s: %s", address, std::strerror(error)));
  }
  return std::unique_ptr<ByteChannel>(std::move(channel));
}

absl::StatusOr<std::unique_ptr<PipeListener>> PipeListener::Listen(const std::string& address) {
  auto channel = DialPipe(address);
  if (!channel.ok()) return channel.status();
  const int readable = epoll_create1(EPOLL_CLOEXEC);
  epoll_event event = {};
  event.events = EPOLLIN;
  if (readable < 0 || epoll_ctl(readable, EPOLL_CTL_ADD, (*channel)->readable().descriptor, &event) != 0) {
    return absl::InternalError(absl::StrFormat("cannot poll pipe:%s: %s", address, std::strerror(errno)));
  }
  return std::unique_ptr<PipeListener>(new PipeListener(address, readable, *std::move(channel)));
}

PipeListener::~PipeListener() { close(readable_); }

Pollable PipeListener::readable() const { return {readable_, POLLIN}; }

absl::StatusOr<Accepted> PipeListener::Accept() {
  pollfd polled = {readable_, POLLIN, 0};
  if (channel_ == nullptr || poll(&polled, 1, 0) <= 0) return Accepted();
  epoll_ctl(readable_, EPOLL_CTL_DEL, channel_->readable().descriptor, nullptr);
  return Accepted{std::move(channel_)};
}

}  // namespace routebench::transport
