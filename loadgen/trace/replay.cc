#include "loadgen/trace/replay.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace routebench::loadgen {
namespace {

constexpr double kMaxSeconds = 24 * 3600;

// Equal attributes become one object, as a publisher would share them; see events/event.h.
class Sharing {
 public:
  void Share(Event& event) {
    for (const auto& known : known_) {
      if (*known == *event.attributes) {
        event.attributes = known;
        return;
      }
    }
    if (known_.size() < kMost) known_.push_back(event.attributes);
  }

 private:
  // A trace of few sources has few different attributes; with many there is little to share.
  static constexpr size_t kMost = 64;
  std::vector<std::shared_ptr<const Attributes>> known_;
};

void SetMix(const Trace& trace, record::RunPlan& plan) {
  std::array<uint64_t, kCategoryCount> counts{};
  for (const TraceEvent& it : trace.events) ++counts[static_cast<size_t>(CategoryOf(it.event.header.kind))];
  plan.clear_mix();
  for (size_t c = 0; c < kCategoryCount; ++c) {
    if (counts[c] == 0) continue;
    record::ShareOfKind& share = *plan.add_mix();
    share.set_category(std::string(Name(static_cast<Category>(c))));
    share.set_percent(100.0 * static_cast<double>(counts[c]) / static_cast<double>(trace.events.size()));
  }
}

void Describe(const Trace& trace, const Schedule& schedule, record::RunPlan& plan) {
  plan.set_pattern("replay");
  plan.set_loop("open");
  plan.set_arrivals("replay");
  plan.clear_shape();
  plan.set_level("");
  plan.set_warmup_ns(0);
  plan.set_duration_ns(static_cast<uint64_t>(schedule.end_ns));
  plan.set_events(schedule.events.size());
  plan.set_rate_per_s(static_cast<double>(schedule.events.size()) * 1e9 /
                      static_cast<double>(schedule.end_ns));
  const auto [smallest, largest] = std::minmax_element(
      schedule.events.begin(), schedule.events.end(),
      [](const PlannedEvent& a, const PlannedEvent& b) { return a.payload_bytes < b.payload_bytes; });
  plan.set_payload_min_bytes(smallest->payload_bytes);
  plan.set_payload_max_bytes(largest->payload_bytes);
  SetMix(trace, plan);
}

}  // namespace

absl::StatusOr<Trace> ReadTrace(const std::string& path) {
  auto reader = TraceReader::Open(path);
  if (!reader.ok()) return reader.status();
  Trace trace;
  Sharing sharing;
  size_t bytes = 0;
  int64_t latest = 0;
  for (;;) {
    auto event = reader->Next();
    if (absl::IsOutOfRange(event.status())) break;
    if (!event.ok()) return event.status();
    bytes += event->event.payload.encoded_size();
    if (trace.events.size() == kMaxTraceEvents || bytes > kMaxTraceBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": line ", reader->line(), ": the trace holds more than ", kMaxTraceEvents,
                       " events or ", kMaxTraceBytes, " bytes of bodies; cut it into parts"));
    }
    if (event->unix_ns < latest && trace.out_of_order++ == 0) trace.first_out_of_order = reader->line();
    latest = std::max(latest, event->unix_ns);
    trace.unknown_types += event->unknown_type ? 1 : 0;
    sharing.Share(event->event);
    trace.events.push_back(*std::move(event));
  }
  if (trace.events.empty())
    return absl::InvalidArgumentError(absl::StrCat(path, ": the trace holds no event"));
  if (trace.out_of_order > 0) {
    std::stable_sort(trace.events.begin(), trace.events.end(),
                     [](const TraceEvent& a, const TraceEvent& b) { return a.unix_ns < b.unix_ns; });
  }
  return trace;
}

absl::StatusOr<Schedule> MakeReplaySchedule(const Trace& trace, record::RunPlan& plan) {
  const int64_t start = trace.events.front().unix_ns;
  const double seconds = static_cast<double>(trace.events.back().unix_ns - start) / 1e9 / plan.speed();
  if (seconds > kMaxSeconds) {
    return absl::InvalidArgumentError(absl::StrCat("the replay would last ", std::round(seconds / 3600),
                                                   " hours; at most 24: raise --speed"));
  }
  Schedule schedule;
  schedule.phases = {"warmup", "measured"};
  schedule.events.reserve(trace.events.size());
  for (size_t i = 0; i < trace.events.size(); ++i) {
    const TraceEvent& traced = trace.events[i];
    PlannedEvent planned;
    planned.due_ns = std::llround(static_cast<double>(traced.unix_ns - start) / plan.speed());
    planned.payload_bytes = static_cast<uint32_t>(traced.event.payload.encoded_size());
    planned.trace_index = static_cast<uint32_t>(i);
    planned.kind = traced.event.header.kind;
    planned.priority = traced.event.header.priority;
    planned.phase = 1;
    planned.publisher = static_cast<uint16_t>(i % plan.publishers());
    schedule.events.push_back(planned);
  }
  // An instant is no duration: the last event has its nanosecond.
  schedule.end_ns = schedule.events.back().due_ns + 1;
  SetHash(schedule);
  Describe(trace, schedule, plan);
  return schedule;
}

std::string RemarksOn(const Trace& trace) {
  std::string remarks;
  if (trace.unknown_types > 0) {
    absl::StrAppend(&remarks, trace.unknown_types, " events of unknown types are sent as custom events\n");
  }
  if (trace.out_of_order > 0) {
    absl::StrAppend(&remarks, trace.out_of_order, " events were out of order (first in line ",
                    trace.first_out_of_order, ") and were sorted by time\n");
  }
  return remarks;
}

}  // namespace routebench::loadgen
