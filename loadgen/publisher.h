// A publisher: sends each event of its part of the schedule when it is due and never waits for completion.
#ifndef ROUTEBENCH_LOADGEN_PUBLISHER_H_
#define ROUTEBENCH_LOADGEN_PUBLISHER_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "analysis/record/histogram.h"
#include "events/clock.h"
#include "events/outcome.h"
#include "events/router.h"
#include "loadgen/addresses.h"
#include "loadgen/asker.h"
#include "loadgen/cells.h"
#include "loadgen/corpus.h"
#include "loadgen/outstanding.h"
#include "loadgen/pacer.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// What publishing came to, for one phase and category. Nanoseconds.
struct OfferCell {
  uint64_t offered = 0;   // events due, refused ones included
  uint64_t expected = 0;  // deliveries that the offered ones amount to
  record::Histogram
      self_lag;  // start of the call minus the later of the due time and the return of the previous call
  record::Histogram blocked;  // inside Publish

  void Merge(const OfferCell& other);
};

struct OfferResults {
  explicit OfferResults(size_t phases) : cells(phases), lateness(phases), own_lateness(phases) {}
  Cells<OfferCell> cells;
  // By phase: how late the events would have been sent by a generator whose calls of Publish took no time.
  // Unlike the self-lag of one event it shows a stall in every event that was due meanwhile, and a load that
  // the generator cannot offer in all of them.
  std::vector<record::Histogram> lateness;
  // And if, besides, a thread that is ready to run never waited for a processor: what no other thread
  // explains.
  std::vector<record::Histogram> own_lateness;
  uint64_t accepted_deliveries = 0;  // that the accepted events amount to
  uint64_t accepted_unrouted = 0;    // accepted events that nobody receives
  std::array<uint64_t, kPublishResultCount> answers{};
  bool clock_ran_backwards = false;

  void Merge(const OfferResults& other);
};

// How events are sent, beyond what the schedule says of them.
struct Sending {
  const Addresses* addresses = nullptr;  // null: to all
  uint8_t max_attempts = EventHeader().max_attempts;
  Duration time_to_live{};  // zero: for ever
  Asker* asker = nullptr;   // null: one way
};

// Runs on one thread. Borrows everything it is given.
class Publisher {
 public:
  // `number` is from 0; `outstanding` is null in the open loop. `receivers` is the number of outcomes that an
  // event of each kind leads to.
  Publisher(EventRouter& router, const Schedule& schedule, const Corpus& corpus, uint16_t number,
            const Clock& clock, OutstandingLimit* outstanding,
            const std::array<uint32_t, kKindCount>& receivers, const Sending& sending = {});

  // Sends its events from `start` on; returns early once `stop` is set. Progress counts events sent.
  void Run(TimePoint start, Pacer& pacer, const std::atomic<bool>& stop);

  uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }
  const OfferResults& results() const { return results_; }

 private:
  // `queued`: how long it waited for a processor meanwhile.
  void Offer(uint32_t index, TimePoint due, Duration queued);
  PublishResult Send(const Event& event, uint8_t phase);
  uint32_t OutcomesOf(EventKind kind) const;

  EventRouter& router_;
  const Schedule& schedule_;
  const Corpus& corpus_;
  const uint16_t number_;
  const std::array<uint32_t, kKindCount> receivers_;
  const Sending sending_;
  std::vector<uint32_t> own_;  // indexes of its events in the schedule
  const Clock& clock_;
  OutstandingLimit* const outstanding_;
  std::vector<Event> events_;  // own copies of the corpus, to stamp
  EventIdGenerator ids_;
  uint64_t sequence_ = 0;
  TimePoint previous_return_;
  TimePoint clock_without_publish_;  // where sending would be if Publish took no time
  TimePoint own_clock_;              // and a processor was always free
  std::atomic<uint64_t> sent_{0};
  OfferResults results_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_PUBLISHER_H_
