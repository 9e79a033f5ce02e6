#include "analysis/record/metrics.h"

#include <algorithm>
#include <functional>

#include "absl/strings/str_cat.h"

namespace routebench::record {
namespace {

constexpr char kNothingOffered[] = "nothing was offered";
constexpr char kRequest[] = "request";
constexpr char kNothingDelivered[] = "nothing was delivered";

void MergeData(const HistogramData& data, Histogram& into) {
  if (data.counts_size() > 0) into.Merge(Histogram::FromData(data).value());
}

Metric Named(const char* name, const char* label, Unit unit, Better better = Better::kLower) {
  Metric metric;
  metric.name = name;
  metric.label = label;
  metric.unit = unit;
  metric.better = better;
  return metric;
}

Metric Quantile(const char* name, const char* label, const Histogram& histogram, double q, uint64_t missing) {
  Metric metric = Named(name, label, Unit::kNanos);
  if (histogram.count() + missing == 0) {
    metric.absence = kNothingOffered;
    return metric;
  }
  metric.beyond = histogram.Beyond(q, missing);
  if (const auto value = histogram.Quantile(q, missing)) {
    metric.value = static_cast<double>(*value);
  } else {
    metric.absence = "not delivered";
    metric.not_delivered = true;
  }
  return metric;
}

// p99 - p50: how much slower than usual one delivery in a hundred is.
Metric Jitter(const Metric& p50, const Metric& p99) {
  Metric metric = Named("response_jitter_ns", "response jitter", Unit::kNanos);
  if (p50.value && p99.value) {
    metric.value = *p99.value - *p50.value;
  } else {
    metric.absence = p99.absence;
    metric.not_delivered = p99.not_delivered;
  }
  return metric;
}

// One figure summed over the processes; nothing where one of them does not know it.
std::optional<double> Sum(const RunRecord& record,
                          const std::function<std::optional<uint64_t>(const ProcessUsage&)>& figure) {
  if (record.processes().empty()) return std::nullopt;
  double sum = 0;
  for (const ProcessUsage& process : record.processes()) {
    const std::optional<uint64_t> value = figure(process);
    if (!value.has_value()) return std::nullopt;
    sum += static_cast<double>(*value);
  }
  return sum;
}

std::optional<uint64_t> Cpu(const ProcessUsage& process) {
  if (!process.has_cpu_user_ns() || !process.has_cpu_system_ns()) return std::nullopt;
  return process.cpu_user_ns() + process.cpu_system_ns();
}
std::optional<uint64_t> Switches(const ProcessUsage& process) {
  if (!process.has_voluntary_switches() || !process.has_involuntary_switches()) return std::nullopt;
  return process.voluntary_switches() + process.involuntary_switches();
}
std::optional<uint64_t> RunQueueWait(const ProcessUsage& process) {
  if (!process.has_run_queue_wait_ns()) return std::nullopt;
  return process.run_queue_wait_ns();
}
std::optional<uint64_t> Pss(const ProcessUsage& process) {
  if (!process.has_proportional_bytes()) return std::nullopt;
  return process.proportional_bytes();
}

Metric PerEvent(Metric metric, std::optional<double> total, std::optional<double> events,
                const char* absence) {
  if (!events.has_value()) {
    metric.absence = kNothingDelivered;
  } else if (!total.has_value()) {
    metric.absence = absence;
  } else {
    metric.value = *total / *events;
  }
  return metric;
}

void AddLatencies(const MeasuredPart& part, std::vector<Metric>& metrics) {
  const uint64_t missing = part.missing();
  const Histogram& response = part.response;
  metrics.push_back(Quantile("response_p50_ns", "response p50", response, 0.5, missing));
  metrics.push_back(Quantile("response_p90_ns", "response p90", response, 0.9, missing));
  metrics.push_back(Quantile("response_p95_ns", "response p95", response, 0.95, missing));
  metrics.push_back(Quantile("response_p99_ns", "response p99", response, 0.99, missing));
  metrics.push_back(Quantile("response_p999_ns", "response p99.9", response, 0.999, missing));
  metrics.push_back(Quantile("response_max_ns", "response max", response, 1, missing));
  metrics.push_back(Jitter(metrics[0], metrics[3]));
  metrics.push_back(Quantile("service_p99_ns", "service p99", part.service, 0.99, missing));
  metrics.push_back(Quantile("self_lag_p99_ns", "self-lag p99", part.self_lag, 0.99, 0));
  metrics.push_back(Quantile("blocked_p99_ns", "blocked p99", part.blocked, 0.99, 0));
}

// What was not answered, for whatever reason, is slower than all answers.
void AddRoundTrips(const MeasuredPart& part, std::vector<Metric>& metrics) {
  const uint64_t unanswered = part.offered - std::min(part.offered, part.answered);
  const Histogram& round_trip = part.round_trip;
  metrics.push_back(Quantile("round_trip_p50_ns", "round trip p50", round_trip, 0.5, unanswered));
  metrics.push_back(Quantile("round_trip_p90_ns", "round trip p90", round_trip, 0.9, unanswered));
  metrics.push_back(Quantile("round_trip_p99_ns", "round trip p99", round_trip, 0.99, unanswered));
  metrics.push_back(Quantile("round_trip_p999_ns", "round trip p99.9", round_trip, 0.999, unanswered));
  metrics.push_back(Quantile("round_trip_max_ns", "round trip max", round_trip, 1, unanswered));
  Metric share = Named("unanswered_share", "unanswered", Unit::kShare);
  if (part.offered == 0) {
    share.absence = kNothingOffered;
  } else {
    share.value = static_cast<double>(unanswered) / static_cast<double>(part.offered);
  }
  metrics.push_back(share);
}

void AddThroughput(const RunRecord& record, const MeasuredPart& part, std::vector<Metric>& metrics) {
  Metric delivered = Named("delivered_per_s", "delivered per second", Unit::kPerSecond, Better::kHigher);
  if (record.measured_ns() == 0) {
    delivered.absence = "the measured part has no length";
  } else {
    delivered.value = static_cast<double>(part.delivered) * 1e9 / static_cast<double>(record.measured_ns());
  }
  metrics.push_back(delivered);
  Metric loss = Named("loss_share", "lost", Unit::kShare);
  if (part.expected == 0) {
    loss.absence = "no delivery was expected";
  } else {
    loss.value = static_cast<double>(part.missing()) / static_cast<double>(part.expected);
  }
  metrics.push_back(loss);
}

void AddCosts(const RunRecord& record, const MeasuredPart& part, std::vector<Metric>& metrics) {
  constexpr char kUnknown[] = "not known for every process";
  const std::optional<double> events = part.events();
  metrics.push_back(
      PerEvent(Named("cpu_per_event_ns", "CPU per event", Unit::kNanos), Sum(record, Cpu), events, kUnknown));
  Metric memory = Named("pss_bytes", "memory (PSS)", Unit::kBytes);
  memory.value = Sum(record, Pss);
  if (!memory.value) memory.absence = kUnknown;
  metrics.push_back(memory);
  metrics.push_back(PerEvent(Named("switches_per_event", "context switches per event", Unit::kCount),
                             Sum(record, Switches), events, kUnknown));
  metrics.push_back(PerEvent(Named("run_queue_wait_per_event_ns", "run-queue delay per event", Unit::kNanos),
                             Sum(record, RunQueueWait), events, kUnknown));
  const std::optional<double> blocked_mean = part.blocked.mean();
  metrics.push_back(PerEvent(
      Named("blocked_per_event_ns", "blocked per event", Unit::kNanos),
      blocked_mean ? std::optional(*blocked_mean * static_cast<double>(part.blocked.count())) : std::nullopt,
      events, kNothingOffered));
  metrics.push_back(PerEvent(
      Named("wire_bytes_per_event", "bytes on the wire per event", Unit::kBytes),
      record.has_wire() ? std::optional(static_cast<double>(record.wire().bytes_sent())) : std::nullopt,
      events, "nothing crosses a process boundary"));
}

}  // namespace

std::optional<double> MeasuredPart::events() const {
  if (delivered == 0 || expected == 0) return std::nullopt;
  return static_cast<double>(delivered) * static_cast<double>(offered) / static_cast<double>(expected);
}

MeasuredPart MeasuredPartOf(const RunRecord& record, std::string_view category) {
  MeasuredPart part;
  for (const Cell& cell : record.cells()) {
    if (cell.phase() == "warmup" || (!category.empty() && cell.category() != category)) continue;
    part.offered += cell.offered();
    part.expected += cell.expected();
    part.delivered += cell.delivered();
    MergeData(cell.response(), part.response);
    MergeData(cell.service(), part.service);
    MergeData(cell.self_lag(), part.self_lag);
    MergeData(cell.blocked(), part.blocked);
    MergeData(cell.round_trip(), part.round_trip);
    part.answered += cell.answered();
    part.request_timeouts += cell.request_timeouts();
    part.request_errors += cell.request_errors();
  }
  return part;
}

std::vector<std::string> CategoriesOf(const RunRecord& record) {
  std::vector<std::string> categories;
  for (const Cell& cell : record.cells()) {
    if (cell.phase() == "warmup" || cell.offered() == 0) continue;
    if (std::find(categories.begin(), categories.end(), cell.category()) == categories.end()) {
      categories.push_back(cell.category());
    }
  }
  return categories;
}

std::vector<Metric> MetricsOf(const RunRecord& record) {
  const MeasuredPart part = MeasuredPartOf(record);
  std::vector<Metric> metrics;
  AddLatencies(part, metrics);
  if (record.plan().exchange() == kRequest) AddRoundTrips(part, metrics);
  AddThroughput(record, part, metrics);
  AddCosts(record, part, metrics);
  return metrics;
}

std::vector<Metric> MetricsOf(const RunRecord& record, std::string_view category) {
  const MeasuredPart part = MeasuredPartOf(record, category);
  std::vector<Metric> metrics;
  AddLatencies(part, metrics);
  if (record.plan().exchange() == kRequest) AddRoundTrips(part, metrics);
  AddThroughput(record, part, metrics);
  return metrics;
}

const Metric* FindMetric(const std::vector<Metric>& metrics, std::string_view name) {
  const std::string wanted(name);
  for (const Metric& metric : metrics) {
    if (metric.name == wanted || metric.name == absl::StrCat("response_", wanted, "_ns") ||
        metric.name == absl::StrCat(wanted, "_ns") || metric.name == absl::StrCat(wanted, "_bytes")) {
      return &metric;
    }
  }
  return nullptr;
}

std::vector<std::string> InvalidReasons(const RunRecord& record) {
  std::vector<std::string> reasons;
  for (const Gate& gate : record.gates()) {
    if (!gate.passed()) reasons.push_back(absl::StrCat(gate.name(), ": ", gate.finding()));
  }
  if (!reasons.empty()) return reasons;
  // A record whose gates overlooked it.
  if (record.interrupted()) reasons.push_back("the run was interrupted");
  if (!record.books().balanced()) reasons.push_back(absl::StrCat("books: ", record.books().imbalance()));
  return reasons;
}

}  // namespace routebench::record
