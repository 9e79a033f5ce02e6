// The definitions of ring.h, for whoever instantiates them: ring.cc, and tests with a Memory of their own.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_SHM_RING_IMPL_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_SHM_RING_IMPL_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "daemon/transport/shm/ring.h"

namespace routebench::transport::shm {
namespace ring {

inline bool Aligned(uint64_t position) { return position % kRecordAlignment == 0; }

// Bytes of several parts, one after another.
class PartsReader {
 public:
  explicit PartsReader(absl::Span<const iovec> parts) : parts_(parts) {
    for (const iovec& part : parts) left_ += part.iov_len;
  }
  size_t left() const { return left_; }
  template <typename Memory>
  void Put(char* out, size_t size) {
    left_ -= size;
    while (size > 0) {
      const iovec& part = parts_[part_];
      const size_t count = std::min(size, part.iov_len - at_);
      Memory::Put(out, static_cast<const char*>(part.iov_base) + at_, count);
      out += count;
      size -= count;
      at_ += count;
      if (at_ == part.iov_len) {
        ++part_;
        at_ = 0;
      }
    }
  }

 private:
  const absl::Span<const iovec> parts_;
  size_t part_ = 0;
  size_t at_ = 0;  // in it
  size_t left_ = 0;
};

// The store from `before` to `after` came to what the other side waits for.
inline bool Crosses(uint64_t before, uint64_t after, uint64_t wake) { return before < wake && wake <= after; }

}  // namespace ring

template <typename Memory>
BasicRingWriter<Memory>::BasicRingWriter(Positions* own, char* ring, size_t ring_bytes, uint64_t epoch)
    : own_(own), ring_(ring), ring_bytes_(ring_bytes), epoch_(epoch) {}

// False: the reader's head cannot be.
template <typename Memory>
bool BasicRingWriter<Memory>::Refresh(std::memory_order order) {
  const Positions* const peer = peer_.load(std::memory_order_acquire);
  if (peer == nullptr) return true;
  const uint64_t head = peer->head.value.load(order);
  if (head < head_ || head > committed_ || !ring::Aligned(head)) {
    broken_ = true;
    return false;
  }
  head_ = head;
  return true;
}

template <typename Memory>
Moved BasicRingWriter<Memory>::Write(absl::Span<const iovec> parts) {
  Moved moved;
  ring::PartsReader in(parts);
  const uint64_t before = committed_;
  // A record that is worth its header, unless there is no more to write.
  const auto worth = [&] { return RecordBytes(std::min(in.left(), ring_bytes_ / 16)); };
  while (in.left() > 0 && !broken_) {
    if (Room() < worth() && (!Refresh(std::memory_order_acquire) || Room() < worth())) break;
    const size_t until_end = ring_bytes_ - (tail_ & (ring_bytes_ - 1));
    const size_t most = std::min(std::min(Room(), until_end) - sizeof(RecordHeader), MaxLength(ring_bytes_));
    const size_t length = std::min(in.left(), most);
    const uint64_t sequence = ++sequence_;
    const auto length32 = static_cast<uint32_t>(length);
    const RecordHeader header = {length32, CheckOf(length32, sequence, epoch_), sequence};
    char* const out = At(tail_);
    Memory::Put(out, &header, sizeof header);
    in.template Put<Memory>(out + sizeof header, length);
    tail_ += RecordBytes(length);
    moved.bytes += length;
  }
  moved.broken = broken_;
  if (tail_ == before) return moved;
  Memory::Store(own_->tail.value, tail_);
  committed_ = tail_;
  const Positions* const peer = peer_.load(std::memory_order_acquire);
  moved.ring = peer == nullptr ||
               ring::Crosses(before, tail_, peer->reader_wake.value.load(std::memory_order_seq_cst));
  return moved;
}

template <typename Memory>
bool BasicRingWriter<Memory>::AskForRoom() {
  if (broken_) return true;
  Memory::Store(own_->writer_wake.value, tail_ - ring_bytes_ / 2);
  return !Refresh(std::memory_order_seq_cst) || Room() >= ring_bytes_ / 2;
}

template <typename Memory>
BasicRingReader<Memory>::BasicRingReader(Positions* own, const Positions* peer, const char* ring,
                                         size_t ring_bytes, uint64_t epoch)
    : own_(own), peer_(peer), ring_(ring), ring_bytes_(ring_bytes), epoch_(epoch) {}

// False: the writer's tail cannot be.
template <typename Memory>
bool BasicRingReader<Memory>::Refresh(std::memory_order order) {
  const uint64_t tail = peer_->tail.value.load(order);
  if (tail < tail_ || tail - head_ > ring_bytes_ || !ring::Aligned(tail)) {
    broken_ = true;
    return false;
  }
  tail_ = tail;
  return true;
}

// Makes the record at the head the current one; false when there is none, or it cannot be.
template <typename Memory>
bool BasicRingReader<Memory>::NextRecord() {
  while (head_ != tail_ || (Refresh(std::memory_order_acquire) && head_ != tail_)) {
    const uint64_t offset = head_ & (ring_bytes_ - 1);
    RecordHeader header;
    Memory::Get(&header, ring_ + offset, sizeof header);
    const size_t bytes = RecordBytes(header.length);
    const size_t until_end = ring_bytes_ - offset;
    if (header.length > MaxLength(ring_bytes_) || bytes > tail_ - head_ || bytes > until_end ||
        header.sequence != sequence_ + 1 || header.check != CheckOf(header.length, header.sequence, epoch_) ||
        (header.length == 0 && bytes != until_end)) {
      broken_ = true;
      return false;
    }
    ++sequence_;
    if (header.length == 0) {
      head_ += bytes;
      continue;
    }
    left_ = header.length;
    at_ = ring_ + offset + sizeof header;
    record_bytes_ = bytes;
    return true;
  }
  return false;
}

template <typename Memory>
Moved BasicRingReader<Memory>::Read(char* out, size_t size) {
  Moved moved;
  const uint64_t before = head_;
  while (moved.bytes < size && !broken_ && (left_ > 0 || NextRecord())) {
    const size_t count = std::min(left_, size - moved.bytes);
    Memory::Get(out + moved.bytes, at_, count);
    moved.bytes += count;
    at_ += count;
    left_ -= count;
    if (left_ == 0) head_ += record_bytes_;
  }
  moved.broken = broken_ && moved.bytes == 0;
  if (head_ == before) return moved;
  Memory::Store(own_->head.value, head_);
  moved.ring = ring::Crosses(before, head_, peer_->writer_wake.value.load(std::memory_order_seq_cst));
  return moved;
}

template <typename Memory>
bool BasicRingReader<Memory>::AskForMore() {
  if (broken_) return true;
  Memory::Store(own_->reader_wake.value, tail_ + 1);
  return !Refresh(std::memory_order_seq_cst) || seen();
}

template <typename Memory>
bool BasicRingReader<Memory>::AskForNothing() {
  Memory::Store(own_->reader_wake.value, 0);
  return peer_->tail.value.load(std::memory_order_seq_cst) != tail_;
}

}  // namespace routebench::transport::shm

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_SHM_RING_IMPL_H_
