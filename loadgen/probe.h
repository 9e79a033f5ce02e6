// The receiving side's instrument: a handler that reads every field and records when the event came.
#ifndef ROUTEBENCH_LOADGEN_PROBE_H_
#define ROUTEBENCH_LOADGEN_PROBE_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "analysis/record/histogram.h"
#include "events/clock.h"
#include "events/mutex.h"
#include "events/router.h"
#include "loadgen/behaviour.h"
#include "loadgen/cells.h"
#include "loadgen/stage_samples.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// What came of one phase and category. Nanoseconds.
struct ArrivalCell {
  uint64_t delivered = 0;
  record::Histogram response;  // from the due time to the handler
  record::Histogram service;   // from the actual send to the handler

  void Merge(const ArrivalCell& other);
};

// Beside `cells`, warm-up included.
struct ArrivalResults {
  explicit ArrivalResults(size_t phases) : cells(phases) {}
  Cells<ArrivalCell> cells;
  uint64_t delivered = 0;      // acknowledged
  uint64_t rejected = 0;       // refused for good
  uint64_t dead_lettered = 0;  // failed in their last attempt
  uint64_t late = 0;           // answered after the delivery timeout, whatever the answer
  uint64_t handed = 0;         // times that a handler was called
  uint64_t retries = 0;        // further attempts among them
  uint64_t unfinished = 0;     // failed, to be tried again, and never came
  uint64_t responses = 0;      // published
  // A sequence below one that this subscription has seen from the same publisher (with priority order: of the
  // same priority), never seen before as far back as the last 64 numbers tell. Of first attempts; where
  // handlers of a subscription run at once there is no order to keep.
  uint64_t out_of_order = 0;
  // One of those 64 once more, or an attempt that nothing asked for.
  uint64_t duplicates = 0;
  uint64_t foreign = 0;  // not an event of this run's schedule
  StageSamples stages;   // of what was delivered

  void Merge(const ArrivalResults& other);
};

// Makes the handlers of a run and merges what they recorded. Each thread that runs handlers records into
// storage of its own, so that nothing is shared while the run lasts. A sampled event has arrived at its last
// mark (events/stages.h), others when the handler reads the clock. Recording allocates nothing for the
// first `threads` threads, except to remember events that may come again: failed ones, and all of them where
// handlers of a subscription run at once or attempts end by a timeout.
//
// Arrival is noted before the handler takes its time. What counts as delivered, with its response and service
// time, is what was acknowledged, with a delivery timeout what was acknowledged in time by this clock: of
// several attempts the last.
class Probes {
 public:
  // `publishers`, `order` and `threads` as in the plan. The schedule says which phase a sequence belongs to;
  // it is copied as far as needed.
  Probes(const Schedule& schedule, uint32_t publishers, QueueOrder order, uint32_t threads,
         const Clock& clock, Behaviour behaviour = {});
  ~Probes();

  // A handler for one subscription; refers to this object, which must outlive it.
  Handler MakeHandler();

  // Call when no handler runs.
  ArrivalResults Results() const;
  // Thread-safe; exact when quiet.
  uint64_t delivered() const;

 private:
  struct Recorder;  // one thread's
  class Order;      // one subscription's view of the publishers
  Recorder& ForThisThread();
  // `stages` is null where the event is not sampled.
  Verdict OnEvent(Order& order, const Event& event, const StageStamps* stages);
  void Settle(Order& order, const EventHeader& header, Verdict verdict, TimePoint arrival,
              const StageStamps* stages, ArrivalResults& results);

  const uint64_t run_;  // tells this object's recorders from those of an earlier one at the same address
  const Clock& clock_;
  const QueueOrder order_;
  const Behaviour behaviour_;
  const size_t phase_count_;
  std::vector<std::vector<uint8_t>> phase_of_;  // by publisher and sequence
  mutable Mutex mutex_;
  std::deque<std::unique_ptr<Recorder>> recorders_ ABSL_GUARDED_BY(mutex_);
  size_t taken_ ABSL_GUARDED_BY(mutex_) = 0;  // of the recorders, by threads
  std::deque<std::unique_ptr<Order>> orders_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_PROBE_H_
