#include "analysis/diagnosis/first_reading.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace routebench::diagnosis {
namespace {

using record::Metric;
using record::MetricsOf;
using record::RunRecord;
using record::Unit;
using Runs = std::vector<const RunRecord*>;
using Measure = std::function<std::optional<double>(const RunRecord&, const std::vector<Metric>&)>;

struct Resource {
  const char* name;
  Unit unit;
  Measure measure;
};

// CPU per event of the daemon, or of all other processes.
std::optional<double> CpuPerEvent(const RunRecord& record, bool of_daemon) {
  const std::optional<double> events = record::MeasuredPartOf(record).events();
  if (!events || record.processes().empty()) return std::nullopt;
  double cpu = 0;
  for (const record::ProcessUsage& process : record.processes()) {
    if ((process.role() == "daemon") != of_daemon) continue;
    if (!process.has_cpu_user_ns() || !process.has_cpu_system_ns()) return std::nullopt;
    cpu += static_cast<double>(process.cpu_user_ns() + process.cpu_system_ns());
  }
  return cpu / *events;
}

Measure MetricNamed(const char* name) {
  return [name](const RunRecord&, const std::vector<Metric>& metrics) {
    return record::FindMetric(metrics, name)->value;
  };
}

std::vector<Resource> Resources() {
  return {
      {"CPU of the application's processes", Unit::kNanos,
       [](const RunRecord& run, const std::vector<Metric>&) { return CpuPerEvent(run, false); }},
      {"CPU of the daemon", Unit::kNanos,
       [](const RunRecord& run, const std::vector<Metric>&) { return CpuPerEvent(run, true); }},
      {"run-queue delay", Unit::kNanos, MetricNamed("run_queue_wait_per_event_ns")},
      {"blocked in Publish", Unit::kNanos, MetricNamed("blocked_per_event_ns")},
      {"context switches", Unit::kCount, MetricNamed("switches_per_event")},
      {"bytes on the wire", Unit::kBytes,
       [](const RunRecord& run, const std::vector<Metric>& metrics) {
         const auto value = record::FindMetric(metrics, "wire_bytes_per_event")->value;
         return run.has_wire() ? value : std::optional(0.0);
       }},
      {"losses", Unit::kShare, MetricNamed("loss_share")},
  };
}

// Nothing where a run does not know it.
std::optional<double> Median(const Runs& runs, const std::vector<std::vector<Metric>>& metrics,
                             const Measure& measure) {
  std::vector<double> values;
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::optional<double> value = measure(*runs[i], metrics[i]);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

std::vector<std::vector<Metric>> MetricsOfAll(const Runs& runs) {
  std::vector<std::vector<Metric>> metrics;
  for (const RunRecord* run : runs) metrics.push_back(MetricsOf(*run));
  return metrics;
}

std::optional<ResourceChange> Largest(const std::vector<ResourceChange>& changes) {
  double spent = 0;
  double changed = 0;
  const ResourceChange* largest = nullptr;
  for (const ResourceChange& change : changes) {
    if (change.unit != Unit::kNanos) continue;
    const double size = std::abs(change.b - change.a);
    spent += change.a;
    changed += size;
    if (largest == nullptr || size > std::abs(largest->b - largest->a)) largest = &change;
  }
  if (largest == nullptr) return std::nullopt;
  const double size = std::abs(largest->b - largest->a);
  if (size <= changed / 2 || size < 0.1 * spent) return std::nullopt;
  return *largest;
}

}  // namespace

Reading ReadFirst(const Runs& a, const Runs& b) {
  const auto metrics_a = MetricsOfAll(a);
  const auto metrics_b = MetricsOfAll(b);
  Reading reading;
  for (const Resource& resource : Resources()) {
    const auto in_a = Median(a, metrics_a, resource.measure);
    const auto in_b = Median(b, metrics_b, resource.measure);
    if (in_a && in_b) reading.changes.push_back({resource.name, resource.unit, *in_a, *in_b});
  }
  reading.largest = Largest(reading.changes);
  return reading;
}

}  // namespace routebench::diagnosis
