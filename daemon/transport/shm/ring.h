// The two ends of a ring of bytes: one process writes, another reads. No system calls here.
//
// The peer is not trusted: each of its words is read once and checked, and what it wrote is copied before
// anybody looks at it. A word or a record that cannot be is for good: the end is broken.
//
// Wake-ups are suppressed as in Rusty Russell's virtio (event index): who sleeps says from which position on,
// and is rung once, by the store that crosses it. Both sides store their own word and then load the other's,
// sequentially consistent: one of them sees the other.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_SHM_RING_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_SHM_RING_H_

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/types/span.h"
#include "daemon/transport/shm/layout.h"

namespace routebench::transport::shm {

// What a call came to.
struct Moved {
  size_t bytes = 0;
  bool ring = false;    // the peer asked to be woken
  bool broken = false;  // the peer broke the rules: nothing more will move
};

// Every access to memory that is shared, but for the loads of words. A parameter of both ends, so that a test
// can end the process between any two stores, or read bytes that another thread scribbles over (as atomics:
// it is a race on purpose). Production has no other than this one, which is inlined: no branch, no flag, no
// cost.
struct PlainMemory {
  static void Store(std::atomic<uint64_t>& word, uint64_t value) {
    word.store(value, std::memory_order_seq_cst);
  }
  static void Put(char* to, const void* from, size_t size) { std::memcpy(to, from, size); }
  static void Get(void* to, const char* from, size_t size) { std::memcpy(to, from, size); }
};

// Of one thread at a time. Borrows the memory.
template <typename Memory>
class BasicRingWriter {
 public:
  // `own` and `ring` are this side's segment.
  BasicRingWriter(Positions* own, char* ring, size_t ring_bytes, uint64_t epoch);

  // The reader's words, once they are known; until then every Write rings. Any thread, once.
  void Meet(const Positions* peer) { peer_.store(peer, std::memory_order_release); }

  // As much of `parts` as there is room for, committed at once. None: full, or broken.
  Moved Write(absl::Span<const iovec> parts);
  // Asks to be rung when half of the ring is free. True: there is room already.
  bool AskForRoom();

 private:
  size_t Room() const { return ring_bytes_ - (tail_ - head_); }
  bool Refresh(std::memory_order order);
  char* At(uint64_t position) const { return ring_ + (position & (ring_bytes_ - 1)); }

  Positions* const own_;
  char* const ring_;
  const size_t ring_bytes_;
  const uint64_t epoch_;
  std::atomic<const Positions*> peer_{nullptr};
  uint64_t tail_ = 0;
  uint64_t committed_ = 0;  // the tail, as the reader can know it
  uint64_t head_ = 0;       // the reader's, as last seen
  uint64_t sequence_ = 0;
  bool broken_ = false;
};

// Of one thread at a time. Borrows the memory.
template <typename Memory>
class BasicRingReader {
 public:
  // `own` is this side's segment; `peer` and `ring` are the writer's.
  BasicRingReader(Positions* own, const Positions* peer, const char* ring, size_t ring_bytes, uint64_t epoch);

  // What is there, at most `size` bytes. None: empty, or broken.
  Moved Read(char* out, size_t size);
  // Something is there, as far as seen by Read and AskForMore.
  bool seen() const { return left_ > 0 || head_ != tail_; }
  // When nothing is seen: asks to be rung when something comes. True: it has come already, or it is broken.
  bool AskForMore();
  // Takes it back. True: something has come before, and a bell with it, now or soon.
  bool AskForNothing();
  // Read would find something.
  bool HasMore() const {
    return seen() || broken_ || peer_->tail.value.load(std::memory_order_acquire) != tail_;
  }

 private:
  bool Refresh(std::memory_order order);
  bool NextRecord();

  Positions* const own_;
  const Positions* const peer_;
  const char* const ring_;
  const size_t ring_bytes_;
  const uint64_t epoch_;
  uint64_t head_ = 0;
  uint64_t tail_ = 0;  // the writer's, as last seen
  uint64_t sequence_ = 0;
  size_t left_ = 0;           // of the record at the head
  const char* at_ = nullptr;  // there
  size_t record_bytes_ = 0;   // of it, as a whole
  bool broken_ = false;
};

// Defined in ring.cc; with another Memory by ring_impl.h.
extern template class BasicRingWriter<PlainMemory>;
extern template class BasicRingReader<PlainMemory>;
using RingWriter = BasicRingWriter<PlainMemory>;
using RingReader = BasicRingReader<PlainMemory>;

}  // namespace routebench::transport::shm

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_SHM_RING_H_
