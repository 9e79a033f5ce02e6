#include "loadgen/load_processes.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "loadgen/crowd.h"
#include "loadgen/input.h"
#include "loadgen/load_report.h"
#include "loadgen/message_socket.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kStartPatience = std::chrono::seconds(30);
constexpr Duration kConnectPatience = std::chrono::seconds(120);
constexpr Duration kReportPatience = std::chrono::seconds(30);
constexpr Duration kEndPatience = std::chrono::seconds(10);

LoadCommand CommandOf(LoadCommand::Kind kind) {
  LoadCommand command;
  command.set_kind(kind);
  return command;
}

}  // namespace

// ---- The orchestrator's side

absl::StatusOr<std::unique_ptr<LoadProcesses>> LoadProcesses::Start(const record::RunPlan& plan,
                                                                    const Schedule& schedule,
                                                                    const DaemonAddress& daemon) {
  std::unique_ptr<LoadProcesses> load(new LoadProcesses(schedule));
  uint32_t first = 0;
  for (uint32_t i = 0; i < plan.load_processes(); ++i) {
    const uint32_t end = static_cast<uint32_t>(uint64_t{plan.clients()} * (i + 1) / plan.load_processes());
    if (absl::Status status = load->Launch(plan, daemon, first, end - first); !status.ok()) return status;
    first = end;
  }
  if (absl::Status status = load->AwaitConnected(); !status.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the clients cannot connect: ", std::string(status.message())));
  }
  return load;
}

absl::Status LoadProcesses::Launch(const record::RunPlan& plan, const DaemonAddress& daemon, uint32_t first,
                                   uint32_t count) {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return absl::UnavailableError(absl::StrCat("cannot make a socket pair: ", std::strerror(errno)));
  Descriptor ours(ends[0]);
  const Descriptor theirs(ends[1]);
  auto process = ChildProcess::Start({"/proc/self/exe", "load"}, {theirs.get()});
  if (!process.ok()) return process.status();
  LoadPlan message;
  *message.mutable_plan() = plan;
  message.set_endpoint(daemon.endpoint);
  message.set_token_file(daemon.token_file);
  message.set_first(first);
  message.set_count(count);
  processes_.push_back({*std::move(process), std::move(ours)});
  const absl::Status status = SendMessage(processes_.back().control.get(), message);
  return status.ok() ? status : Explain(status);
}

absl::Status LoadProcesses::AwaitConnected() {
  for (const Process& process : processes_) {
    LoadReady ready;
    if (absl::Status status = ReceiveMessage(process.control.get(), kConnectPatience, &ready); !status.ok())
      return Explain(status);
    if (!ready.error().empty()) return absl::UnavailableError(ready.error());
    const auto times = record::Histogram::FromData(ready.connect());
    if (!times.ok()) return times.status();
    connect_times_.Merge(*times);
  }
  return absl::OkStatus();
}

// All at once: they leave the daemon side by side.
LoadProcesses::~LoadProcesses() {
  for (Process& process : processes_) process.control.Reset();
  for (Process& process : processes_) process.process->AwaitEnd(kEndPatience);
}

// Where one is gone, Trouble says so.
void LoadProcesses::SendAll(const LoadCommand& command) {
  for (const Process& process : processes_) SendMessage(process.control.get(), command).IgnoreError();
}

absl::Status LoadProcesses::AwaitAll(Duration patience) {
  absl::Status all;
  for (const Process& process : processes_) {
    LoadReady ready;
    if (absl::Status status = ReceiveMessage(process.control.get(), patience, &ready); !status.ok())
      return Explain(status);
    if (!ready.error().empty()) all.Update(absl::DeadlineExceededError(ready.error()));
  }
  return all;
}

void LoadProcesses::Start(TimePoint start) {
  LoadCommand command = CommandOf(LoadCommand::START);
  command.set_start_ns(start.time_since_epoch().count());
  SendAll(command);
}

Load::Progress LoadProcesses::progress() {
  Progress all;
  SendAll(CommandOf(LoadCommand::PROGRESS));
  for (const Process& process : processes_) {
    LoadProgress progress;
    if (!ReceiveMessage(process.control.get(), kReportPatience, &progress).ok()) continue;
    all.running += progress.running();
    all.sent += progress.sent();
    all.unanswered += progress.unanswered();
    all.turns.Merge({progress.exchanges(), progress.round_trip_ns(), progress.turn_round_ns()});
  }
  return all;
}

void LoadProcesses::BeginMeasuredPart() { SendAll(CommandOf(LoadCommand::BEGIN_MEASURED_PART)); }

void LoadProcesses::StopSending() {
  SendAll(CommandOf(LoadCommand::STOP_SENDING));
  AwaitAll(kReportPatience).IgnoreError();  // a process that is gone shows in Trouble
}

absl::Status LoadProcesses::Drain(Duration deadline) {
  LoadCommand command = CommandOf(LoadCommand::DRAIN);
  command.set_deadline_ns(static_cast<uint64_t>(deadline.count()));
  SendAll(command);
  return AwaitAll(deadline + kReportPatience);
}

absl::StatusOr<LoadResults> LoadProcesses::Finish() {
  LoadResults results(schedule_.phases.size());
  SendAll(CommandOf(LoadCommand::FINISH));
  for (const Process& process : processes_) {
    LoadReport report;
    if (absl::Status status = ReceiveMessage(process.control.get(), kReportPatience, &report); !status.ok())
      return Explain(status);
    if (!report.error().empty()) return absl::UnavailableError(report.error());
    if (absl::Status status = MergeReport(report, schedule_, results); !status.ok()) return status;
  }
  return results;
}

std::vector<pid_t> LoadProcesses::pids() const {
  std::vector<pid_t> pids;
  for (const Process& process : processes_) pids.push_back(process.process->pid());
  return pids;
}

std::string LoadProcesses::Trouble() {
  for (const Process& process : processes_) {
    if (const auto ended = process.process->Ended(); ended.has_value())
      return absl::StrCat("a load process ", *ended);
  }
  return "";
}

absl::Status LoadProcesses::Explain(const absl::Status& status) {
  const std::string trouble = Trouble();
  return trouble.empty() ? status : absl::UnavailableError(trouble);
}

// ---- The process's side

namespace {

absl::Status AnswerProgress(Load& load, int control) {
  const Load::Progress now = load.progress();
  LoadProgress progress;
  progress.set_running(now.running);
  progress.set_sent(now.sent);
  progress.set_unanswered(now.unanswered);
  progress.set_exchanges(now.turns.exchanges);
  progress.set_round_trip_ns(now.turns.round_trip_ns);
  progress.set_turn_round_ns(now.turns.turn_round_ns);
  return SendMessage(control, progress);
}

absl::Status Obey(const LoadCommand& command, Load& load, int control) {
  LoadReady ready;
  switch (command.kind()) {
    case LoadCommand::START:
      load.Start(TimePoint(Duration(command.start_ns())));
      return absl::OkStatus();
    case LoadCommand::PROGRESS:
      return AnswerProgress(load, control);
    case LoadCommand::BEGIN_MEASURED_PART:
      load.BeginMeasuredPart();
      return absl::OkStatus();
    case LoadCommand::STOP_SENDING:
      load.StopSending();
      return SendMessage(control, ready);
    default:
      ready.set_error(
          std::string(load.Drain(Duration(static_cast<int64_t>(command.deadline_ns()))).message()));
      return SendMessage(control, ready);
  }
}

absl::Status Report(Load& load, const Schedule& schedule, int control) {
  load.Dismiss();
  LoadReport report;
  if (const absl::StatusOr<LoadResults> results = load.Finish(); results.ok()) {
    report = ToReport(*results, schedule);
  } else {
    report.set_error(std::string(results.status().message()));
  }
  return SendMessage(control, report);
}

absl::Status ServeLoad(int control) {
  LoadPlan message;
  if (absl::Status status = ReceiveMessage(control, kStartPatience, &message); !status.ok()) return status;
  const absl::StatusOr<Input> input = ReadInput(*message.mutable_plan());
  auto crowd = input.ok() ? Crowd::Connect(message.plan(), *input, {message.endpoint(), message.token_file()},
                                           message.first(), message.count())
                          : absl::StatusOr<std::unique_ptr<Crowd>>(input.status());
  LoadReady ready;
  if (crowd.ok()) {
    (*crowd)->connect_times().ToData(ready.mutable_connect());
  } else {
    ready.set_error(std::string(crowd.status().message()));
  }
  if (absl::Status status = SendMessage(control, ready); !status.ok() || !crowd.ok()) return status;
  for (LoadCommand command;;) {
    if (absl::Status status = ReceiveMessage(control, Duration::max(), &command); !status.ok()) return status;
    const absl::Status status = command.kind() == LoadCommand::FINISH
                                    ? Report((*crowd)->load(), input->schedule, control)
                                    : Obey(command, (*crowd)->load(), control);
    if (!status.ok()) return status;
  }
}

}  // namespace

// It ends by its control connection: whatever happened before has been said there.
int RunLoadProcess(int control) {
  ServeLoad(control).IgnoreError();
  return 0;
}

}  // namespace routebench::loadgen
