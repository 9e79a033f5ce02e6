#include "events/delivery/subscription_queue.h"

#include <algorithm>
#include <cassert>

namespace routebench::delivery {

SubscriptionQueue::SubscriptionQueue(const QueueOptions& options) : options_(options) {
  assert(options.capacity >= 1);
}

Ring<ParcelPtr>& SubscriptionQueue::RingOf(const Parcel& parcel) {
  return options_.order == QueueOrder::kFifo ? rings_[0]
                                             : rings_[static_cast<size_t>(parcel.header().priority)];
}

void SubscriptionQueue::Queue(ParcelPtr parcel, TimePoint now) {
  const TimePoint not_before = parcel->header().not_before;
  if (parcel->header().time_to_live > Duration::zero()) timed_ = true;
  if (not_before > now) return Hold(std::move(parcel), not_before);
  Ring<ParcelPtr>& ring = RingOf(*parcel);
  ring.PushBack(std::move(parcel));
  ++ready_;
}

void SubscriptionQueue::Hold(ParcelPtr parcel, TimePoint due) {
  timed_ = true;
  held_.push_back({due, ++arrivals_, std::move(parcel)});
  std::push_heap(held_.begin(), held_.end());
}

ParcelPtr SubscriptionQueue::PopHeld() {
  std::pop_heap(held_.begin(), held_.end());
  ParcelPtr parcel = std::move(held_.back().parcel);
  held_.pop_back();
  return parcel;
}

void SubscriptionQueue::ReleaseHeld(TimePoint now) {
  while (!held_.empty() && held_.front().due <= now) {
    ParcelPtr parcel = PopHeld();
    Ring<ParcelPtr>& ring = RingOf(*parcel);
    ring.PushBack(std::move(parcel));
    ++ready_;
  }
}

OfferResult SubscriptionQueue::Offer(ParcelPtr parcel, TimePoint now) {
  if (closed_) return {Admission::kClosed, std::move(parcel)};
  if (full()) return OfferToFull(std::move(parcel), now);
  Queue(std::move(parcel), now);
  return {Admission::kQueued, nullptr};
}

OfferResult SubscriptionQueue::OfferToFull(ParcelPtr parcel, TimePoint now) {
  switch (options_.full_policy) {
    case FullPolicy::kBlock:
      return {Admission::kFull, std::move(parcel)};
    case FullPolicy::kReject:
      return {Admission::kRejected, std::move(parcel)};
    case FullPolicy::kDropNewest:
      return {Admission::kDropped, std::move(parcel)};
    case FullPolicy::kDropOldest:
      break;
  }
  // What is out is older than what is ready, and as many of it are still to be kept as the ready ones leave
  // places: whoever holds it decides which.
  if (out_ > 0 && held() + ready() < options_.capacity) {
    Queue(std::move(parcel), now);
    return {Admission::kRecall, nullptr};
  }
  const auto least_urgent =
      std::find_if(rings_.rbegin(), rings_.rend(), [](const Ring<ParcelPtr>& ring) { return !ring.empty(); });
  if (least_urgent != rings_.rend()) {
    const bool worth_it = options_.order == QueueOrder::kFifo ||
                          parcel->header().priority <= least_urgent->front()->header().priority;
    if (!worth_it) return {Admission::kEvicted, std::move(parcel)};
    ParcelPtr evicted = least_urgent->PopFront();
    --ready_;
    Queue(std::move(parcel), now);
    return {Admission::kEvicted, std::move(evicted)};
  }
  if (!held_.empty()) {
    ParcelPtr evicted = PopHeld();
    Queue(std::move(parcel), now);
    return {Admission::kEvicted, std::move(evicted)};
  }
  return {Admission::kEvicted, std::move(parcel)};  // every place is reserved
}

bool SubscriptionQueue::Reserve() {
  if (closed_ || full()) return false;
  ++reserved_;
  return true;
}

void SubscriptionQueue::CancelReservation() {
  assert(reserved_ > 0);
  --reserved_;
}

OfferResult SubscriptionQueue::OfferReserved(ParcelPtr parcel, TimePoint now) {
  CancelReservation();
  if (closed_) return {Admission::kClosed, std::move(parcel)};
  Queue(std::move(parcel), now);
  return {Admission::kQueued, nullptr};
}

size_t SubscriptionQueue::Take(size_t max, TimePoint now, std::vector<ParcelPtr>& batch,
                               std::vector<ParcelPtr>& expired) {
  ReleaseHeld(now);
  size_t taken = 0;
  for (Ring<ParcelPtr>& ring : rings_) {
    while (!ring.empty() && taken < max) {
      ParcelPtr parcel = ring.PopFront();
      --ready_;
      if (timed_ && parcel->header().ExpiredAt(now)) {
        expired.push_back(std::move(parcel));
        continue;
      }
      batch.push_back(std::move(parcel));
      ++taken;
    }
  }
  out_ += taken;
  return taken;
}

void SubscriptionQueue::Handed(size_t count) {
  assert(count <= out_);
  out_ -= count;
}

void SubscriptionQueue::Close(std::vector<ParcelPtr>& rest) {
  closed_ = true;
  for (Ring<ParcelPtr>& ring : rings_) {
    while (!ring.empty()) rest.push_back(ring.PopFront());
  }
  while (!held_.empty()) rest.push_back(PopHeld());
  ready_ = 0;
}

std::optional<TimePoint> SubscriptionQueue::NextHeld() const {
  if (held_.empty()) return std::nullopt;
  return held_.front().due;
}

bool SubscriptionQueue::HasWork(TimePoint now) const {
  return ready_ > 0 || (!held_.empty() && held_.front().due <= now);
}

}  // namespace routebench::delivery
