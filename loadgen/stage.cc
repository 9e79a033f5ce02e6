#include "loadgen/stage.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "loadgen/options_stages.h"
#include "loadgen/specs.h"

namespace routebench::loadgen {
namespace {

absl::Status StartDaemon(const RunOptions& options, const record::RunPlan& plan, Stage& stage) {
  const auto eventd = FindEventd(options.eventd);
  if (!eventd.ok()) return eventd.status();
  auto daemon = DaemonProcess::Start(*eventd, {.transport = TransportOf(plan.backend()),
                                               .balancer = plan.balancer(),
                                               .keeps_names = GuaranteeOf(plan) == Guarantee::kAtLeastOnce,
                                               .stage_injection = ToText(InjectionOf(plan)),
                                               .wait = plan.wait_policy()});
  if (daemon.ok()) stage.daemon = *std::move(daemon);
  return daemon.status();
}

// For the next connection: to our own daemon, or to the one that the options name.
DaemonAddress AddressOf(const RunOptions& options, Stage& stage) {
  if (stage.daemon != nullptr) return stage.daemon->TakeAddress();
  return {options.endpoint, options.token_file};
}

absl::Status StartPublishing(const record::RunPlan& plan, const DaemonAddress& daemon, Stage& stage) {
  RouterOptions options = RouterOptionsOf(plan);
  options.stage_hooks = stage.hooks.get();
  const bool requests = plan.exchange() == "request";
  if (plan.outstanding() > 0 && plan.clients() == 0) {
    const double outcomes = requests ? 1 : std::max(1.0, plan.fan_out());
    stage.outstanding = std::make_unique<OutstandingLimit>(plan.outstanding(), outcomes);
  }
  if (stage.outstanding != nullptr && !requests) {
    options.report_delivered = true;
    options.outcome_sink = [limit = stage.outstanding.get()](const OutcomeReport&) { limit->OnOutcome(); };
  }
  const char* const name = plan.clients() > 0 ? "loadgen-control" : "loadgen-publisher";
  auto backend = OpenBackend(plan.backend(), daemon, name, std::move(options), GuaranteeOf(plan));
  if (backend.ok()) stage.publishing = *std::move(backend);
  return backend.status();
}

absl::Status StartAskers(const record::RunPlan& plan, size_t phases, Stage& stage) {
  if (plan.exchange() != "request" || plan.clients() > 0) return absl::OkStatus();
  stage.timers = std::make_unique<dispatch::ThreadTimers>();
  for (uint32_t i = 0; i < plan.publishers(); ++i) {
    auto asker = Asker::Create(stage.publishing->router(), *stage.timers, plan, phases,
                               stage.outstanding.get(), Clock::System());
    if (!asker.ok()) return asker.status();
    stage.askers.push_back(*std::move(asker));
  }
  return absl::OkStatus();
}

// Those of other processes, which publish in place of this one; its own connection sees to the run.
absl::Status StartClients(const RunOptions& options, const record::RunPlan& plan, const Schedule& schedule,
                          Stage& stage) {
  if (plan.clients() == 0) return absl::OkStatus();
  if (stage.daemon != nullptr) stage.daemon_before_clients = ReadUsage(stage.daemon->pid());
  auto clients = LoadProcesses::Start(plan, schedule, AddressOf(options, stage));
  if (clients.ok()) stage.clients = *std::move(clients);
  return clients.status();
}

absl::StatusOr<std::unique_ptr<Receiver>> StartReceiver(const record::RunPlan& plan, const Schedule& schedule,
                                                        const DaemonAddress& daemon,
                                                        const std::string& run_id, Stage& stage) {
  if (!NeedsDaemon(plan.backend())) return ReceiveHere(*stage.publishing, plan, schedule, run_id);
  if (!plan.same_process()) return ReceiveInProcess(plan, daemon, run_id);
  RouterOptions options = RouterOptionsOf(plan);
  options.stage_hooks = stage.hooks.get();
  auto receiving =
      OpenBackend(plan.backend(), daemon, "loadgen-receiver", std::move(options), GuaranteeOf(plan));
  if (!receiving.ok()) return receiving.status();
  stage.receiving = *std::move(receiving);
  return ReceiveHere(*stage.receiving, plan, schedule, run_id);
}

}  // namespace

std::string Stage::Trouble() {
  std::string trouble = daemon == nullptr ? "" : daemon->Trouble();
  if (trouble.empty() && receiver != nullptr) trouble = receiver->Trouble();
  if (trouble.empty() && clients != nullptr) trouble = clients->Trouble();
  return trouble;
}

absl::Status StartStage(const RunOptions& options, const record::RunPlan& plan, const Schedule& schedule,
                        const std::string& run_id, Stage& stage) {
  if (const StageInjection injection = InjectionOf(plan); !injection.empty())
    stage.hooks = std::make_unique<InjectingHooks>(injection);
  if (NeedsDaemon(plan.backend()) && options.endpoint.empty()) {
    if (absl::Status status = StartDaemon(options, plan, stage); !status.ok()) return status;
  }
  absl::Status status = StartPublishing(plan, AddressOf(options, stage), stage);
  if (status.ok()) status = StartAskers(plan, schedule.phases.size(), stage);
  if (!status.ok()) return status;
  auto receiver = StartReceiver(plan, schedule, AddressOf(options, stage), run_id, stage);
  if (!receiver.ok()) return receiver.status();
  stage.receiver = *std::move(receiver);
  if (status = StartClients(options, plan, schedule, stage); !status.ok()) return status;
  if (stage.daemon != nullptr && GuaranteeOf(plan) == Guarantee::kAtMostOnce) stage.daemon->RemoveFiles();
  return absl::OkStatus();
}

Snapshot TakeSnapshot(const Stage& stage) {
  Snapshot snapshot;
  snapshot.machine = ReadMachineTime();
  snapshot.publisher = ReadUsage(getpid());
  if (stage.receiver->pid() != 0) snapshot.receiver = ReadUsage(stage.receiver->pid());
  if (stage.daemon != nullptr) snapshot.daemon = ReadUsage(stage.daemon->pid());
  if (stage.clients != nullptr) {
    for (const pid_t pid : stage.clients->pids()) snapshot.clients.push_back(ReadUsage(pid));
  }
  return snapshot;
}

void AddUsage(const Stage& stage, const Snapshot& before, const Snapshot& after, record::RunRecord& record) {
  const bool alone = stage.receiver->pid() == 0;
  const std::string here = stage.clients != nullptr ? "control" : "publisher";
  *record.add_processes() =
      UsageBetween(alone ? here + "+receiver" : here, getpid(), before.publisher, after.publisher);
  for (size_t i = 0; i < before.clients.size(); ++i) {
    *record.add_processes() =
        UsageBetween("publisher", stage.clients->pids()[i], before.clients[i], after.clients[i]);
  }
  if (!alone) {
    *record.add_processes() =
        UsageBetween("receiver", stage.receiver->pid(), before.receiver, after.receiver);
  }
  if (stage.daemon != nullptr) {
    *record.add_processes() = UsageBetween("daemon", stage.daemon->pid(), before.daemon, after.daemon);
  }
  *record.mutable_machine() = MachineBetween(before.machine, after.machine, record.processes());
}

}  // namespace routebench::loadgen
