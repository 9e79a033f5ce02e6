#include "loadgen/measurement.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "loadgen/accounting.h"
#include "loadgen/clients_watch.h"
#include "loadgen/gates.h"
#include "loadgen/local_load.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kLeadTime = std::chrono::milliseconds(50);  // from "all is ready" to the first due time
constexpr Duration kLeadTimePerClient = std::chrono::microseconds(300);  // they start their threads meanwhile
constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr Duration kAnswerTick = std::chrono::milliseconds(1);
constexpr Duration kDrainPatience = std::chrono::seconds(60);
constexpr Duration kInterruptedPatience = std::chrono::seconds(1);

// A daemon that was running before has routed for others.
Books Since(const Books& before, Books books) {
  books.routed -= before.routed;
  for (size_t i = 0; i < kOutcomeCount; ++i) books.outcomes[i] -= before.outcomes[i];
  return books;
}

// The publishers of this process share a backend, and the limit of the closed loop.
std::unique_ptr<Load> LoadHere(const record::RunPlan& plan, const Input& input, const Stage& stage) {
  std::vector<Seat> seats(plan.publishers(), {&stage.publishing->router(), stage.outstanding.get(), nullptr});
  for (size_t i = 0; i < stage.askers.size(); ++i) seats[i].asker = stage.askers[i].get();
  return std::make_unique<LocalLoad>(plan, input, 0, std::move(seats),
                                     std::vector<Backend*>{stage.publishing.get()});
}

class Measurement {
 public:
  Measurement(const Input& input, Stage& stage, Interrupt& interrupt, ProgressLine& progress,
              record::RunRecord& record)
      : input_(input), stage_(stage), interrupt_(interrupt), progress_(progress), record_(record) {}

  absl::Status Run() {
    const record::RunPlan& plan = record_.plan();
    const std::unique_ptr<Load> here = stage_.clients == nullptr ? LoadHere(plan, input_, stage_) : nullptr;
    Load& load = here == nullptr ? *stage_.clients : *here;
    if (stage_.clients != nullptr) {
      clients_.emplace(plan, stage_, record_);
      clients_->WatchIdle(interrupt_);
    }
    const absl::StatusOr<RouterStatistics> baseline = stage_.publishing->router().Statistics();
    const TimePoint start = Clock::System().Now() + kLeadTime + plan.clients() * kLeadTimePerClient;
    record_.set_started_unix_ns(std::chrono::system_clock::now().time_since_epoch().count());
    load.Start(start);
    absl::Status status = Watch(load, start);
    load.StopSending();
    const TimePoint published = Clock::System().Now();
    status.Update(Drain(load));
    record_.set_drain_ns(static_cast<uint64_t>((Clock::System().Now() - published).count()));
    std::optional<Snapshot> after;
    if (before_.has_value() && stage_.Trouble().empty()) after = TakeSnapshot(stage_);
    load.Dismiss();
    record_.set_interrupted(interrupt_.flag().load());
    record_.set_measured_ns(plan.duration_ns());
    absl::StatusOr<LoadResults> results = load.Finish();
    status.Update(results.status());
    status.Update(
        Conclude(results.ok() ? *results : LoadResults(input_.schedule.phases.size()), baseline, after));
    return status;
  }

 private:
  // Follows the publishers until they have sent everything, somebody they need has died, or the user has had
  // enough.
  absl::Status Watch(Load& load, TimePoint start) {
    const TimePoint measured = start + Duration(static_cast<int64_t>(record_.plan().warmup_ns()));
    for (Load::Progress progress = load.progress(); progress.running > 0; progress = load.progress()) {
      const TimePoint now = Clock::System().Now();
      if (!before_.has_value() && now >= measured) BeginMeasuredPart(load);
      if (before_.has_value() && clients_.has_value()) clients_->WatchClosedLoop(load);
      progress_.Show(now - start, Duration(input_.schedule.end_ns), progress.sent,
                     input_.schedule.events.size());
      if (std::string trouble = stage_.Trouble(); !trouble.empty())
        return absl::UnavailableError(std::move(trouble));
      const Duration until_measured = before_.has_value() ? kTick : measured - now;
      if (interrupt_.WaitFor(std::clamp(until_measured, Duration::zero(), kTick))) return absl::OkStatus();
    }
    if (!before_.has_value()) BeginMeasuredPart(load);
    return absl::OkStatus();
  }

  void BeginMeasuredPart(Load& load) {
    load.BeginMeasuredPart();
    stage_.receiver->BeginMeasuredPart();
    before_ = TakeSnapshot(stage_);
  }

  // What was published here, the requests that wait for an answer, and the answers that nobody waits for.
  absl::Status Drain(Load& load) {
    absl::Status status = Await([&] { return load.Drain(kTick); });
    if (record_.plan().exchange() != "request") return status;
    status.Update(Await([&] {
      if (load.progress().unanswered > 0 && !interrupt_.WaitFor(kAnswerTick))
        return absl::DeadlineExceededError("requests are neither answered nor timed out");
      return absl::OkStatus();
    }));
    status.Update(stage_.receiver->Drain(kInterruptedPatience));
    return status;
  }

  // Asks until it is answered otherwise than by DeadlineExceeded, and no longer than an impatient user or a
  // dead receiver lets it.
  absl::Status Await(const std::function<absl::Status()>& ask) {
    TimePoint deadline = Clock::System().Now() + kDrainPatience;
    for (;;) {
      absl::Status status = ask();
      if (!absl::IsDeadlineExceeded(status)) return status;
      if (std::string trouble = stage_.Trouble(); !trouble.empty())
        return absl::UnavailableError(std::move(trouble));
      const TimePoint now = Clock::System().Now();
      if (now >= deadline) return status;
      if (interrupt_.WaitFor(Duration::zero())) deadline = std::min(deadline, now + kInterruptedPatience);
    }
  }

  absl::Status Conclude(const LoadResults& load, const absl::StatusOr<RouterStatistics>& baseline,
                        const std::optional<Snapshot>& after) {
    std::optional<RouterStatistics> statistics;
    if (auto got = stage_.publishing->router().Statistics(); got.ok() && baseline.ok()) {
      statistics = *std::move(got);
      statistics->books = Since(baseline->books, statistics->books);
    }
    const absl::StatusOr<ReceiverReport> finished = stage_.receiver->Finish();
    const ReceiverReport report = finished.ok() ? *finished : ReceiverReport();
    if (after.has_value() && finished.ok()) {
      AddUsage(stage_, *before_, *after, record_);
      if (load.wire.has_value()) {
        record_.mutable_wire()->set_bytes_sent(load.wire->sent + report.wire_bytes_sent());
        record_.mutable_wire()->set_bytes_received(load.wire->received + report.wire_bytes_received());
      }
    }
    if (clients_.has_value()) clients_->Conclude();
    Account(input_.schedule, load.offers, load.answers, report, statistics, record_);
    JudgeRun(input_.schedule, load.offers, report.foreign(), record_);
    return finished.status();
  }

  const Input& input_;
  Stage& stage_;
  Interrupt& interrupt_;
  ProgressLine& progress_;
  record::RunRecord& record_;
  std::optional<Snapshot> before_;
  std::optional<ClientsWatch> clients_;  // where there are many
};

}  // namespace

absl::Status Measure(const Input& input, Stage& stage, Interrupt& interrupt, ProgressLine& progress,
                     record::RunRecord& record) {
  return Measurement(input, stage, interrupt, progress, record).Run();
}

}  // namespace routebench::loadgen
