#include "loadgen/asker.h"

#include <algorithm>
#include <utility>

namespace routebench::loadgen {
namespace {

// Beyond it a request is refused, like an event for which a router has no room.
constexpr size_t kMaxOutstanding = size_t{1} << 16;

}  // namespace

void AnswerCell::Merge(const AnswerCell& other) {
  answered += other.answered;
  timeouts += other.timeouts;
  errors += other.errors;
  round_trip.Merge(other.round_trip);
}

void AnswerResults::Merge(const AnswerResults& other) {
  cells.Merge(other.cells);
  received += other.received;
}

Asker::Asker(const record::RunPlan& plan, size_t phases, OutstandingLimit* outstanding, const Clock& clock)
    : timeout_(static_cast<int64_t>(plan.request_timeout_ns())),
      outstanding_(outstanding),
      clock_(clock),
      results_(phases) {}

absl::StatusOr<std::unique_ptr<Asker>> Asker::Create(EventRouter& router, Timers& timers,
                                                     const record::RunPlan& plan, size_t phases,
                                                     OutstandingLimit* outstanding, const Clock& clock) {
  std::unique_ptr<Asker> asker(new Asker(plan, phases, outstanding, clock));
  auto requester = requests::Requester::Create(router, timers, {.max_outstanding = kMaxOutstanding}, clock);
  if (!requester.ok()) return requester.status();
  asker->requester_ = *std::move(requester);
  return asker;
}

PublishResult Asker::Ask(const Event& event, size_t phase) {
  return requester_
      ->Send(event, timeout_, nullptr,
             [this, phase, asked = event.header](const absl::StatusOr<Event>& answer) {
               OnAnswer(phase, asked, answer);
             })
      .value_or(PublishResult::kWouldBlock);
}

void Asker::OnAnswer(size_t phase, const EventHeader& asked, const absl::StatusOr<Event>& answer) {
  const TimePoint now = clock_.Now();
  {
    MutexLock lock(mutex_);
    ++turns_.exchanges;
    turns_.round_trip_ns += static_cast<uint64_t>((now - asked.created).count());
    if (last_end_ != TimePoint())
      turns_.turn_round_ns +=
          static_cast<uint64_t>(std::max<int64_t>(0, (asked.created - last_end_).count()));
    last_end_ = now;
    AnswerCell& cell = results_.cells.At(phase, CategoryOf(asked.kind));
    if (answer.ok()) {
      ++cell.answered;
      cell.round_trip.Record((now - asked.due).count());
    } else if (requests::FromResponder(answer.status())) {
      ++cell.errors;
    } else if (absl::IsDeadlineExceeded(answer.status())) {
      ++cell.timeouts;
    }
    results_.received += answer.ok() || requests::FromResponder(answer.status()) ? 1 : 0;
  }
  if (outstanding_ != nullptr) outstanding_->OnOutcome();
}

Turns Asker::turns() const {
  MutexLock lock(mutex_);
  return turns_;
}

AnswerResults Asker::Results() const {
  const uint64_t ignored = requester_->Statistics().ignored;
  MutexLock lock(mutex_);
  AnswerResults results = results_;
  results.received += ignored;
  return results;
}

}  // namespace routebench::loadgen
