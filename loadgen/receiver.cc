#include "loadgen/receiver.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "events/control.h"
#include "events/payloads/sample.h"
#include "events/requests/requests.h"
#include "loadgen/behaviour.h"
#include "loadgen/input.h"
#include "loadgen/message_socket.h"
#include "loadgen/options_stages.h"
#include "loadgen/specs.h"
#include "loadgen/workload/rules.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kStartPatience = std::chrono::seconds(30);
constexpr Duration kEndPatience = std::chrono::seconds(2);
constexpr Duration kReportPatience = std::chrono::seconds(30);
constexpr size_t kSizeGap = 8;  // wider than those of a body's lengths

// Answers requests through a router. Thread-safe.
class Responder {
 public:
  // The answers have the size of the smallest request, or the next one that they can have.
  static absl::StatusOr<Responder> Create(EventRouter& router, const record::RunPlan& plan) {
    const EventKind kind = EventKind::kResponseSent;
    const size_t size = std::max<size_t>(plan.payload_min_bytes(), SmallestSample(kind));
    auto body = SamplePayload(kind, size, plan.seed());
    for (size_t more = 1; !body.ok() && more <= kSizeGap; ++more)
      body = SamplePayload(kind, size + more, plan.seed());
    if (!body.ok()) return body.status();
    Event answer;
    answer.header.kind = kind;
    answer.payload = *std::move(body);
    return Responder(router, std::move(answer));
  }

  bool operator()(const Event& request, bool failed) const {
    if (failed) return requests::RespondError(*router_, request, absl::InternalError("asked to fail")).ok();
    Event answer = answer_;
    answer.header.priority = request.header.priority;
    return requests::Respond(*router_, request, std::move(answer)).ok();
  }

 private:
  Responder(EventRouter& router, Event answer) : router_(&router), answer_(std::move(answer)) {}

  EventRouter* router_;
  Event answer_;
};

absl::StatusOr<Behaviour> MakeBehaviour(EventRouter& router, const record::RunPlan& plan) {
  Behaviour behaviour = BehaviourOf(plan);
  if (plan.exchange() != "request") return behaviour;
  auto responder = Responder::Create(router, plan);
  if (!responder.ok()) return responder.status();
  behaviour.respond = *std::move(responder);
  return behaviour;
}

class LocalReceiver final : public Receiver {
 public:
  LocalReceiver(Backend& backend, const record::RunPlan& plan, const Schedule& schedule, Behaviour behaviour)
      : backend_(backend),
        plan_(plan),
        schedule_(schedule),
        probes_(schedule, plan.publishers(), OrderOf(plan), plan.handler_threads(), Clock::System(),
                std::move(behaviour)) {}

  ~LocalReceiver() override { EndSubscriptions().IgnoreError(); }

  absl::Status Subscribe(const std::string& run_id) {
    for (size_t i = 0; i < static_cast<size_t>(plan_.services_size()); ++i) {
      const ServiceSpec service = ServiceSpecOf(plan_, i);
      if (absl::Status status = backend_.router().Register(service); !status.ok()) return status;
      registered_.push_back(service.id);
      auto subscription =
          backend_.router().Subscribe(SubscriptionSpecOf(plan_, i, run_id), probes_.MakeHandler());
      if (!subscription.ok()) return subscription.status();
    }
    return Delivers(plan_.backend()) ? AddRules() : absl::OkStatus();
  }

  void BeginMeasuredPart() override { before_ = backend_.wire_bytes().value_or(WireBytes()); }

  absl::Status Drain(Duration deadline) override { return backend_.router().Drain(deadline); }

  absl::StatusOr<ReceiverReport> Finish() override {
    const WireBytes after = backend_.wire_bytes().value_or(WireBytes());
    if (absl::Status status = EndSubscriptions(); !status.ok()) return status;
    const ArrivalResults results = probes_.Results();
    ReceiverReport report;
    report.set_delivered(results.delivered);
    report.set_out_of_order(results.out_of_order);
    report.set_duplicates(results.duplicates);
    report.set_foreign(results.foreign);
    report.set_rejected(results.rejected);
    report.set_dead_lettered(results.dead_lettered);
    report.set_late(results.late);
    report.set_handed(results.handed);
    report.set_retries(results.retries);
    report.set_unfinished(results.unfinished);
    report.set_responses(results.responses);
    results.stages.ToRecord(report.mutable_stages());
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
  // A rule outlives who added it: what a killed run has left in a running daemon is replaced.
  absl::Status AddRules() {
    Control& control = backend_.router().control();
    for (const Rule& rule : PlanRules(plan_)) {
      absl::Status status = control.AddRule(rule);
      if (absl::IsAlreadyExists(status) && control.RemoveRule(rule.id).ok()) status = control.AddRule(rule);
      if (!status.ok()) {
        return absl::Status(status.code(),
                            absl::StrCat("--rules: ", rule.id, ": ", std::string(status.message())));
      }
      rules_.push_back(rule.id);
    }
    return absl::OkStatus();
  }

  absl::Status EndSubscriptions() {
    for (const std::string& rule : std::exchange(rules_, {})) {
      if (absl::Status status = backend_.router().control().RemoveRule(rule); !status.ok()) return status;
    }
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
  std::vector<std::string> rules_;
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

  absl::Status Begin(const record::RunPlan& plan, const DaemonAddress& daemon, const std::string& run_id) {
    ReceiverPlan message;
    message.set_run_id(run_id);
    *message.mutable_plan() = plan;
    message.set_endpoint(daemon.endpoint);
    message.set_token_file(daemon.token_file);
    if (absl::Status status = SendMessage(control_.get(), message); !status.ok()) return Explain(status);
    return AwaitReady(kStartPatience);
  }

  absl::Status Drain(Duration deadline) override {
    ReceiverCommand drain;
    drain.set_kind(ReceiverCommand::DRAIN);
    drain.set_deadline_ns(static_cast<uint64_t>(deadline.count()));
    if (absl::Status status = SendMessage(control_.get(), drain); !status.ok()) return Explain(status);
    return AwaitReady(deadline + kReportPatience);
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
  absl::Status AwaitReady(Duration patience) {
    ReceiverReady ready;
    if (absl::Status status = ReceiveMessage(control_.get(), patience, &ready); !status.ok())
      return Explain(status);
    return ready.error().empty() ? absl::OkStatus() : absl::UnavailableError(ready.error());
  }

  absl::Status Explain(const absl::Status& status) {
    const std::string trouble = Trouble();
    return trouble.empty() ? status : absl::UnavailableError(trouble);
  }

  std::unique_ptr<ChildProcess> process_;
  Descriptor control_;
};

absl::Status Obey(const ReceiverCommand& command, Receiver& receiver, int control) {
  if (command.kind() != ReceiverCommand::DRAIN) {
    receiver.BeginMeasuredPart();
    return absl::OkStatus();
  }
  const absl::Status drained = receiver.Drain(Duration(static_cast<int64_t>(command.deadline_ns())));
  ReceiverReady ready;
  ready.set_error(std::string(drained.message()));
  return SendMessage(control, ready);
}

absl::Status ServeReceiver(int control) {
  ReceiverPlan message;
  if (absl::Status status = ReceiveMessage(control, kStartPatience, &message); !status.ok()) return status;
  const absl::StatusOr<Schedule> schedule = ReadSchedule(*message.mutable_plan());
  const StageInjection injection = InjectionOf(message.plan());
  InjectingHooks hooks(injection);
  RouterOptions options = RouterOptionsOf(message.plan());
  options.stage_hooks = injection.empty() ? nullptr : &hooks;
  absl::StatusOr<std::unique_ptr<Backend>> backend = absl::UnknownError("");
  absl::StatusOr<std::unique_ptr<Receiver>> receiver = absl::UnknownError("");
  ReceiverReady ready;
  if (!schedule.ok()) {
    ready.set_error(std::string(schedule.status().message()));
  } else if (backend = OpenBackend(message.plan().backend(), {message.endpoint(), message.token_file()},
                                   "loadgen-receiver", std::move(options), GuaranteeOf(message.plan()));
             !backend.ok()) {
    ready.set_error(std::string(backend.status().message()));
  } else if (receiver = ReceiveHere(**backend, message.plan(), *schedule, message.run_id()); !receiver.ok()) {
    ready.set_error(std::string(receiver.status().message()));
  }
  if (absl::Status status = SendMessage(control, ready); !status.ok() || !ready.error().empty())
    return status;
  for (ReceiverCommand command;;) {
    if (absl::Status status = ReceiveMessage(control, Duration::max(), &command); !status.ok()) return status;
    if (command.kind() == ReceiverCommand::FINISH) break;
    if (absl::Status status = Obey(command, **receiver, control); !status.ok()) return status;
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

// The descriptors of a pipe to the daemon, to be inherited behind the control socket; `address` becomes what
// they are called there. None where it is something else.
std::vector<Descriptor> PipesOf(DaemonAddress& address) {
  int read = -1;
  int write = -1;
  if (std::sscanf(address.endpoint.c_str(), "pipe:%d,%d", &read, &write) != 2) return {};
  address.endpoint = "pipe:4,5";
  std::vector<Descriptor> pipes;
  pipes.emplace_back(read);
  pipes.emplace_back(write);
  return pipes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Receiver>> ReceiveHere(Backend& backend, const record::RunPlan& plan,
                                                      const Schedule& schedule, const std::string& run_id) {
  auto behaviour = MakeBehaviour(backend.router(), plan);
  if (!behaviour.ok()) return behaviour.status();
  auto receiver = std::make_unique<LocalReceiver>(backend, plan, schedule, *std::move(behaviour));
  if (absl::Status status = receiver->Subscribe(run_id); !status.ok()) return status;
  return receiver;
}

absl::StatusOr<std::unique_ptr<Receiver>> ReceiveInProcess(const record::RunPlan& plan,
                                                           const DaemonAddress& daemon,
                                                           const std::string& run_id) {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot make a socket pair: ", std::strerror(errno)));
  }
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  DaemonAddress address = daemon;
  std::vector<Descriptor> passed = PipesOf(address);
  std::vector<int> inherited = {theirs.get()};
  for (const Descriptor& descriptor : passed) inherited.push_back(descriptor.get());
  auto process = ChildProcess::Start({"/proc/self/exe", "receive"}, inherited);
  if (!process.ok()) return process.status();
  passed.clear();
  auto receiver = std::make_unique<ProcessReceiver>(*std::move(process), std::move(ours));
  if (absl::Status status = receiver->Begin(plan, address, run_id); !status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the receiving process cannot start: ", std::string(status.message())));
  }
  return receiver;
}

int RunReceiverProcess(int control) { return ServeReceiver(control).ok() ? 0 : 1; }

}  // namespace routebench::loadgen
