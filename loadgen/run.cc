#include "loadgen/run.h"

#include <google/protobuf/util/json_util.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <deque>
#include <memory>
#include <ostream>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loadgen/accounting.h"
#include "loadgen/backend_factory.h"
#include "loadgen/corpus.h"
#include "loadgen/daemon_process.h"
#include "loadgen/environment.h"
#include "loadgen/gates.h"
#include "loadgen/input.h"
#include "loadgen/interrupt.h"
#include "loadgen/output.h"
#include "loadgen/pacer.h"
#include "loadgen/publisher.h"
#include "loadgen/receiver.h"
#include "loadgen/usage.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kLeadTime = std::chrono::milliseconds(50);  // from "all is ready" to the first due time
constexpr Duration kTick = std::chrono::milliseconds(100);
constexpr Duration kDrainPatience = std::chrono::seconds(60);
constexpr Duration kInterruptedPatience = std::chrono::seconds(1);

// Everything that a run starts, in the order in which it is started; destroyed in the reverse one.
struct Stage {
  std::unique_ptr<DaemonProcess> daemon;  // null: none of our own
  std::unique_ptr<Backend> publishing;
  std::unique_ptr<Backend> receiving;  // null: the publishing one, or another process
  std::unique_ptr<Receiver> receiver;
  std::unique_ptr<OutstandingLimit> outstanding;  // null: open loop

  // What ended of it that should not have, or empty.
  std::string Trouble() {
    std::string trouble = daemon == nullptr ? "" : daemon->Trouble();
    if (trouble.empty() && receiver != nullptr) trouble = receiver->Trouble();
    return trouble;
  }
};

struct Snapshot {
  Usage publisher;
  Usage receiver;
  Usage daemon;
  std::optional<WireBytes> wire;
};

Snapshot TakeSnapshot(const Stage& stage) {
  Snapshot snapshot;
  snapshot.publisher = ReadUsage(getpid());
  if (stage.receiver->pid() != 0) snapshot.receiver = ReadUsage(stage.receiver->pid());
  if (stage.daemon != nullptr) snapshot.daemon = ReadUsage(stage.daemon->pid());
  snapshot.wire = stage.publishing->wire_bytes();
  return snapshot;
}

absl::Status StartStage(const RunOptions& options, const record::RunPlan& plan, const Schedule& schedule,
                        Stage& stage) {
  std::string endpoint = options.endpoint;
  if (NeedsDaemon(plan.backend()) && endpoint.empty()) {
    const auto eventd = FindEventd(options.eventd);
    if (!eventd.ok()) return eventd.status();
    auto daemon = DaemonProcess::Start(*eventd);
    if (!daemon.ok()) return daemon.status();
    stage.daemon = *std::move(daemon);
    endpoint = stage.daemon->endpoint();
  }
  RouterOptions router_options = RouterOptionsOf(plan);
  if (plan.outstanding() > 0) {
    stage.outstanding = std::make_unique<OutstandingLimit>(plan.outstanding(), std::max(1.0, plan.fan_out()));
    router_options.report_delivered = true;
    router_options.outcome_sink = [limit = stage.outstanding.get()](const OutcomeReport&) {
      limit->OnOutcome();
    };
  }
  auto publishing = OpenBackend(plan.backend(), endpoint, "loadgen-publisher", router_options);
  if (!publishing.ok()) return publishing.status();
  stage.publishing = *std::move(publishing);
  absl::StatusOr<std::unique_ptr<Receiver>> receiver = absl::UnknownError("");
  if (!NeedsDaemon(plan.backend())) {
    receiver = ReceiveHere(*stage.publishing, plan, schedule);
  } else if (plan.same_process()) {
    auto receiving = OpenBackend(plan.backend(), endpoint, "loadgen-receiver", RouterOptionsOf(plan));
    if (!receiving.ok()) return receiving.status();
    stage.receiving = *std::move(receiving);
    receiver = ReceiveHere(*stage.receiving, plan, schedule);
  } else {
    receiver = ReceiveInProcess(plan, endpoint);
  }
  if (!receiver.ok()) return receiver.status();
  stage.receiver = *std::move(receiver);
  if (stage.daemon != nullptr) stage.daemon->RemoveFiles();
  return absl::OkStatus();
}

// The publishers of a run, each on a thread of its own.
class Fleet {
 public:
  Fleet(const record::RunPlan& plan, const Schedule& schedule, const Corpus& corpus, Stage& stage)
      : stage_(stage) {
    for (uint32_t i = 0; i < plan.publishers(); ++i) {
      pacers_.push_back(MakePacer(plan.pacer()).value());  // the name was checked with the options
      publishers_.emplace_back(stage.publishing->router(), schedule, corpus, static_cast<uint16_t>(i),
                               *pacers_.back(), Clock::System(), stage.outstanding.get(),
                               Delivers(plan.backend()) ? ReceiversByKind(plan) : ReceiverCounts());
    }
  }
  ~Fleet() { Stop(); }

  void Start(TimePoint start) {
    running_.store(publishers_.size());
    for (Publisher& publisher : publishers_) {
      threads_.emplace_back([this, &publisher, start] {
        publisher.Run(start, stop_);
        running_.fetch_sub(1);
        // Stays until the last snapshot: the kernel's counters of a thread go with it.
        stop_.wait(false);
      });
    }
  }
  bool running() const { return running_.load() > 0; }
  uint64_t sent() const {
    uint64_t sum = 0;
    for (const Publisher& publisher : publishers_) sum += publisher.sent();
    return sum;
  }
  // Ends what still runs and waits for it.
  void Stop() {
    stop_.store(true);
    stop_.notify_all();
    if (stage_.outstanding != nullptr) stage_.outstanding->Release();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  OfferResults Results(size_t phases) const {
    OfferResults all(phases);
    for (const Publisher& publisher : publishers_) all.Merge(publisher.results());
    return all;
  }

 private:
  Stage& stage_;
  std::vector<std::unique_ptr<Pacer>> pacers_;
  std::deque<Publisher> publishers_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stop_{false};
  std::atomic<size_t> running_{0};
};

void AddUsage(const Stage& stage, const Snapshot& before, const Snapshot& after, record::RunRecord& record) {
  const bool alone = stage.receiver->pid() == 0;
  *record.add_processes() =
      UsageBetween(alone ? "publisher+receiver" : "publisher", getpid(), before.publisher, after.publisher);
  if (!alone) {
    *record.add_processes() =
        UsageBetween("receiver", stage.receiver->pid(), before.receiver, after.receiver);
  }
  if (stage.daemon != nullptr) {
    *record.add_processes() = UsageBetween("daemon", stage.daemon->pid(), before.daemon, after.daemon);
  }
}

// A daemon that was running before has routed for others.
Books Since(const Books& before, Books books) {
  books.routed -= before.routed;
  for (size_t i = 0; i < kOutcomeCount; ++i) books.outcomes[i] -= before.outcomes[i];
  return books;
}

// One run from the first due time to the accounted record.
class Measurement {
 public:
  Measurement(const record::RunPlan& plan, const Schedule& schedule, Stage& stage, Interrupt& interrupt,
              ProgressLine& progress)
      : plan_(plan), schedule_(schedule), stage_(stage), interrupt_(interrupt), progress_(progress) {}

  absl::Status Run(const Corpus& corpus, record::RunRecord& record) {
    Fleet fleet(plan_, schedule_, corpus, stage_);
    const absl::StatusOr<RouterStatistics> baseline = stage_.publishing->router().Statistics();
    const TimePoint start = Clock::System().Now() + kLeadTime;
    record.set_started_unix_ns(std::chrono::system_clock::now().time_since_epoch().count());
    fleet.Start(start);
    absl::Status status = Watch(fleet, start);
    fleet.Stop();
    const TimePoint published = Clock::System().Now();
    const absl::Status drained = Drain();
    record.set_interrupted(interrupt_.flag().load());
    record.set_drain_ns(static_cast<uint64_t>((Clock::System().Now() - published).count()));
    if (after_.has_value()) AddUsage(stage_, *before_, *after_, record);
    std::optional<RouterStatistics> statistics;
    if (auto got = stage_.publishing->router().Statistics(); got.ok() && baseline.ok()) {
      statistics = *std::move(got);
      statistics->books = Since(baseline->books, statistics->books);
    }
    const absl::StatusOr<ReceiverReport> report = stage_.receiver->Finish();
    const OfferResults offers = fleet.Results(schedule_.phases.size());
    Account(schedule_, offers, report.ok() ? *report : ReceiverReport(), statistics, record);
    AddWire(report, record);
    record.set_measured_ns(plan_.duration_ns());
    JudgeRun(schedule_, offers, report.ok() ? report->foreign() : 0, record);
    status.Update(drained);
    status.Update(report.status());
    return status;
  }

 private:
  // Follows the publishers until they have sent everything, somebody they need has died, or the user has had
  // enough.
  absl::Status Watch(Fleet& fleet, TimePoint start) {
    const TimePoint measured = start + Duration(static_cast<int64_t>(plan_.warmup_ns()));
    bool started = false;
    while (fleet.running()) {
      const TimePoint now = Clock::System().Now();
      if (!started && now >= measured) {
        before_ = TakeSnapshot(stage_);
        started = true;
      }
      progress_.Show(now - start, Duration(schedule_.end_ns), fleet.sent(), schedule_.events.size());
      if (const std::string trouble = stage_.Trouble(); !trouble.empty())
        return absl::UnavailableError(trouble);
      const Duration until_measured = started ? kTick : measured - now;
      if (interrupt_.WaitFor(std::clamp(until_measured, Duration::zero(), kTick))) return absl::OkStatus();
    }
    if (!started) before_ = TakeSnapshot(stage_);
    after_ = TakeSnapshot(stage_);
    return absl::OkStatus();
  }

  // Waits for what is in flight, and no longer than an impatient user or a dead receiver lets it.
  absl::Status Drain() {
    TimePoint deadline = Clock::System().Now() + kDrainPatience;
    for (;;) {
      const absl::Status status = stage_.publishing->router().Drain(kTick);
      if (!absl::IsDeadlineExceeded(status)) return status;
      if (const std::string trouble = stage_.Trouble(); !trouble.empty())
        return absl::UnavailableError(trouble);
      const TimePoint now = Clock::System().Now();
      if (now >= deadline) return status;
      if (interrupt_.WaitFor(Duration::zero())) deadline = std::min(deadline, now + kInterruptedPatience);
    }
  }

  void AddWire(const absl::StatusOr<ReceiverReport>& report, record::RunRecord& record) {
    const auto bytes = stage_.publishing->wire_bytes();
    if (!bytes.has_value() || !report.ok()) return;
    record.mutable_wire()->set_bytes_sent(bytes->sent + report->wire_bytes_sent());
    record.mutable_wire()->set_bytes_received(bytes->received + report->wire_bytes_received());
  }

  const record::RunPlan& plan_;
  const Schedule& schedule_;
  Stage& stage_;
  Interrupt& interrupt_;
  ProgressLine& progress_;
  std::optional<Snapshot> before_;
  std::optional<Snapshot> after_;
};

int Fail(Streams& streams, int code, const absl::Status& status) {
  streams.err << "loadgen: " << std::string(status.message()) << "\n";
  return code;
}

absl::Status OutputLost() {
  return absl::UnavailableError("cannot write to standard output: it is full or closed");
}

absl::Status ReadCampaignPlace(const RunOptions& options, record::RunRecord& record) {
  if (options.campaign_place.empty()) return absl::OkStatus();
  const auto status =
      google::protobuf::util::JsonStringToMessage(options.campaign_place, record.mutable_campaign());
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--campaign-place: ", std::string(status.message().data(), status.message().size())));
}

int Finish(const RunOptions& options, const absl::Status& status, const record::RunRecord& record,
           Streams& streams) {
  if (!options.out.empty()) {
    if (absl::Status written = record::WriteRunRecord(record, options.out); !written.ok()) {
      return Fail(streams, kExitError, written);
    }
  }
  PrintRun(record, options.json, streams.out);
  if (!streams.out.good()) return Fail(streams, kExitError, OutputLost());
  if (record.interrupted()) return kExitInterrupted;
  if (!status.ok()) streams.err << "loadgen: the run is invalid: " << std::string(status.message()) << "\n";
  for (const record::Gate& gate : record.gates()) {
    if (!gate.passed())
      streams.err << "loadgen: the run is invalid: " << gate.name() << ": " << gate.finding() << "\n";
  }
  return status.ok() && IsValid(record) ? kExitOk : kExitInvalid;
}

// Starts everything, measures, and has stopped everything on return. `started` is left false where it never
// came to a measurement.
absl::Status RunOnStage(const RunOptions& options, const Input& input, Interrupt& interrupt, Streams& streams,
                        record::RunRecord& record, bool& started) {
  Stage stage;
  if (absl::Status status = StartStage(options, record.plan(), input.schedule, stage); !status.ok())
    return status;
  started = true;
  ProgressLine progress(streams.err, options.quiet);
  return Measurement(record.plan(), input.schedule, stage, interrupt, progress).Run(input.corpus, record);
}

}  // namespace

int RunOnce(const RunOptions& options, int argc, const char* const* argv, Streams streams) {
  absl::StatusOr<record::RunPlan> plan = MakePlan(options);
  if (!plan.ok()) return Fail(streams, kExitUsage, plan.status());
  const absl::StatusOr<Input> input = ReadInput(*plan);
  if (!input.ok()) return Fail(streams, plan->trace().empty() ? kExitUsage : kExitError, input.status());
  if (!input->remarks.empty()) streams.err << "loadgen: " << input->remarks << "\n";
  const Schedule* const schedule = &input->schedule;
  plan->set_events(schedule->events.size());
  plan->set_fan_out(Delivers(plan->backend()) ? FanOut(*schedule, *plan) : 0);
  if (options.print_plan) {
    PrintPlan(*plan, *schedule, options.json, streams.out);
    return streams.out.flush().good() ? kExitOk : Fail(streams, kExitError, OutputLost());
  }

  // A reader that left, or a file that may not grow, shows as a failed write.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  Interrupt interrupt;
  record::RunRecord record;
  *record.mutable_plan() = *plan;
  *record.mutable_environment() = ReadEnvironment({argv, argv + argc});
  record.set_schedule_hash(schedule->hash);
  EventIdGenerator ids(RandomSeed());
  record.set_run_id(ToString(ids.Next()));
  if (absl::Status status = ReadCampaignPlace(options, record); !status.ok())
    return Fail(streams, kExitUsage, status);

  bool started = false;
  const absl::Status status = RunOnStage(options, *input, interrupt, streams, record, started);
  if (!started) return Fail(streams, kExitError, status);
  return Finish(options, status, record, streams);
}

}  // namespace routebench::loadgen
