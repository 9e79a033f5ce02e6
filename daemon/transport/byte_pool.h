// Memory for encoded events, by size.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_BYTE_POOL_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_BYTE_POOL_H_

#include <array>
#include <bit>
#include <cstddef>
#include <new>

namespace routebench::transport {

// Free lists of sizes that are powers of two, or three quarters of one: at most a third is wasted. Larger
// sizes than the largest class, and what a full free list does not take, go to the heap. Not thread-safe.
class BytePool {
 public:
  // Free bytes kept for each class.
  static constexpr size_t kKeptBytes = size_t{4} << 20;

  BytePool() = default;
  BytePool(const BytePool&) = delete;
  BytePool& operator=(const BytePool&) = delete;
  ~BytePool() {
    for (Class& list : classes_) {
      while (list.first != nullptr) ::operator delete(Pop(list));
    }
  }

  // Aligned as operator new does.
  void* Allocate(size_t size) {
    const size_t index = IndexOf(size);
    if (index >= kClasses) return ::operator new(size);
    Class& list = classes_[index];
    return list.first != nullptr ? Pop(list) : ::operator new(SizeOf(index));
  }

  // `size`: as it was allocated.
  void Free(void* memory, size_t size) {
    const size_t index = IndexOf(size);
    if (index >= kClasses || classes_[index].kept >= kKeptBytes) return ::operator delete(memory);
    Class& list = classes_[index];
    list.first = new (memory) Node{list.first};
    list.kept += SizeOf(index);
  }

 private:
  static constexpr size_t kSmallestBits = 8;  // 256 bytes
  static constexpr size_t kClasses = 20;      // up to 192 KiB

  struct Node {
    Node* next;
  };
  struct Class {
    Node* first = nullptr;
    size_t kept = 0;
  };

  // 0: 256, 1: 384, 2: 512, 3: 768, 4: 1024 ...
  static constexpr size_t SizeOf(size_t index) {
    const size_t power = size_t{1} << (kSmallestBits + index / 2);
    return index % 2 == 0 ? power : power + power / 2;
  }
  static constexpr size_t IndexOf(size_t size) {
    if (size <= (size_t{1} << kSmallestBits)) return 0;
    const size_t bits = static_cast<size_t>(std::bit_width(size - 1)) - 1;  // 2^bits < size <= 2^(bits + 1)
    const size_t index = 2 * (bits - kSmallestBits);
    return size <= SizeOf(index + 1) ? index + 1 : index + 2;
  }

  void* Pop(Class& list) {
    Node* const node = list.first;
    list.first = node->next;
    list.kept -= SizeOf(static_cast<size_t>(&list - classes_.data()));
    return node;
  }

  std::array<Class, kClasses> classes_{};
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_BYTE_POOL_H_
