#include "daemon/transport/shm/channel.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <bit>
#include <cerrno>
#include <mutex>
#include <optional>
#include <random>
#include <utility>

#include "daemon/transport/shm/doorbell.h"
#include "daemon/transport/shm/greeting.h"
#include "daemon/transport/shm/ring.h"

namespace routebench::transport {
namespace {

using shm::Doorbell;
using shm::File;
using shm::Greeting;
using shm::Moved;

// A peer that rings so often with nothing to show for it means to keep us awake.
constexpr int kMaxIdleRings = 1000;

uint64_t RandomEpoch() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

// Each side has a socket for each bell: one rings when there is something to read, and carries the Hello and
// the end of the connection; one rings when there is room.
class ShmChannel final : public ByteChannel {
 public:
  // The dialler has both sockets and its own segment; whoever accepts gets to know the second one, and how
  // large the rings are, from the Hello.
  explicit ShmChannel(File socket) : socket_(std::move(socket)) {}

  absl::Status Start();
  absl::Status Call(size_t ring_bytes);

  IoResult Read(char* out, size_t size) override;
  IoResult Write(absl::Span<const iovec> parts) override;
  bool looks() const override { return true; }
  void Look(bool looking) override;
  bool HasBytes() override { return met_.load(std::memory_order_acquire) && reader_->HasMore(); }
  void Shutdown() override;
  Pollable readable() const override { return more_.pollable(); }
  Pollable writable() const override { return room_.pollable(); }

 private:
  enum class Met : uint8_t { kYes, kNotYet, kWithoutMemory, kGone, kBroken };
  Met Meet();
  Met MeetLocked();
  bool Answer(size_t ring_bytes);
  absl::Status MakeOwn(size_t ring_bytes);
  shm::Hello HelloOf(size_t ring_bytes) const { return {shm::kMagic, shm::LayoutHash(), ring_bytes, epoch_}; }
  IoResult ReadUnmet(Met met, char* out, size_t size);
  IoResult WriteUnmet(absl::Span<const iovec> parts);
  static IoResult Plain(ssize_t moved);
  static IoResult Broken() { return {.status = IoResult::Status::kBroken, .error = EPROTO}; }

  const File socket_;
  const uint64_t epoch_ = RandomEpoch();
  Doorbell more_;  // the reader's
  Doorbell room_;  // the writer's, once both have met
  std::atomic<bool> shut_{false};
  std::atomic<bool> met_{
      false};  // what follows is complete; then the reader has its part, the writer its own
  std::mutex meeting_;
  bool dialled_ = false;
  std::atomic<bool> without_memory_{false};  // bytes go over the socket, from who accepted to who dialled
  File room_socket_;
  shm::OwnSegment own_;
  std::unique_ptr<shm::Mapping> peer_;
  std::optional<shm::RingWriter> writer_;
  std::optional<shm::RingReader> reader_;
  bool looking_ = false;  // the reader
  bool asked_ = true;     // for a bell that may still be heard
  int idle_more_ = 0;
  int idle_room_ = 0;
};

absl::Status ShmChannel::Start() {
  if (!more_.ok() || !room_.ok() || !more_.Watch(socket_.get())) {
    return absl::UnavailableError("shared memory: no descriptors are left");
  }
  room_.KeepReady();
  return absl::OkStatus();
}

absl::Status ShmChannel::MakeOwn(size_t ring_bytes) {
  absl::StatusOr<shm::OwnSegment> own = shm::MakeSegment(ring_bytes);
  if (!own.ok()) return own.status();
  own_ = *std::move(own);
  writer_.emplace(own_.mapping->positions(), own_.mapping->ring(), ring_bytes, epoch_);
  return absl::OkStatus();
}

absl::Status ShmChannel::Call(size_t ring_bytes) {
  dialled_ = true;
  if (absl::Status status = Start(); !status.ok()) return status;
  if (absl::Status status = MakeOwn(ring_bytes); !status.ok()) return status;
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return absl::UnavailableError("shared memory: cannot make a bell");
  }
  room_socket_ = File(ends[0]);
  const File theirs(ends[1]);
  if (!room_.Watch(room_socket_.get())) {
    return absl::UnavailableError("shared memory: no descriptors are left");
  }
  // Where the daemon has gone already, it may have said why.
  shm::SendHello(socket_.get(), HelloOf(ring_bytes), {own_.file.get(), theirs.get()});
  own_.file.Close();
  return absl::OkStatus();
}

ShmChannel::Met ShmChannel::Meet() {
  if (met_.load(std::memory_order_acquire)) return Met::kYes;
  const std::lock_guard lock(meeting_);
  if (met_.load(std::memory_order_relaxed)) return Met::kYes;
  return without_memory_.load() ? Met::kWithoutMemory : MeetLocked();
}

ShmChannel::Met ShmChannel::MeetLocked() {
  Greeting greeting = shm::ReceiveHello(socket_.get(), dialled_ ? 1 : 2);
  if (greeting.status == Greeting::Status::kNothing) return Met::kNotYet;
  if (greeting.status == Greeting::Status::kGone) return Met::kGone;
  if (greeting.status == Greeting::Status::kBroken) return Met::kBroken;
  if (greeting.status == Greeting::Status::kNoMemory) {
    without_memory_.store(true);
    return Met::kWithoutMemory;
  }
  const size_t ring_bytes = greeting.hello.ring_bytes;
  auto mapped = shm::MapPeer(greeting.files[0], ring_bytes);
  if (!mapped.ok()) return Met::kBroken;
  peer_ = *std::move(mapped);
  if (!dialled_) {
    if (!shm::IsBell(greeting.files[1])) return Met::kBroken;
    room_socket_ = std::move(greeting.files[1]);
    if (!Answer(ring_bytes)) return Met::kGone;
  }
  reader_.emplace(own_.mapping->positions(), peer_->positions(), peer_->ring(), ring_bytes,
                  greeting.hello.epoch);
  writer_->Meet(peer_->positions());
  met_.store(true, std::memory_order_release);
  return Met::kYes;
}

bool ShmChannel::Answer(size_t ring_bytes) {
  if (!MakeOwn(ring_bytes).ok() || !room_.Watch(room_socket_.get())) return false;
  // Who has gone already may have written before: that is still to be read.
  if (!shm::SendHello(socket_.get(), HelloOf(ring_bytes), {own_.file.get()}) && errno != EPIPE) return false;
  own_.file.Close();
  return true;
}

IoResult ShmChannel::Plain(ssize_t moved) {
  if (moved > 0) return {.bytes = static_cast<size_t>(moved)};
  const bool blocks = moved < 0 && (errno == EAGAIN || errno == EINTR);
  return {.status = blocks ? IoResult::Status::kWouldBlock : IoResult::Status::kEnd};
}

IoResult ShmChannel::ReadUnmet(Met met, char* out, size_t size) {
  if (met == Met::kBroken) return Broken();
  if (met == Met::kGone) return {.status = IoResult::Status::kEnd};
  if (met == Met::kNotYet) return {.status = IoResult::Status::kWouldBlock};
  return Plain(recv(socket_.get(), out, size, MSG_DONTWAIT));
}

// Of who accepted: a refusal need not wait for the Hello.
IoResult ShmChannel::WriteUnmet(absl::Span<const iovec> parts) {
  const std::lock_guard lock(meeting_);
  if (!without_memory_.exchange(true)) shm::SendHello(socket_.get(), HelloOf(0), {});
  msghdr message = {};
  message.msg_iov = const_cast<iovec*>(parts.data());
  message.msg_iovlen = parts.size();
  return Plain(sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

IoResult ShmChannel::Read(char* out, size_t size) {
  if (const Met met = Meet(); met != Met::kYes) return ReadUnmet(met, out, size);
  size_t bytes = 0;
  bool gone = false;
  bool rung = false;
  for (;;) {
    const Moved moved = reader_->Read(out + bytes, size - bytes);
    bytes += moved.bytes;
    if (moved.ring) shm::Ring(room_socket_.get());
    if (moved.broken) return Broken();
    if (looking_ && bytes > 0) break;
    if (bytes == size) {
      // Whatever is there or comes may have no bell that is still to be heard: nothing has been asked for.
      more_.KeepReady();
      break;
    }
    // In this order: a ring that belongs to what comes from now on is not drained.
    if (bytes == 0 || asked_ || more_.kept_ready()) {
      const Doorbell::Drained drained = more_.Drain();
      gone = gone || drained == Doorbell::Drained::kGone;
      rung = rung || drained == Doorbell::Drained::kRung;
    }
    const bool more = looking_ ? gone && reader_->HasMore() : reader_->AskForMore();
    if (!more) break;
  }
  asked_ = asked_ && !rung;
  if (!looking_ && bytes < size) asked_ = true;
  if (bytes > 0) {
    idle_more_ = 0;
    return {.bytes = bytes};
  }
  if (gone || shut_.load()) return {.status = IoResult::Status::kEnd};
  if (rung && ++idle_more_ > kMaxIdleRings) return Broken();
  return {.status = IoResult::Status::kWouldBlock};
}

IoResult ShmChannel::Write(absl::Span<const iovec> parts) {
  if (shut_.load()) return {.status = IoResult::Status::kEnd};
  const Met met = Meet();
  if (met == Met::kBroken) return Broken();
  if (met == Met::kGone) return {.status = IoResult::Status::kEnd};
  // The dialler does not wait for the peer before it writes.
  if (met != Met::kYes && !dialled_) return WriteUnmet(parts);
  Moved moved = writer_->Write(parts);
  bool ring = moved.ring;  // perhaps for a record of no bytes, which filled the end of the ring
  bool gone = false;
  bool rung = false;
  while (moved.bytes == 0 && !moved.broken) {
    const Doorbell::Drained drained = room_.Drain();
    gone = drained == Doorbell::Drained::kGone;
    rung = rung || drained == Doorbell::Drained::kRung;
    if (gone || !writer_->AskForRoom()) break;
    moved = writer_->Write(parts);
    ring = ring || moved.ring;
  }
  if (ring) shm::Ring(socket_.get());
  if (moved.broken) return Broken();
  if (moved.bytes > 0) {
    idle_room_ = 0;
    // There may be room left, or the peer have been asked for a bell that this has forestalled.
    room_.KeepReady();
    return {.bytes = moved.bytes};
  }
  if (gone) return {.status = IoResult::Status::kEnd};
  if (rung && ++idle_room_ > kMaxIdleRings) return Broken();
  return {.status = IoResult::Status::kWouldBlock};
}

void ShmChannel::Look(bool looking) {
  looking_ = looking;
  if (looking && met_.load(std::memory_order_acquire)) asked_ = reader_->AskForNothing() && asked_;
}

void ShmChannel::Shutdown() {
  shut_.store(true);
  shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ByteChannel>> DialShm(const std::string& path, size_t ring_bytes) {
  absl::StatusOr<int> socket = ConnectUnix(path);
  if (!socket.ok()) return socket.status();
  auto channel = std::make_unique<ShmChannel>(File(*socket));
  if (absl::Status status = channel->Call(ring_bytes); !status.ok()) return status;
  return channel;
}

absl::StatusOr<std::unique_ptr<ByteChannel>> AcceptShm(File socket) {
  auto channel = std::make_unique<ShmChannel>(std::move(socket));
  if (absl::Status status = channel->Start(); !status.ok()) return status;
  return channel;
}

absl::StatusOr<std::unique_ptr<ShmListener>> ShmListener::Listen(const std::string& path) {
  auto listener = UnixListener::Listen(path);
  if (!listener.ok()) return listener.status();
  return std::unique_ptr<ShmListener>(new ShmListener(*std::move(listener)));
}

absl::StatusOr<Accepted> ShmListener::Accept() {
  const absl::StatusOr<UnixListener::Peer> peer = listener_->AcceptSocket();
  if (!peer.ok()) return peer.status();
  if (peer->socket < 0) return Accepted();
  auto channel = AcceptShm(File(peer->socket));
  if (!channel.ok()) return channel.status();
  return Accepted{*std::move(channel), peer->pid};
}

}  // namespace routebench::transport
