#include "analysis/record/json.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "analysis/record/clients.h"
#include "analysis/record/metrics.h"
#include "analysis/record/run_record.h"
#include "analysis/record/stages.h"

namespace routebench::record {
namespace {

using Json = nlohmann::ordered_json;

void AddText(Json& json, const char* key, const std::string& text) {
  if (!text.empty()) json[key] = text;
}

void AddCount(Json& json, const char* key, uint64_t count) {
  if (count > 0) json[key] = count;
}

bool IsWhole(double value) { return std::abs(value) < 1e15 && value == std::floor(value); }

void AddReceiving(const RunPlan& plan, Json& json) {
  AddText(json, "addressing", plan.addressing());
  AddCount(json, "targets", plan.targets());
  AddText(json, "balancer", plan.balancer());
  AddText(json, "weights", absl::StrJoin(plan.weights(), ","));
  AddCount(json, "max_concurrent", plan.max_concurrent());
  json["rules"] = plan.rules();
  AddText(json, "delivery", plan.delivery());
  AddText(json, "exchange", plan.exchange());
  AddCount(json, "request_timeout_ns", plan.request_timeout_ns());
  AddCount(json, "handler_time_ns", plan.handler().time_ns());
  AddText(json, "handler_work", plan.handler().work());
  if (plan.handler().failures() > 0) json["handler_failures_share"] = plan.handler().failures();
  AddCount(json, "attempts", plan.subscription().attempts());
  AddCount(json, "retry_backoff_ns", plan.subscription().retry_backoff_ns());
  AddCount(json, "delivery_timeout_ns", plan.subscription().delivery_timeout_ns());
  AddCount(json, "expire_after_ns", plan.expire_after_ns());
  AddText(json, "breaker", plan.breaker());
  AddCount(json, "stage_sampling", plan.stage_sampling());
  AddText(json, "injected", InjectionText(plan));
}

void AddPlan(const RunPlan& plan, Json& json) {
  json["backend"] = plan.backend();
  json["pattern"] = plan.pattern();
  AddText(json, "level", plan.level());
  AddText(json, "trace", plan.trace());
  if (plan.speed() > 0) json["speed"] = plan.speed();
  AddText(json, "arrivals", plan.arrivals());
  AddText(json, "loop", plan.loop());
  if (plan.outstanding() > 0) json["outstanding"] = plan.outstanding();
  json["rate_per_s"] = plan.rate_per_s();
  json["warmup_ns"] = plan.warmup_ns();
  json["duration_ns"] = plan.duration_ns();
  json["payload_min_bytes"] = plan.payload_min_bytes();
  json["payload_max_bytes"] = plan.payload_max_bytes();
  json["publishers"] = plan.publishers();
  json["services"] = plan.services_size();
  json["fan_out"] = plan.fan_out();
  json["seed"] = plan.seed();
  AddText(json, "full_policy", plan.subscription().full_policy());
  json["capacity"] = plan.subscription().capacity();
  AddText(json, "wait_policy", plan.wait_policy());
  AddText(json, "pacer", plan.pacer());
  json["same_process"] = plan.same_process();
  AddReceiving(plan, json);
}

void AddEnvironment(const Environment& environment, Json& json) {
  AddText(json, "tool_version", environment.tool_version());
  AddText(json, "host", environment.host());
  AddText(json, "kernel", environment.kernel());
  AddText(json, "cpu_model", environment.cpu_model());
  if (environment.cpus() > 0) json["cpus"] = environment.cpus();
  if (environment.memory_bytes() > 0) json["memory_bytes"] = environment.memory_bytes();
  AddText(json, "clock_source", environment.clock_source());
  if (environment.clock_read_ns() > 0) json["clock_read_ns"] = environment.clock_read_ns();
  AddText(json, "compiler", environment.compiler());
  AddText(json, "build_type", environment.build_type());
}

void AddBooks(const BooksRecord& books, Json& json) {
  for (const NamedCount& answer : books.answers())
    json[absl::StrCat("answer_", answer.name())] = answer.count();
  json["routed"] = books.routed();
  for (const NamedCount& outcome : books.outcomes()) {
    json[absl::StrCat("outcome_", outcome.name())] = outcome.count();
  }
  json["in_flight"] = books.in_flight();
  json["out_of_order"] = books.probe_out_of_order();
  json["duplicates"] = books.probe_duplicates();
  json["books_balanced"] = books.balanced();
  json["handed"] = books.probe_handed();
  json["retries"] = books.probe_retries();
  json["dead_lettered"] = books.probe_dead_lettered();
  json["rejected"] = books.probe_rejected();
  AddCount(json, "late", books.probe_late());
  json["breaker_openings"] = books.breaker_openings();
}

void AddExchange(const RunRecord& record, const MeasuredPart& part, Json& json) {
  if (record.plan().exchange() != "request") return;
  json["answered"] = part.answered;
  json["request_timeouts"] = part.request_timeouts;
  json["request_errors"] = part.request_errors;
  json["responses"] = record.books().responses();
  json["responses_received"] = record.books().responses_received();
}

void AddMetrics(const RunRecord& record, Json& json) {
  for (const Metric& metric : MetricsOf(record)) {
    if (!metric.value.has_value()) continue;
    const bool whole = std::trunc(*metric.value) == *metric.value && *metric.value < 9e15;
    if (whole && metric.unit != Unit::kShare) {
      json[metric.name] = static_cast<int64_t>(*metric.value);
    } else {
      json[metric.name] = *metric.value;
    }
  }
}

void AddStages(const RunRecord& record, Json& json) {
  const StageTable table = TabulateStages({&record});
  if (table.empty()) return;
  json["stage_deliveries"] = table.deliveries;
  json["stage_violations"] = table.violations;
  json["stage_response_difference_share"] = table.difference;
  json["stage_response_difference_error_share"] = table.standard_error;
  for (const StageBand& band : table.bands) {
    json[absl::StrCat("stage_samples_", band.name)] = band.samples;
    if (!band.known()) continue;
    for (size_t i = 0; i < table.stages.size(); ++i) {
      json[absl::StrCat("stage_", table.stages[i], "_", band.name, "_ns")] = band.mean_ns[i];
    }
  }
}

void AddProcess(const ProcessUsage& process, const std::string& name, Json& json) {
  json[name + "_pid"] = process.pid();
  const auto add = [&](bool known, const char* key, uint64_t value) {
    if (known) json[absl::StrCat(name, "_", key)] = value;
  };
  add(process.has_cpu_user_ns(), "cpu_user_ns", process.cpu_user_ns());
  add(process.has_cpu_system_ns(), "cpu_system_ns", process.cpu_system_ns());
  add(process.has_voluntary_switches(), "voluntary_switches", process.voluntary_switches());
  add(process.has_involuntary_switches(), "involuntary_switches", process.involuntary_switches());
  add(process.has_run_queue_wait_ns(), "run_queue_wait_ns", process.run_queue_wait_ns());
  add(process.has_minor_faults(), "minor_faults", process.minor_faults());
  add(process.has_major_faults(), "major_faults", process.major_faults());
  add(process.has_proportional_bytes(), "pss_bytes", process.proportional_bytes());
  add(process.has_private_bytes(), "private_bytes", process.private_bytes());
  add(process.has_shared_bytes(), "shared_bytes", process.shared_bytes());
  add(process.has_peak_resident_bytes(), "peak_resident_bytes", process.peak_resident_bytes());
}

// Roles as parts of keys: publisher+receiver is publisher_receiver, a second publisher publisher_2.
void AddProcesses(const RunRecord& record, Json& json) {
  std::map<std::string, int> seen;
  for (const ProcessUsage& process : record.processes()) {
    std::string name = absl::StrReplaceAll(process.role(), {{"+", "_"}});
    if (const int number = ++seen[name]; number > 1) absl::StrAppend(&name, "_", number);
    AddProcess(process, name, json);
  }
}

void AddMachine(const MachineUsage& machine, Json& json) {
  const double all = static_cast<double>(machine.elapsed_ns()) * machine.cpus();
  if (machine.has_other_cpu_ns() && all > 0)
    json["other_cpu_share"] = static_cast<double>(machine.other_cpu_ns()) / all;
}

}  // namespace

std::string RunToJson(const RunRecord& record) {
  Json json;
  json["schema"] = kRunSchema;
  AddText(json, "run_id", record.run_id());
  const std::vector<std::string> reasons = InvalidReasons(record);
  json["valid"] = reasons.empty();
  AddText(json, "invalid_because", absl::StrJoin(reasons, "; "));
  AddPlan(record.plan(), json);
  json["schedule_hash"] = absl::StrFormat("%016x", record.schedule_hash());
  json["started_unix_ns"] = record.started_unix_ns();
  json["measured_ns"] = record.measured_ns();
  json["drain_ns"] = record.drain_ns();
  const MeasuredPart part = MeasuredPartOf(record);
  json["offered"] = part.offered;
  json["expected"] = part.expected;
  json["delivered"] = part.delivered;
  json["missing"] = part.missing();
  AddMetrics(record, json);
  AddStages(record, json);
  AddExchange(record, part, json);
  AddBooks(record.books(), json);
  if (record.has_wire()) {
    json["wire_bytes_sent"] = record.wire().bytes_sent();
    json["wire_bytes_received"] = record.wire().bytes_received();
  }
  for (const auto& [key, value] : ClientFigures(record))
    json[key] = IsWhole(value) ? Json(static_cast<int64_t>(value)) : Json(value);
  AddProcesses(record, json);
  AddMachine(record.machine(), json);
  AddEnvironment(record.environment(), json);
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace routebench::record
