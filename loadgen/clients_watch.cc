#include "loadgen/clients_watch.h"

#include <algorithm>

namespace routebench::loadgen {
namespace {

uint64_t DeliveredRequests(const RouterStatistics& statistics, const record::RunPlan& plan) {
  uint64_t delivered = 0;
  for (const RouterStatistics::Service& service : statistics.services) {
    for (const record::ServicePlan& planned : plan.services()) {
      if (planned.id() == service.id) delivered += service.books.of(Outcome::kDelivered);
    }
  }
  return delivered;
}

std::optional<uint64_t> Difference(std::optional<uint64_t> from, std::optional<uint64_t> to) {
  if (!from || !to || *to < *from) return std::nullopt;
  return *to - *from;
}

}  // namespace

std::optional<record::ClosedLoop> LawBetween(const ClosedLoopMoment& start, const ClosedLoopMoment& end,
                                             const record::RunPlan& plan) {
  const double exchanges = static_cast<double>(end.turns.exchanges - start.turns.exchanges);
  const double seconds = std::chrono::duration<double>(end.at - start.at).count();
  if (exchanges <= 0 || seconds <= 0 || plan.fan_out() <= 0) return std::nullopt;
  record::ClosedLoop law;
  law.set_window_ns(static_cast<uint64_t>((end.at - start.at).count()));
  law.set_throughput_per_s(static_cast<double>(end.delivered - start.delivered) / plan.fan_out() / seconds);
  law.set_round_trip_ns(static_cast<double>(end.turns.round_trip_ns - start.turns.round_trip_ns) / exchanges);
  law.set_turn_round_ns(static_cast<double>(end.turns.turn_round_ns - start.turns.turn_round_ns) / exchanges);
  law.set_clients_by_law(law.throughput_per_s() * (law.round_trip_ns() + law.turn_round_ns()) / 1e9);
  law.set_gap(law.clients_by_law() / plan.clients() - 1);
  return law;
}

ClientsWatch::ClientsWatch(const record::RunPlan& plan, Stage& stage, record::RunRecord& record)
    : plan_(plan), stage_(stage), record_(record) {
  stage.clients->connect_times().ToData(record.mutable_clients()->mutable_connect());
}

void ClientsWatch::WatchIdle(Interrupt& interrupt) {
  if (stage_.daemon == nullptr) return;
  record::ClientsRecord& clients = *record_.mutable_clients();
  const Usage start = ReadUsage(stage_.daemon->pid());
  const TimePoint begin = Clock::System().Now();
  interrupt.WaitFor(Duration(static_cast<int64_t>(plan_.idle_ns())));
  const Usage end = ReadUsage(stage_.daemon->pid());
  if (plan_.idle_ns() > 0) {
    clients.set_idle_ns(static_cast<uint64_t>((Clock::System().Now() - begin).count()));
    if (const auto cpu = Difference(start.cpu_ns, end.cpu_ns)) clients.set_idle_cpu_ns(*cpu);
    const auto voluntary = Difference(start.voluntary_switches, end.voluntary_switches);
    const auto involuntary = Difference(start.involuntary_switches, end.involuntary_switches);
    if (voluntary && involuntary) clients.set_idle_switches(*voluntary + *involuntary);
  }
  const Usage& before = stage_.daemon_before_clients;
  if (before.private_bytes) clients.set_private_bytes_before(*before.private_bytes);
  if (end.private_bytes) clients.set_private_bytes(*end.private_bytes);
  if (before.proportional_bytes) clients.set_proportional_bytes_before(*before.proportional_bytes);
  if (end.proportional_bytes) clients.set_proportional_bytes(*end.proportional_bytes);
  if (end.shared_bytes) clients.set_shared_bytes(*end.shared_bytes);
}

void ClientsWatch::WatchClosedLoop(Load& load) {
  if (plan_.exchange() != "request" || plan_.outstanding() != 1) return;
  ClosedLoopMoment moment;
  const TimePoint asked = Clock::System().Now();
  const absl::StatusOr<RouterStatistics> statistics = stage_.publishing->router().Statistics();
  if (!statistics.ok()) return;
  moment.at = asked + (Clock::System().Now() - asked) / 2;
  moment.delivered = DeliveredRequests(*statistics, plan_);
  const Load::Progress progress = load.progress();
  moment.turns = progress.turns;
  if (progress.running < plan_.clients()) return;
  (first_.has_value() ? last_ : first_) = moment;
}

void ClientsWatch::Conclude() {
  if (!first_.has_value() || !last_.has_value()) return;
  if (auto law = LawBetween(*first_, *last_, plan_))
    *record_.mutable_clients()->mutable_closed_loop() = *std::move(law);
}

}  // namespace routebench::loadgen
