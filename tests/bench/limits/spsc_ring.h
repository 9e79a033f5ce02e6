// The limit of an in-process hand-over: a bare bounded single-producer single-consumer ring that moves
// fixed-size bodies between two threads and does nothing else. Yardstick of the coordinator's benchmark, not
// used by any backend.
//
// Positions run freely and are masked only when addressing; each side keeps a cached copy of the other's
// position, as in the published designs of such rings (rigtorp/SPSCQueue, Aeron's OneToOneRingBuffer).
#ifndef ROUTEBENCH_TESTS_BENCH_LIMITS_SPSC_RING_H_
#define ROUTEBENCH_TESTS_BENCH_LIMITS_SPSC_RING_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace routebench::bench {

template <size_t kBodyBytes>
class SpscRing {
 public:
  using Body = std::array<char, kBodyBytes>;

  // `capacity` is a power of two.
  explicit SpscRing(size_t capacity) : slots_(capacity), mask_(capacity - 1) {}

  // Producer only. A slot to write into, or null when the ring is full; Commit publishes it.
  Body* Claim() {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    if (tail - cached_head_ > mask_) {
      cached_head_ = head_.load(std::memory_order_acquire);
      if (tail - cached_head_ > mask_) return nullptr;
    }
    return &slots_[tail & mask_];
  }
  void Commit() { tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  // Consumer only. The oldest body, or null when the ring is empty; Release frees it.
  const Body* Peek() {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    if (head == cached_tail_) {
      cached_tail_ = tail_.load(std::memory_order_acquire);
      if (head == cached_tail_) return nullptr;
    }
    return &slots_[head & mask_];
  }
  void Release() { head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

 private:
  std::vector<Body> slots_;
  const uint64_t mask_;
  alignas(128) std::atomic<uint64_t> tail_{0};
  uint64_t cached_head_ = 0;  // the producer's
  alignas(128) std::atomic<uint64_t> head_{0};
  uint64_t cached_tail_ = 0;  // the consumer's
};

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_LIMITS_SPSC_RING_H_
