#include "tests/support/allocations.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace routebench::testing {
namespace {

constinit thread_local Allocations of_this_thread;
constinit std::atomic<uint64_t> count_of_all{0};
constinit std::atomic<uint64_t> bytes_of_all{0};

void* CountedOrNull(std::size_t size, std::size_t alignment) noexcept {
  ++of_this_thread.count;
  of_this_thread.bytes += size;
  count_of_all.fetch_add(1, std::memory_order_relaxed);
  bytes_of_all.fetch_add(size, std::memory_order_relaxed);
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  return alignment <= alignof(std::max_align_t) ? std::malloc(size == 0 ? 1 : size)
                                                : std::aligned_alloc(alignment, rounded);
}

void* Counted(std::size_t size, std::size_t alignment) {
  void* const memory = CountedOrNull(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

Allocations Allocations::OfThisThread() { return of_this_thread; }

Allocations Allocations::OfAllThreads() {
  return {.count = count_of_all.load(std::memory_order_relaxed),
          .bytes = bytes_of_all.load(std::memory_order_relaxed)};
}

}  // namespace routebench::testing

using routebench::testing::Counted;
using routebench::testing::CountedOrNull;

void* operator new(std::size_t size) { return Counted(size, 1); }
void* operator new[](std::size_t size) { return Counted(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return Counted(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
  return Counted(size, static_cast<std::size_t>(alignment));
}
// std::stable_partition and its like ask without exceptions.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return CountedOrNull(size, 1); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return CountedOrNull(size, 1); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
