#include "loadgen/measurement.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "loadgen/accounting.h"
#include "loadgen/fleet.h"
#include "loadgen/gates.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kLeadTime = std::chrono::milliseconds(50);  // from "all is ready" to the first due time
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

class Measurement {
 public:
  Measurement(const Input& input, Stage& stage, Interrupt& interrupt, ProgressLine& progress,
              record::RunRecord& record)
      : input_(input), stage_(stage), interrupt_(interrupt), progress_(progress), record_(record) {}

  absl::Status Run() {
    Fleet fleet(record_.plan(), input_.schedule, input_.corpus, stage_.publishing->router(),
                stage_.outstanding.get(), stage_.askers);
    const absl::StatusOr<RouterStatistics> baseline = stage_.publishing->router().Statistics();
    const TimePoint start = Clock::System().Now() + kLeadTime;
    record_.set_started_unix_ns(std::chrono::system_clock::now().time_since_epoch().count());
    fleet.Start(start);
    absl::Status status = Watch(fleet, start);
    fleet.StopSending();
    const TimePoint published = Clock::System().Now();
    status.Update(Drain());
    record_.set_drain_ns(static_cast<uint64_t>((Clock::System().Now() - published).count()));
    std::optional<Snapshot> after;
    if (before_.has_value() && stage_.Trouble().empty()) after = TakeSnapshot(stage_);
    fleet.Dismiss();
    record_.set_interrupted(interrupt_.flag().load());
    record_.set_measured_ns(record_.plan().duration_ns());
    status.Update(Conclude(fleet.Results(input_.schedule.phases.size()), baseline, after));
    return status;
  }

 private:
  // Follows the publishers until they have sent everything, somebody they need has died, or the user has had
  // enough.
  absl::Status Watch(Fleet& fleet, TimePoint start) {
    const TimePoint measured = start + Duration(static_cast<int64_t>(record_.plan().warmup_ns()));
    while (fleet.running()) {
      const TimePoint now = Clock::System().Now();
      if (!before_.has_value() && now >= measured) BeginMeasuredPart();
      progress_.Show(now - start, Duration(input_.schedule.end_ns), fleet.sent(),
                     input_.schedule.events.size());
      if (std::string trouble = stage_.Trouble(); !trouble.empty())
        return absl::UnavailableError(std::move(trouble));
      const Duration until_measured = before_.has_value() ? kTick : measured - now;
      if (interrupt_.WaitFor(std::clamp(until_measured, Duration::zero(), kTick))) return absl::OkStatus();
    }
    if (!before_.has_value()) BeginMeasuredPart();
    return absl::OkStatus();
  }

  void BeginMeasuredPart() {
    stage_.receiver->BeginMeasuredPart();
    before_ = TakeSnapshot(stage_);
  }

  // What was published here, the requests that wait for an answer, and the answers that nobody waits for.
  absl::Status Drain() {
    absl::Status status = Await([this] { return stage_.publishing->router().Drain(kTick); });
    if (stage_.askers.empty()) return status;
    status.Update(Await([this] {
      for (const auto& asker : stage_.askers) {
        if (asker->outstanding() > 0 && !interrupt_.WaitFor(kAnswerTick))
          return absl::DeadlineExceededError("requests are neither answered nor timed out");
      }
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

  absl::Status Conclude(const OfferResults& offers, const absl::StatusOr<RouterStatistics>& baseline,
                        const std::optional<Snapshot>& after) {
    std::optional<RouterStatistics> statistics;
    if (auto got = stage_.publishing->router().Statistics(); got.ok() && baseline.ok()) {
      statistics = *std::move(got);
      statistics->books = Since(baseline->books, statistics->books);
    }
    std::optional<AnswerResults> answers;
    for (const auto& asker : stage_.askers) {
      if (!answers.has_value()) answers.emplace(input_.schedule.phases.size());
      answers->Merge(asker->Results());
    }
    const absl::StatusOr<ReceiverReport> finished = stage_.receiver->Finish();
    const ReceiverReport report = finished.ok() ? *finished : ReceiverReport();
    if (after.has_value() && finished.ok()) {
      AddUsage(stage_, *before_, *after, {report.wire_bytes_sent(), report.wire_bytes_received()}, record_);
    }
    Account(input_.schedule, offers, answers, report, statistics, record_);
    JudgeRun(input_.schedule, offers, report.foreign(), record_);
    return finished.status();
  }

  const Input& input_;
  Stage& stage_;
  Interrupt& interrupt_;
  ProgressLine& progress_;
  record::RunRecord& record_;
  std::optional<Snapshot> before_;
};

}  // namespace

absl::Status Measure(const Input& input, Stage& stage, Interrupt& interrupt, ProgressLine& progress,
                     record::RunRecord& record) {
  return Measurement(input, stage, interrupt, progress, record).Run();
}

}  // namespace routebench::loadgen
