#include "loadgen/publisher.h"

#include <algorithm>

namespace routebench::loadgen {

void OfferCell::Merge(const OfferCell& other) {
  offered += other.offered;
  expected += other.expected;
  self_lag.Merge(other.self_lag);
  blocked.Merge(other.blocked);
}

void OfferResults::Merge(const OfferResults& other) {
  cells.Merge(other.cells);
  for (size_t i = 0; i < lateness.size(); ++i) {
    lateness[i].Merge(other.lateness[i]);
    own_lateness[i].Merge(other.own_lateness[i]);
  }
  accepted_deliveries += other.accepted_deliveries;
  accepted_unrouted += other.accepted_unrouted;
  for (size_t i = 0; i < kPublishResultCount; ++i) answers[i] += other.answers[i];
  clock_ran_backwards = clock_ran_backwards || other.clock_ran_backwards;
}

Publisher::Publisher(EventRouter& router, const Schedule& schedule, const Corpus& corpus, uint16_t number,
                     const Clock& clock, OutstandingLimit* outstanding,
                     const std::array<uint32_t, kKindCount>& receivers, const Sending& sending)
    : router_(router),
      schedule_(schedule),
      corpus_(corpus),
      number_(number),
      receivers_(receivers),
      sending_(sending),
      clock_(clock),
      outstanding_(outstanding),
      events_(corpus.events()),
      ids_(RandomSeed()),
      results_(schedule.phases.size()) {
  for (size_t i = 0; i < schedule.events.size(); ++i) {
    if (schedule.events[i].publisher == number) own_.push_back(static_cast<uint32_t>(i));
  }
}

// An event that nobody receives has one outcome, too: unrouted. A request is over once, however many answer.
uint32_t Publisher::OutcomesOf(EventKind kind) const {
  if (sending_.asker != nullptr) return 1;
  return std::max(1u, receivers_[static_cast<size_t>(kind)]);
}

void Publisher::Run(TimePoint start, Pacer& pacer, const std::atomic<bool>& stop) {
  pacer.WaitUntil(start, stop);
  previous_return_ = clock_without_publish_ = own_clock_ = start;
  for (const uint32_t index : own_) {
    if (stop.load(std::memory_order_relaxed)) return;
    const PlannedEvent& planned = schedule_.events[index];
    TimePoint due = start + Duration(planned.due_ns);
    Duration queued{};
    if (outstanding_ == nullptr) {
      queued = pacer.WaitUntil(due, stop);
      if (stop.load(std::memory_order_relaxed)) return;
    } else {
      outstanding_->Acquire(OutcomesOf(planned.kind));
      due = clock_.Now();
    }
    Offer(index, due, queued);
    sent_.store(sequence_, std::memory_order_relaxed);
  }
}

PublishResult Publisher::Send(const Event& event, uint8_t phase) {
  return sending_.asker == nullptr ? router_.Publish(event) : sending_.asker->Ask(event, phase);
}

void Publisher::Offer(uint32_t index, TimePoint due, Duration queued) {
  const PlannedEvent& planned = schedule_.events[index];
  Event& event = events_[corpus_.EventOf(index)];
  if (sending_.addresses != nullptr) sending_.addresses->Write(index, event);
  event.header.max_attempts = sending_.max_attempts;
  event.header.time_to_live = sending_.time_to_live;
  const TimePoint begin = clock_.Now();
  event.header.id = ids_.Next();
  event.header.sequence = ++sequence_;
  event.header.publisher = number_ + 1u;
  event.header.priority = planned.priority;
  event.header.due = due;
  event.header.created = begin;
  const PublishResult answer = Send(event, planned.phase);
  const TimePoint end = clock_.Now();

  const uint32_t receivers = receivers_[static_cast<size_t>(planned.kind)];
  if (answer == PublishResult::kAccepted) {
    results_.accepted_deliveries += receivers;
    results_.accepted_unrouted += receivers == 0 ? 1 : 0;
  } else if (outstanding_ != nullptr && sending_.asker == nullptr) {
    outstanding_->GiveBack(OutcomesOf(planned.kind));
  }
  const Duration self_lag = begin - std::max(due, previous_return_);
  clock_without_publish_ = std::max(due, clock_without_publish_) + self_lag;
  own_clock_ = std::max(due, own_clock_) + std::max(self_lag - queued, Duration::zero());
  OfferCell& cell = results_.cells.At(planned.phase, CategoryOf(planned.kind));
  ++cell.offered;
  cell.expected += receivers;
  cell.self_lag.Record(self_lag.count());
  cell.blocked.Record((end - begin).count());
  results_.lateness[planned.phase].Record((clock_without_publish_ - due).count());
  results_.own_lateness[planned.phase].Record((own_clock_ - due).count());
  ++results_.answers[static_cast<size_t>(answer)];
  results_.clock_ran_backwards |= end < begin || begin < previous_return_;
  previous_return_ = end;
}

}  // namespace routebench::loadgen
