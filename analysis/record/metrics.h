// The figures of one run, by name: the one place where a record becomes numbers. Comparison, report, JSON and
// summary all read them here.
#ifndef ROUTEBENCH_ANALYSIS_RECORD_METRICS_H_
#define ROUTEBENCH_ANALYSIS_RECORD_METRICS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/record/histogram.h"
#include "record.pb.h"

namespace routebench::record {

enum class Better { kLower, kHigher };
enum class Unit { kNanos, kBytes, kPerSecond, kCount, kShare };

// An *event* in "per event" is one delivered to all its receivers: delivered * offered / expected. A backend
// that drops half of its work does not halve its cost per event.
struct Metric {
  std::string name;   // stable, with the unit: response_p99_ns
  std::string label;  // for people: response p99
  Unit unit = Unit::kNanos;
  Better better = Better::kLower;
  std::optional<double> value;
  std::string absence;         // why there is no value, when there is none
  bool not_delivered = false;  // absent because that quantile lies among the missing: slower than any value
  std::optional<uint64_t> beyond;  // quantiles: recorded or missing deliveries beyond it
};

// The measured part (everything but the phase "warmup"), all phases and categories merged, or one category.
// The record has passed CheckRunRecord.
struct MeasuredPart {
  uint64_t offered = 0;
  uint64_t expected = 0;
  uint64_t delivered = 0;
  Histogram response;    // due time to handler
  Histogram service;     // actual send to handler
  Histogram self_lag;    // the generator's own lateness
  Histogram blocked;     // inside Publish
  Histogram round_trip;  // of requests: due time to answer
  uint64_t answered = 0;
  uint64_t request_timeouts = 0;
  uint64_t request_errors = 0;

  uint64_t missing() const { return expected - delivered; }
  // Events in the sense of Metric. Nothing where nothing was delivered.
  std::optional<double> events() const;
};
MeasuredPart MeasuredPartOf(const RunRecord& record, std::string_view category = {});
// Categories with an offered event in the measured part, in the record's order.
std::vector<std::string> CategoriesOf(const RunRecord& record);

// Equal plans have the same metrics in the same order: response_{p50,p90,p95,p99,p999,max}_ns,
// response_jitter_ns (p99 - p50), service_p99_ns, self_lag_p99_ns, blocked_p99_ns, of requests
// round_trip_{p50,p90,p99,p999,max}_ns and unanswered_share, delivered_per_s, loss_share,
// cpu_per_event_ns (all processes), pss_bytes (all processes), switches_per_event,
// run_queue_wait_per_event_ns, blocked_per_event_ns, wire_bytes_per_event.
std::vector<Metric> MetricsOf(const RunRecord& record);
// The same for one category, up to and with loss_share: costs are not known by category.
std::vector<Metric> MetricsOf(const RunRecord& record, std::string_view category);

// By name, or by the short form a plan uses ("p99" for response_p99_ns). Null where there is none.
const Metric* FindMetric(const std::vector<Metric>& metrics, std::string_view name);

// Why the run must not be used: its failed gates and books, one sentence each. Empty: valid.
std::vector<std::string> InvalidReasons(const RunRecord& record);

}  // namespace routebench::record

#endif  // ROUTEBENCH_ANALYSIS_RECORD_METRICS_H_
