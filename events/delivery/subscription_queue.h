// The queue of one subscription as a state machine (R1, R4, R14): capacity, full policy, order, credit,
// expiry.
//
// Both backends drive this class and neither has another: the coordinator under the subscription's lock, the
// daemon from its event loop. No threads, no clock of its own, no callbacks: the owner passes the time in,
// and acts on what the calls answer.
//
// An event accepted here is, in this order, *held* (not_before lies ahead), *ready*, *out* (taken by the
// owner: in a worker's batch, or on the wire and in the client's mailbox), and then *handed* to a handler.
// Capacity covers held, ready, out and reserved: everything not yet handed. "In flight" (R22) covers the
// handed ones too until answered.
//
//   occupancy() = held + ready + out + reserved <= capacity     (a recall may exceed it until it is answered,
//                                                                      and so may what came back)
#ifndef ROUTEBENCH_EVENTS_DELIVERY_SUBSCRIPTION_QUEUE_H_
#define ROUTEBENCH_EVENTS_DELIVERY_SUBSCRIPTION_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "events/clock.h"
#include "events/delivery/parcel.h"
#include "events/delivery/ring.h"
#include "events/outcome.h"
#include "events/router.h"

namespace routebench::delivery {

struct QueueOptions {
  size_t capacity = 1024;  // >= 1
  FullPolicy full_policy = FullPolicy::kBlock;
  QueueOrder order = QueueOrder::kFifo;
};

// What Offer did with a parcel.
enum class Admission : uint8_t {
  kQueued,
  kEvicted,  // queued; the oldest ready event left instead and is in OfferResult::evicted (kDroppedOldest)
  kRecall,   // queued above capacity, because something older is out: whoever holds the out events drops the
             // oldest of them when this one arrives and answers with Handed (drop-oldest only; held and ready
             // stay within the capacity, what is out is the owner's to bound)
  kRejected,  // full, policy reject:      kDroppedQueueFull
  kDropped,   // full, policy drop-newest: kDroppedNewest
  kFull,    // full, policy block: not queued; the owner waits for room (until its deadline) and offers again
  kClosed,  // not queued: Close was called: kDroppedUnsubscribed or kDroppedClosed, the owner knows which
};

struct OfferResult {
  Admission admission;
  ParcelPtr
      evicted;  // what did not stay: the evicted event, or the offered one itself where it was not queued
};

// Not thread-safe. Steady state allocates nothing: storage grows to the largest number that ever waited and
// is reused.
class SubscriptionQueue {
 public:
  explicit SubscriptionQueue(const QueueOptions& options);

  // Drop-oldest evicts the oldest event of the least urgent priority waiting, and the offered one itself
  // where that would make room for a less urgent one (priority order only).
  OfferResult Offer(ParcelPtr parcel, TimePoint now);

  // A place kept for a parcel that will be offered with OfferReserved; false when full or closed. For
  // publishers that must be admitted everywhere or nowhere.
  bool Reserve();
  void CancelReservation();
  // kQueued, or kClosed (the reservation is gone either way).
  OfferResult OfferReserved(ParcelPtr parcel, TimePoint now);

  // Takes back an event that was handed, to be held until `due`: it gets a place even where none is free.
  // Requires !closed().
  void Hold(ParcelPtr parcel, TimePoint due);

  // Moves up to `max` events, in hand-out order, from ready to out and appends them to `batch`. Events whose
  // time to live has ended are appended to `expired` instead and leave the queue. Returns how many were
  // appended to `batch`.
  size_t Take(size_t max, TimePoint now, std::vector<ParcelPtr>& batch, std::vector<ParcelPtr>& expired);

  // Makes the held events ready whose time has come; Take does the same.
  void ReleaseHeld(TimePoint now);

  // Takes back what was in a queue before this one: it gets a place even where none is free. Requires
  // !closed().
  void Restore(ParcelPtr parcel, TimePoint now) { Queue(std::move(parcel), now); }

  // `count` of the out events have been handed to a handler (or dropped by whoever held them): frees their
  // places. Requires count <= out().
  void Handed(size_t count);

  // Ends the queue: everything held and ready is appended to `rest` and leaves; later offers are kClosed. Out
  // events stay out until Handed.
  void Close(std::vector<ParcelPtr>& rest);

  // When the next held event becomes ready, if any is held: the owner sets a timer and calls Take then.
  std::optional<TimePoint> NextHeld() const;
  // True when Take at `now` would give or expire something.
  bool HasWork(TimePoint now) const;

  // Whether the time matters to Take and HasWork: an event came that is held or does not live for ever.
  bool timed() const { return timed_; }

  size_t held() const { return held_.size(); }
  size_t ready() const { return ready_; }
  size_t out() const { return out_; }
  size_t reserved() const { return reserved_; }
  size_t occupancy() const { return held() + ready() + out_ + reserved_; }
  bool full() const { return occupancy() >= options_.capacity; }
  bool closed() const { return closed_; }
  const QueueOptions& options() const { return options_; }

 private:
  struct Held {
    TimePoint due;
    uint64_t order;  // of arrival, so that events due together stay in order
    ParcelPtr parcel;
    bool operator<(const Held& other) const {  // std heap functions keep the largest first
      return std::pair(due, order) > std::pair(other.due, other.order);
    }
  };

  Ring<ParcelPtr>& RingOf(const Parcel& parcel);
  void Queue(ParcelPtr parcel, TimePoint now);
  OfferResult OfferToFull(ParcelPtr parcel, TimePoint now);
  ParcelPtr PopHeld();

  // What every call needs comes first: publisher and handler pass these cache lines to and fro.
  QueueOptions options_;
  size_t ready_ = 0;
  size_t out_ = 0;
  size_t reserved_ = 0;
  bool closed_ = false;
  bool timed_ = false;
  std::array<Ring<ParcelPtr>, kPriorityCount> rings_;  // by priority; FIFO order uses the first only
  std::vector<Held> held_;                             // a heap
  uint64_t arrivals_ = 0;
};

}  // namespace routebench::delivery

#endif  // ROUTEBENCH_EVENTS_DELIVERY_SUBSCRIPTION_QUEUE_H_
