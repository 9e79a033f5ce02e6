// What was sent to a subscriber and is not answered yet.
#ifndef ROUTEBENCH_DAEMON_SERVER_LEDGER_H_
#define ROUTEBENCH_DAEMON_SERVER_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "events/delivery/parcel.h"
#include "events/event_id.h"

namespace routebench::daemon {

// Deliveries by number, from 1. Storage grows to the largest span between the oldest unanswered one and the
// newest, and is reused. Not thread-safe.
class Ledger {
 public:
  struct Entry {
    EventId event;
    uint64_t sequence = 0;
    uint32_t origin = 0;  // the publishing session
    bool report_delivered = false;
    bool answered = true;
    delivery::ParcelPtr parcel;  // kept until the answer where it may be needed again; otherwise null
  };

  // The number of the delivery.
  uint64_t Add(Entry entry) {
    if (next_ - first_ == slots_.size()) Grow();
    At(next_) = std::move(entry);
    At(next_).answered = false;
    ++unanswered_;
    return next_++;
  }

  // Null: not sent, or answered before. Valid until Add or Trim.
  Entry* Find(uint64_t delivery) {
    if (delivery < first_ || delivery >= next_ || At(delivery).answered) return nullptr;
    return &At(delivery);
  }

  void Answer(Entry& entry) {
    entry.answered = true;
    entry.parcel.reset();
    --unanswered_;
  }
  // Forgets the answered ones at the front.
  void Trim() {
    while (first_ < next_ && At(first_).answered) ++first_;
  }

  size_t unanswered() const { return unanswered_; }
  size_t span() const { return next_ - first_; }
  uint64_t sent() const { return next_ - 1; }
  uint64_t first() const { return first_; }

 private:
  static constexpr size_t kFirstCapacity = 64;

  Entry& At(uint64_t delivery) { return slots_[delivery & (slots_.size() - 1)]; }
  void Grow() {
    std::vector<Entry> grown(slots_.empty() ? kFirstCapacity : 2 * slots_.size());
    for (uint64_t i = first_; i < next_; ++i) grown[i & (grown.size() - 1)] = std::move(At(i));
    slots_.swap(grown);
  }

  std::vector<Entry> slots_;  // a power of two
  uint64_t first_ = 1;
  uint64_t next_ = 1;
  size_t unanswered_ = 0;
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_LEDGER_H_
