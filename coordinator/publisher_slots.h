// What a publisher takes for the time of one call: parcels of its own, and a claim on the snapshot it reads.
#ifndef ROUTEBENCH_COORDINATOR_PUBLISHER_SLOTS_H_
#define ROUTEBENCH_COORDINATOR_PUBLISHER_SLOTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "coordinator/parcel_pool.h"
#include "events/outcome.h"

namespace routebench::coordinator {

// Hazard pointers (Michael, 2004): a reader says what it reads, a writer that has replaced the object keeps
// the old one until nobody says so any more. A publisher then neither takes a lock nor counts references.
//
// Thread-safe and lock-free. There is one slot for each call that runs at a time: threads begin to look at
// different places, and a slot more is made where all of a place are taken (calls that wait, or that are
// nested in a handler). Must outlive its parcels.
class PublisherSlots {
 public:
  class alignas(64) Slot {
   public:
    // For the claim's holder.
    ParcelPool& parcels() { return parcels_; }
    void CountAnswer(PublishResult result) {
      std::atomic<uint64_t>& count = answers_[static_cast<size_t>(result)];
      count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

   private:
    friend class PublisherSlots;
    std::atomic<const void*> reads_{nullptr};
    std::array<std::atomic<uint64_t>, kPublishResultCount> answers_{};  // the holder alone writes them
    ParcelPool parcels_;
    std::atomic<Slot*> next_{nullptr};  // at the same place; only ever set once
  };

  // A slot, and what `current` pointed to at some moment of the constructor: neither is anybody else's, or
  // deleted, while this lives.
  template <typename T>
  class Claim {
   public:
    Claim(PublisherSlots& slots, const std::atomic<const T*>& current) {
      const T* seen = current.load(std::memory_order_relaxed);
      slot_ = &slots.Take(seen);
      for (object_ = current.load(); object_ != seen; object_ = current.load()) {
        seen = object_;
        slot_->reads_.store(seen);
      }
    }
    ~Claim() { slot_->reads_.store(nullptr, std::memory_order_release); }
    Claim(const Claim&) = delete;
    Claim& operator=(const Claim&) = delete;

    const T& object() const { return *object_; }
    Slot& slot() const { return *slot_; }

   private:
    Slot* slot_;
    const T* object_;
  };

  PublisherSlots() = default;
  ~PublisherSlots();
  PublisherSlots(const PublisherSlots&) = delete;
  PublisherSlots& operator=(const PublisherSlots&) = delete;

  // How many calls were answered so.
  uint64_t Answers(PublishResult result) const;
  // False once nobody reads what no claim can reach any more.
  bool IsRead(const void* object) const;

 private:
  static constexpr size_t kPlaces = 16;

  template <typename Visit>
  void ForEach(const Visit& visit) const {
    for (const Slot& first : first_) {
      for (const Slot* slot = &first; slot != nullptr; slot = slot->next_.load()) visit(*slot);
    }
  }
  // Marks a free slot with `reads`, which is not null.
  Slot& Take(const void* reads);

  std::array<Slot, kPlaces> first_;
};

}  // namespace routebench::coordinator

#endif  // ROUTEBENCH_COORDINATOR_PUBLISHER_SLOTS_H_
