#include "loadgen/receiver.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loadgen/input.h"
#include "loadgen/message_socket.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kStartPatience = std::chrono::seconds(30);
constexpr Duration kEndPatience = std::chrono::seconds(2);
constexpr Duration kReportPatience = std::chrono::seconds(30);

FullPolicy PolicyOf(const std::string& name) {
  if (name == "reject") return FullPolicy::kReject;
  if (name == "drop-oldest") return FullPolicy::kDropOldest;
  if (name == "drop-newest") return FullPolicy::kDropNewest;
  return FullPolicy::kBlock;
}

QueueOrder OrderOf(const record::RunPlan& plan) {
  return plan.subscription().order() == "priority" ? QueueOrder::kPriority : QueueOrder::kFifo;
}

SubscriptionSpec SpecOf(const record::RunPlan& plan, const record::ServicePlan& service) {
  const record::SubscriptionPlan& subscription = plan.subscription();
  SubscriptionSpec spec;
  spec.service = service.id();
  spec.filters = {{.kinds = KindsOf(service)}};
  spec.capacity = subscription.capacity();
  spec.full_policy = PolicyOf(subscription.full_policy());
  spec.block_deadline = Duration(static_cast<int64_t>(subscription.block_deadline_ns()));
  spec.order = OrderOf(plan);
  spec.concurrency = subscription.concurrency();
  return spec;
}

class LocalReceiver final : public Receiver {
 public:
  LocalReceiver(Backend& backend, const record::RunPlan& plan, const Schedule& schedule)
      : backend_(backend),
        plan_(plan),
        schedule_(schedule),
        probes_(schedule, plan.publishers(), OrderOf(plan), plan.handler_threads(), Clock::System()) {}

  ~LocalReceiver() override { EndSubscriptions().IgnoreError(); }

  absl::Status Subscribe() {
    for (const record::ServicePlan& service : plan_.services()) {
      absl::Status status =
          backend_.router().Register({.id = service.id(), .type = "probe", .instance = "1"});
      if (!status.ok()) return status;
      registered_.push_back(service.id());
      auto subscription = backend_.router().Subscribe(SpecOf(plan_, service), probes_.MakeHandler());
      if (!subscription.ok()) return subscription.status();
    }
    return absl::OkStatus();
  }

  void BeginMeasuredPart() override { before_ = backend_.wire_bytes().value_or(WireBytes()); }

  absl::StatusOr<ReceiverReport> Finish() override {
    const WireBytes after = backend_.wire_bytes().value_or(WireBytes());
    if (absl::Status status = EndSubscriptions(); !status.ok()) return status;
    const ArrivalResults results = probes_.Results();
    ReceiverReport report;
    report.set_delivered(results.delivered);
    report.set_out_of_order(results.out_of_order);
    report.set_duplicates(results.duplicates);
    report.set_foreign(results.foreign);
    for (size_t phase = 0; phase < schedule_.phases.size(); ++phase) {
      for (size_t c = 0; c < kCategoryCount; ++c) {
        const ArrivalCell& arrived = results.cells.At(phase, static_cast<Category>(c));
        if (arrived.delivered == 0) continue;
        record::Cell& cell = *report.add_cells();
        cell.set_phase(schedule_.phases[phase]);
        cell.set_category(std::string(Name(static_cast<Category>(c))));
        cell.set_delivered(arrived.delivered);
        arrived.response.ToData(cell.mutable_response());
        arrived.service.ToData(cell.mutable_service());
      }
    }
    report.set_wire_bytes_sent(after.sent - before_.sent);
    report.set_wire_bytes_received(after.received - before_.received);
    return report;
  }

 private:
  absl::Status EndSubscriptions() {
    for (const std::string& service : std::exchange(registered_, {})) {
      if (absl::Status status = backend_.router().Deregister(service); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  Backend& backend_;
  const record::RunPlan plan_;
  const Schedule& schedule_;
  Probes probes_;
  WireBytes before_;
  std::vector<std::string> registered_;
};

class ProcessReceiver final : public Receiver {
 public:
  ProcessReceiver(std::unique_ptr<ChildProcess> process, Descriptor control)
      : process_(std::move(process)), control_(std::move(control)) {}

  // The process ends by itself once its control connection does, and takes leave of the daemon properly.
  ~ProcessReceiver() override {
    control_.Reset();
    process_->AwaitEnd(kEndPatience);
  }

  absl::Status Begin(const record::RunPlan& plan, const std::string& endpoint) {
    ReceiverPlan message;
    *message.mutable_plan() = plan;
    message.set_endpoint(endpoint);
    if (absl::Status status = SendMessage(control_.get(), message); !status.ok()) return Explain(status);
    ReceiverReady ready;
    if (absl::Status status = ReceiveMessage(control_.get(), kStartPatience, &ready); !status.ok())
      return Explain(status);
    return ready.error().empty() ? absl::OkStatus() : absl::UnavailableError(ready.error());
  }

  void BeginMeasuredPart() override {
    ReceiverCommand begin;
    begin.set_kind(ReceiverCommand::BEGIN_MEASURED_PART);
    SendMessage(control_.get(), begin).IgnoreError();  // where it is gone, Trouble says so
  }

  absl::StatusOr<ReceiverReport> Finish() override {
    ReceiverCommand finish;
    finish.set_kind(ReceiverCommand::FINISH);
    if (absl::Status status = SendMessage(control_.get(), finish); !status.ok()) return Explain(status);
    ReceiverReport report;
    if (absl::Status status = ReceiveMessage(control_.get(), kReportPatience, &report); !status.ok()) {
      return Explain(status);
    }
    if (!report.error().empty()) return absl::UnavailableError(report.error());
    return report;
  }

  pid_t pid() const override { return process_->pid(); }

  std::string Trouble() override {
    const auto ended = process_->Ended();
    return ended.has_value() ? absl::StrCat("the receiving process ", *ended) : "";
  }

 private:
  absl::Status Explain(const absl::Status& status) {
    const std::string trouble = Trouble();
    return trouble.empty() ? status : absl::UnavailableError(trouble);
  }

  std::unique_ptr<ChildProcess> process_;
  Descriptor control_;
};

absl::Status ServeReceiver(int control) {
  ReceiverPlan message;
  if (absl::Status status = ReceiveMessage(control, kStartPatience, &message); !status.ok()) return status;
  const absl::StatusOr<Schedule> schedule = ReadSchedule(*message.mutable_plan());
  absl::StatusOr<std::unique_ptr<Backend>> backend = absl::UnknownError("");
  absl::StatusOr<std::unique_ptr<Receiver>> receiver = absl::UnknownError("");
  ReceiverReady ready;
  if (!schedule.ok()) {
    ready.set_error(std::string(schedule.status().message()));
  } else if (backend = OpenBackend(message.plan().backend(), message.endpoint(), "loadgen-receiver",
                                   RouterOptionsOf(message.plan()));
             !backend.ok()) {
    ready.set_error(std::string(backend.status().message()));
  } else if (receiver = ReceiveHere(**backend, message.plan(), *schedule); !receiver.ok()) {
    ready.set_error(std::string(receiver.status().message()));
  }
  if (absl::Status status = SendMessage(control, ready); !status.ok() || !ready.error().empty())
    return status;
  for (ReceiverCommand command;;) {
    if (absl::Status status = ReceiveMessage(control, Duration::max(), &command); !status.ok()) return status;
    if (command.kind() == ReceiverCommand::FINISH) break;
    (*receiver)->BeginMeasuredPart();
  }
  absl::StatusOr<ReceiverReport> report = (*receiver)->Finish();
  ReceiverReport answer;
  if (report.ok()) {
    answer = *std::move(report);
  } else {
    answer.set_error(std::string(report.status().message()));
  }
  return SendMessage(control, answer);
}

}  // namespace

RouterOptions RouterOptionsOf(const record::RunPlan& plan) {
  RouterOptions options;
  options.handler_threads = plan.handler_threads();
  return options;
}

absl::StatusOr<std::unique_ptr<Receiver>> ReceiveHere(Backend& backend, const record::RunPlan& plan,
                                                      const Schedule& schedule) {
  auto receiver = std::make_unique<LocalReceiver>(backend, plan, schedule);
  if (absl::Status status = receiver->Subscribe(); !status.ok()) return status;
  return receiver;
}

absl::StatusOr<std::unique_ptr<Receiver>> ReceiveInProcess(const record::RunPlan& plan,
                                                           const std::string& endpoint) {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot make a socket pair: ", std::strerror(errno)));
  }
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  auto process = ChildProcess::Start({"/proc/self/exe", "receive"}, theirs.get());
  if (!process.ok()) return process.status();
  auto receiver = std::make_unique<ProcessReceiver>(*std::move(process), std::move(ours));
  if (absl::Status status = receiver->Begin(plan, endpoint); !status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the receiving process cannot start: ", std::string(status.message())));
  }
  return receiver;
}

int RunReceiverProcess(int control) { return ServeReceiver(control).ok() ? 0 : 1; }

}  // namespace routebench::loadgen
