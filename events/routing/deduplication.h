// Which events were accepted lately (R12). An event is inserted once it is accepted, so that one that was
// refused can be tried again.
#ifndef ROUTEBENCH_EVENTS_ROUTING_DEDUPLICATION_H_
#define ROUTEBENCH_EVENTS_ROUTING_DEDUPLICATION_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "events/clock.h"
#include "events/event_id.h"

namespace routebench::routing {

// The last `capacity` ids, none older than `max_age`. Everything is allocated by the constructor, about 40
// bytes for each id; afterwards nothing is, and every call takes constant expected time (an id that is
// forgotten by its age is paid for by its insertion). Not thread-safe. `now` must not go backwards.
class DeduplicationWindow {
 public:
  // Requires a capacity from 1 to 2^30 and a positive age.
  DeduplicationWindow(size_t capacity, Duration max_age);

  bool Contains(const EventId& id, TimePoint now);
  // Forgets the oldest when full. An id that is in already stays as old as it is.
  void Insert(const EventId& id, TimePoint now);

  // Some of them may be too old by now.
  size_t size() const { return size_; }
  size_t capacity() const { return entries_.size(); }

 private:
  struct Entry {
    EventId id;
    TimePoint inserted;
  };
  static constexpr uint32_t kFree = UINT32_MAX;

  void ForgetTheOld(TimePoint now);
  void ForgetOldest();
  // Where the id is, or the free slot where it belongs.
  size_t FindSlot(const EventId& id) const;
  size_t HomeOf(const EventId& id) const;

  const Duration max_age_;
  std::vector<Entry> entries_;  // a ring, in the order of insertion
  size_t oldest_ = 0;
  size_t size_ = 0;
  std::vector<uint32_t>
      slots_;  // by hash, linear probing: indices into the ring; at most half of them are used
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_DEDUPLICATION_H_
