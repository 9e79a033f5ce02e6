#include "coordinator/publisher_slots.h"

namespace routebench::coordinator {
namespace {

std::atomic<size_t> threads{0};
thread_local const size_t this_thread = threads.fetch_add(1, std::memory_order_relaxed);

}  // namespace

PublisherSlots::~PublisherSlots() {
  for (Slot& first : first_) {
    for (Slot* slot = first.next_.load(); slot != nullptr;) {
      Slot* const next = slot->next_.load();
      delete slot;
      slot = next;
    }
  }
}

PublisherSlots::Slot& PublisherSlots::Take(const void* reads) {
  Slot* slot = &first_[this_thread % kPlaces];
  while (true) {
    const void* free = nullptr;
    if (slot->reads_.load(std::memory_order_relaxed) == nullptr &&
        slot->reads_.compare_exchange_strong(free, reads)) {
      return *slot;
    }
    Slot* next = slot->next_.load(std::memory_order_acquire);
    if (next == nullptr) {
      auto* const made = new Slot;
      made->reads_.store(reads);
      if (slot->next_.compare_exchange_strong(next, made)) return *made;
      delete made;
    }
    slot = next;
  }
}

uint64_t PublisherSlots::Answers(PublishResult result) const {
  uint64_t sum = 0;
  ForEach([&](const Slot& slot) { sum += slot.answers_[static_cast<size_t>(result)].load(); });
  return sum;
}

bool PublisherSlots::IsRead(const void* object) const {
  bool read = false;
  ForEach([&](const Slot& slot) { read |= slot.reads_.load() == object; });
  return read;
}

}  // namespace routebench::coordinator
