// A value for each phase and category of a run.
#ifndef ROUTEBENCH_LOADGEN_CELLS_H_
#define ROUTEBENCH_LOADGEN_CELLS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "events/kind.h"

namespace routebench::loadgen {

template <typename T>
class Cells {
 public:
  explicit Cells(size_t phases) : cells_(phases * kCategoryCount) {}

  T& At(size_t phase, Category category) {
    return cells_[phase * kCategoryCount + static_cast<size_t>(category)];
  }
  const T& At(size_t phase, Category category) const {
    return cells_[phase * kCategoryCount + static_cast<size_t>(category)];
  }
  size_t phases() const { return cells_.size() / kCategoryCount; }

  // T has Merge(const T&).
  void Merge(const Cells& other) {
    for (size_t i = 0; i < cells_.size(); ++i) cells_[i].Merge(other.cells_[i]);
  }

 private:
  std::vector<T> cells_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_CELLS_H_
