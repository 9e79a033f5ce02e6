#include "loadgen/local_load.h"

#include <algorithm>
#include <utility>

namespace routebench::loadgen {

LocalLoad::LocalLoad(const record::RunPlan& plan, const Input& input, uint32_t first, std::vector<Seat> seats,
                     std::vector<Backend*> backends)
    : phases_(input.schedule.phases.size()),
      seats_(std::move(seats)),
      backends_(std::move(backends)),
      fleet_(plan, input.schedule, input.corpus, first, seats_) {}

Load::Progress LocalLoad::progress() {
  Progress progress;
  progress.running = seats_.size() - fleet_.finished();
  progress.sent = fleet_.sent();
  for (const Seat& seat : seats_) {
    if (seat.asker == nullptr) continue;
    progress.unanswered += seat.asker->outstanding();
    progress.turns.Merge(seat.asker->turns());
  }
  return progress;
}

absl::Status LocalLoad::Drain(Duration deadline) {
  const TimePoint end = Clock::System().Now() + deadline;
  for (Backend* const backend : backends_) {
    absl::Status status = backend->router().Drain(
        std::max(Duration(std::chrono::milliseconds(1)), end - Clock::System().Now()));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<LoadResults> LocalLoad::Finish() {
  LoadResults results(phases_);
  results.offers = fleet_.Results(phases_);
  for (const Seat& seat : seats_) {
    if (seat.asker == nullptr) continue;
    if (!results.answers.has_value()) results.answers.emplace(phases_);
    results.answers->Merge(seat.asker->Results());
  }
  if (const std::optional<WireBytes> after = wire_bytes(); after.has_value() && before_.has_value())
    results.wire = WireBytes{after->sent - before_->sent, after->received - before_->received};
  return results;
}

std::optional<WireBytes> LocalLoad::wire_bytes() const {
  WireBytes sum;
  for (const Backend* const backend : backends_) {
    const std::optional<WireBytes> bytes = backend->wire_bytes();
    if (!bytes.has_value()) return std::nullopt;
    sum.sent += bytes->sent;
    sum.received += bytes->received;
  }
  return sum;
}

}  // namespace routebench::loadgen
