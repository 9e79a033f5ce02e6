#include "events/routing/deduplication.h"

#include <bit>

#include "absl/hash/hash.h"

namespace routebench::routing {

DeduplicationWindow::DeduplicationWindow(size_t capacity, Duration max_age)
    : max_age_(max_age), entries_(capacity), slots_(std::bit_ceil(2 * capacity), kFree) {}

bool DeduplicationWindow::Contains(const EventId& id, TimePoint now) {
  ForgetTheOld(now);
  return slots_[FindSlot(id)] != kFree;
}

void DeduplicationWindow::Insert(const EventId& id, TimePoint now) {
  ForgetTheOld(now);
  if (slots_[FindSlot(id)] != kFree) return;
  if (size_ == entries_.size()) ForgetOldest();
  size_t at = oldest_ + size_;
  if (at >= entries_.size()) at -= entries_.size();
  entries_[at] = {id, now};
  slots_[FindSlot(id)] = static_cast<uint32_t>(at);  // forgetting may have moved the free slot
  ++size_;
}

void DeduplicationWindow::ForgetTheOld(TimePoint now) {
  while (size_ > 0 && now - entries_[oldest_].inserted > max_age_) ForgetOldest();
}

// Closes the gap, so that no marks of deleted slots pile up (Knuth, The Art of Computer Programming, vol.
// 3, 6.4, algorithm R).
void DeduplicationWindow::ForgetOldest() {
  const size_t mask = slots_.size() - 1;
  size_t gap = FindSlot(entries_[oldest_].id);
  for (size_t at = (gap + 1) & mask; slots_[at] != kFree; at = (at + 1) & mask) {
    const size_t home = HomeOf(entries_[slots_[at]].id);
    if (((at - home) & mask) < ((at - gap) & mask)) continue;  // it is at home behind the gap
    slots_[gap] = slots_[at];
    gap = at;
  }
  slots_[gap] = kFree;
  if (++oldest_ == entries_.size()) oldest_ = 0;
  --size_;
}

size_t DeduplicationWindow::FindSlot(const EventId& id) const {
  const size_t mask = slots_.size() - 1;
  size_t at = HomeOf(id);
  while (slots_[at] != kFree && entries_[slots_[at]].id != id) at = (at + 1) & mask;
  return at;
}

// Seeded in each process: ids come from outside.
size_t DeduplicationWindow::HomeOf(const EventId& id) const {
  return absl::Hash<EventId>()(id) & (slots_.size() - 1);
}

}  // namespace routebench::routing
