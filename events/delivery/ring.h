// A FIFO over a growing ring: storage grows to the largest number that ever waited and is then reused.
#ifndef ROUTEBENCH_EVENTS_DELIVERY_RING_H_
#define ROUTEBENCH_EVENTS_DELIVERY_RING_H_

#include <cstddef>
#include <utility>
#include <vector>

namespace routebench::delivery {

// Not thread-safe. T is default-constructible and movable; a popped slot is left moved-from.
template <typename T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  // Requires !empty().
  const T& front() const { return slots_[first_]; }

  void PushBack(T value) {
    if (size_ == slots_.size()) Grow();
    slots_[(first_ + size_) & (slots_.size() - 1)] = std::move(value);
    ++size_;
  }

  // Requires !empty().
  T PopFront() {
    T value = std::move(slots_[first_]);
    first_ = (first_ + 1) & (slots_.size() - 1);
    --size_;
    return value;
  }

 private:
  static constexpr size_t kFirstCapacity = 16;

  void Grow() {
    std::vector<T> grown(slots_.empty() ? kFirstCapacity : slots_.size() * 2);
    for (size_t i = 0; i < size_; ++i) grown[i] = std::move(slots_[(first_ + i) & (slots_.size() - 1)]);
    slots_ = std::move(grown);
    first_ = 0;
  }

  std::vector<T> slots_;  // a power of two
  size_t first_ = 0;
  size_t size_ = 0;
};

}  // namespace routebench::delivery

#endif  // ROUTEBENCH_EVENTS_DELIVERY_RING_H_
