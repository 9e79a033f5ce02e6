// What two processes agree on when they share memory. Each creates one segment, which only it can write:
//
//   offset 0     Positions: four words of the owner, each on a pair of cache lines of its own
//                  tail          bytes that the owner has produced here, ever
//                  head          bytes that the owner has consumed from the peer's ring, ever
//                  reader_wake   "ring when your tail comes to this"   (the owner sleeps for something to
//                  read) writer_wake   "ring when your head comes to this"   (the owner sleeps for room)
//   offset 4096  the ring: `ring_bytes`, a power of two, of records
//
//   record       RecordHeader, then `length` bytes, then zero to 15 bytes up to a multiple of 16. A record
//   ends
//                at the latest where the ring does; one of length 0 fills what is left there.
//
// Positions only grow; masked they are offsets. The store of the tail commits all that was written before it.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_SHM_LAYOUT_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_SHM_LAYOUT_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace routebench::transport::shm {

inline constexpr size_t kRecordAlignment = 16;
inline constexpr size_t kMinRingBytes = size_t{4} << 10;
inline constexpr size_t kMaxRingBytes = size_t{1} << 20;
inline constexpr size_t kRingOffset = 4096;

struct alignas(128) Word {
  std::atomic<uint64_t> value{0};
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

struct Positions {
  Word tail;
  Word head;
  Word reader_wake;
  Word writer_wake;
};
static_assert(sizeof(Positions) == 512 && sizeof(Positions) <= kRingOffset);
static_assert(offsetof(Positions, head) == 128 && offsetof(Positions, reader_wake) == 256 &&
              offsetof(Positions, writer_wake) == 384);

struct RecordHeader {
  uint32_t length;
  uint32_t check;     // CheckOf the rest
  uint64_t sequence;  // counts the records of a ring from 1
};
static_assert(sizeof(RecordHeader) == kRecordAlignment);

// Tells a record from what else may lie in memory; not from what a peer forges.
constexpr uint32_t CheckOf(uint32_t length, uint64_t sequence, uint64_t epoch) {
  const uint64_t mixed = (sequence ^ epoch) * 0x9e3779b97f4a7c15 + length;
  return static_cast<uint32_t>((mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9 >> 32);
}

// From its header to its last padding byte.
constexpr size_t RecordBytes(size_t length) {
  return sizeof(RecordHeader) + (length + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}
// Longer ones would keep the reader waiting for the ring to empty.
constexpr size_t MaxLength(size_t ring_bytes) { return ring_bytes / 4; }

// The first bytes on the socket, from each side to the other, with the descriptor of its segment; from the
// dialler also with that of a second socket, the bell for room. Who accepted and has something to say before
// it has heard a Hello shares no memory: its own has `ring_bytes` 0, no descriptor, and the bytes follow it.
struct Hello {
  uint64_t magic;
  uint64_t layout;
  uint64_t ring_bytes;
  uint64_t epoch;  // of the ring: random
};
inline constexpr uint64_t kMagic = 0x31'6d'68'73'62'74'72;  // "rtbshm1"

// Of what is above: two builds that would read each other's memory differently do not meet.
constexpr uint64_t LayoutHash() {
  uint64_t hash = 0xcbf29ce484222325;
  for (const uint64_t part :
       {uint64_t{1}, uint64_t{sizeof(Positions)}, uint64_t{offsetof(Positions, head)},
        uint64_t{offsetof(Positions, reader_wake)}, uint64_t{offsetof(Positions, writer_wake)},
        uint64_t{kRingOffset}, uint64_t{sizeof(RecordHeader)}, uint64_t{CheckOf(1, 2, 3)}}) {
    hash = (hash ^ part) * 0x100000001b3;
  }
  return hash;
}

}  // namespace routebench::transport::shm

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_SHM_LAYOUT_H_
