// The limit of a daemon over shared memory: bodies of fixed size from one process through a relay process to
// another, by rings in memory that all three map, no frames, no semantics. Yardstick of the daemon's
// benchmark, not used by any backend.
#ifndef ROUTEBENCH_TESTS_BENCH_LIMITS_SHM_RELAY_H_
#define ROUTEBENCH_TESTS_BENCH_LIMITS_SHM_RELAY_H_

#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace routebench::bench {

// How a side of a ring waits: it gives the processor away and looks again, or it sleeps on a shared futex and
// is woken by a system call that is left out where nobody sleeps.
enum class RelayWait : uint8_t { kYield, kBlock };

// Single producer, single consumer; made before the processes are forked.
template <size_t kBodyBytes, size_t kSlots>
class SharedRing {
 public:
  using Body = std::array<char, kBodyBytes>;

  explicit SharedRing(RelayWait wait) : wait_(wait) {
    void* const memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    shared_ = new (memory) Shared;
  }
  ~SharedRing() { munmap(shared_, sizeof(Shared)); }
  SharedRing(const SharedRing&) = delete;
  SharedRing& operator=(const SharedRing&) = delete;

  // Producer only. A slot to write into; waits for one. Commit publishes it.
  Body& Claim() {
    Await(shared_->head, [&] { return tail_ - other_ < kSlots; });
    return shared_->slots[tail_ % kSlots];
  }
  void Commit() { Publish(shared_->tail, ++tail_); }

  // Consumer only. The oldest body; waits for one. Release frees it.
  const Body& Front() {
    Await(shared_->tail, [&] { return other_ != head_; });
    return shared_->slots[head_ % kSlots];
  }
  bool Empty() {
    if (other_ == head_) other_ = shared_->tail.value.load(std::memory_order_acquire);
    return other_ == head_;
  }
  void Release() { Publish(shared_->head, ++head_); }

 private:
  struct alignas(128) Position {
    std::atomic<uint32_t> value{0};
    std::atomic<uint32_t> sleeper{0};  // beside it, for whoever moves it
  };
  struct Shared {
    Position tail;
    Position head;
    std::array<Body, kSlots> slots;
  };

  template <typename Ready>
  void Await(Position& position, Ready ready) {
    if (ready()) return;
    for (;;) {
      other_ = position.value.load(std::memory_order_acquire);
      if (ready()) return;
      if (wait_ == RelayWait::kYield) {
        sched_yield();
        continue;
      }
      position.sleeper.store(1, std::memory_order_seq_cst);
      if (position.value.load(std::memory_order_seq_cst) == other_) {
        syscall(SYS_futex, &position.value, FUTEX_WAIT, other_, nullptr, nullptr, 0);
      }
      position.sleeper.store(0, std::memory_order_relaxed);
    }
  }
  void Publish(Position& position, uint32_t value) {
    if (wait_ == RelayWait::kYield) {
      position.value.store(value, std::memory_order_release);
      return;
    }
    position.value.store(value, std::memory_order_seq_cst);
    if (position.sleeper.load(std::memory_order_seq_cst) != 0) {
      syscall(SYS_futex, &position.value, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
    }
  }

  const RelayWait wait_;
  Shared* shared_;
  // Each process has its own: a side keeps what it has last seen of the other's position.
  uint32_t tail_ = 0;
  uint32_t head_ = 0;
  uint32_t other_ = 0;
};

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_LIMITS_SHM_RELAY_H_
