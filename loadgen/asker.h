// The requests of one publisher: who got an answer, and when.
#ifndef ROUTEBENCH_LOADGEN_ASKER_H_
#define ROUTEBENCH_LOADGEN_ASKER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "analysis/record/histogram.h"
#include "analysis/record/run_record.h"
#include "events/clock.h"
#include "events/mutex.h"
#include "events/requests/requests.h"
#include "events/router.h"
#include "loadgen/cells.h"
#include "loadgen/outstanding.h"

namespace routebench::loadgen {

// Of one phase and category. Nanoseconds.
struct AnswerCell {
  uint64_t answered = 0;
  uint64_t timeouts = 0;         // no answer in time
  uint64_t errors = 0;           // that the responder answered
  record::Histogram round_trip;  // from the due time to the answer, of those that were answered

  void Merge(const AnswerCell& other);
};

struct AnswerResults {
  explicit AnswerResults(size_t phases) : cells(phases) {}
  Cells<AnswerCell> cells;
  uint64_t received = 0;  // responses, those included that nobody waited for any more

  void Merge(const AnswerResults& other);
};

// The rhythm of who has one request outstanding: it asks, waits, turns round and asks again. Sums.
struct Turns {
  uint64_t exchanges = 0;      // requests that are over, however they ended
  uint64_t round_trip_ns = 0;  // from the send to the end
  uint64_t turn_round_ns = 0;  // from the end to the next send

  void Merge(const Turns& other) {
    exchanges += other.exchanges;
    round_trip_ns += other.round_trip_ns;
    turn_round_ns += other.turn_round_ns;
  }
};

// Thread-safe. Borrows what it is given.
class Asker {
 public:
  // `outstanding` is null in the open loop; it is told when a request is over, however it ends. Errors: those
  // of requests::Requester::Create.
  static absl::StatusOr<std::unique_ptr<Asker>> Create(EventRouter& router, Timers& timers,
                                                       const record::RunPlan& plan, size_t phases,
                                                       OutstandingLimit* outstanding, const Clock& clock);

  // As EventRouter::Publish, of an event of this phase as a request.
  PublishResult Ask(const Event& event, size_t phase);
  // Requests that have neither an answer nor timed out.
  size_t outstanding() const { return requester_->Statistics().outstanding; }
  // What is outstanding is given up. Nothing is counted after the return.
  void Close() { requester_->Close(); }

  AnswerResults Results() const;
  // So far. The turn-rounds mean something where one request at a time is outstanding.
  Turns turns() const;

 private:
  Asker(const record::RunPlan& plan, size_t phases, OutstandingLimit* outstanding, const Clock& clock);
  void OnAnswer(size_t phase, const EventHeader& asked, const absl::StatusOr<Event>& answer);

  const Duration timeout_;
  OutstandingLimit* const outstanding_;
  const Clock& clock_;
  mutable Mutex mutex_;
  AnswerResults results_ ABSL_GUARDED_BY(mutex_);
  Turns turns_ ABSL_GUARDED_BY(mutex_);
  TimePoint last_end_ ABSL_GUARDED_BY(mutex_){};    // of an exchange; none: before the first
  std::unique_ptr<requests::Requester> requester_;  // ends first: its answers come here
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_ASKER_H_
