#include "analysis/record/summary.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "analysis/record/clients.h"
#include "analysis/record/format.h"
#include "analysis/record/metrics.h"
#include "analysis/record/stages.h"

namespace routebench::record {
namespace {

std::string PayloadOf(const RunPlan& plan) {
  const std::string most = FormatBytes(static_cast<double>(plan.payload_max_bytes()));
  if (plan.payload_min_bytes() == plan.payload_max_bytes()) return most;
  return absl::StrCat(FormatBytes(static_cast<double>(plan.payload_min_bytes())), " to ", most);
}

std::string Heading(const RunPlan& plan) {
  std::string text = absl::StrCat(plan.backend(), ", ", plan.trace().empty() ? plan.pattern() : plan.trace());
  if (!plan.level().empty()) absl::StrAppend(&text, " (", plan.level(), ")");
  if (plan.loop() == "closed") {
    absl::StrAppend(&text, ": closed loop, ", plan.outstanding(), " outstanding");
  } else {
    absl::StrAppend(&text, ": ", FormatValue(plan.rate_per_s(), Unit::kPerSecond), ", ", plan.arrivals(),
                    " arrivals");
  }
  absl::StrAppend(&text, " for ", FormatNanos(static_cast<double>(plan.duration_ns())), "\n");
  return text;
}

void AddLine(std::string& text, const char* name, const std::string& content) {
  absl::StrAppendFormat(&text, "  %-10s %s\n", name, content);
}

std::string Labelled(const std::vector<Metric>& metrics, const char* name, const char* label) {
  return absl::StrCat(label, " ", FormatMetric(*FindMetric(metrics, name)));
}

// "12 dropped_queue_full, 3 expired": every count but the one that means success.
std::string Losses(const google::protobuf::RepeatedPtrField<NamedCount>& counts, const char* success) {
  std::vector<std::string> losses;
  for (const NamedCount& count : counts) {
    if (count.count() > 0 && count.name() != success) {
      losses.push_back(absl::StrCat(FormatCount(count.count()), " ", count.name()));
    }
  }
  return absl::StrJoin(losses, ", ");
}

void AddLoad(const RunPlan& plan, std::string& text) {
  AddLine(text, "load",
          absl::StrCat("payload ", PayloadOf(plan), ", ", plan.publishers(), " publishing, ",
                       plan.services_size(), " receiving, ", absl::StrFormat("%.2f", plan.fan_out()),
                       " deliveries an event, seed ", plan.seed()));
}

// What the run asks for beyond plain subscriptions, if anything.
void AddAsked(const RunPlan& plan, std::string& text) {
  std::vector<std::string> asked;
  const auto nanos = [](uint64_t value) { return FormatNanos(static_cast<double>(value)); };
  if (!plan.addressing().empty() && plan.addressing() != "to-all")
    asked.push_back(absl::StrCat(plan.addressing(), plan.balancer().empty() ? "" : ", ", plan.balancer()));
  if (plan.rules() > 0) asked.push_back(absl::StrCat(plan.rules(), " rules"));
  if (plan.max_concurrent() > 0) asked.push_back(absl::StrCat("concurrency ", plan.max_concurrent()));
  if (plan.delivery() == "at-least-once") asked.push_back(plan.delivery());
  if (plan.exchange() == "request")
    asked.push_back(absl::StrCat("requests, ", nanos(plan.request_timeout_ns()), " for an answer"));
  if (plan.handler().time_ns() > 0)
    asked.push_back(
        absl::StrCat("handlers ", plan.handler().work(), " for ", nanos(plan.handler().time_ns())));
  if (plan.handler().failures() > 0)
    asked.push_back(absl::StrFormat("%g %% of the events fail", plan.handler().failures() * 100));
  if (plan.subscription().attempts() > 0)
    asked.push_back(absl::StrCat(plan.subscription().attempts(), " attempts"));
  if (plan.subscription().delivery_timeout_ns() > 0)
    asked.push_back(absl::StrCat("delivery timeout ", nanos(plan.subscription().delivery_timeout_ns())));
  if (plan.expire_after_ns() > 0)
    asked.push_back(absl::StrCat("expiry after ", nanos(plan.expire_after_ns())));
  if (!plan.breaker().empty()) asked.push_back(absl::StrCat("breakers ", plan.breaker()));
  if (!asked.empty()) AddLine(text, "asked", absl::StrJoin(asked, "; "));
}

void AddFailing(const BooksRecord& books, std::string& text) {
  if (books.probe_retries() > 0 || books.probe_dead_lettered() > 0) {
    AddLine(text, "retries",
            absl::StrCat(FormatCount(books.probe_handed()), " times handed, ",
                         FormatCount(books.probe_retries()), " of them again, ",
                         FormatCount(books.probe_dead_lettered()), " dead letters (warm-up included)"));
  }
  if (books.probe_late() > 0)
    AddLine(text, "late",
            absl::StrCat(FormatCount(books.probe_late()), " answered after the delivery timeout"));
  if (books.breaker_openings() > 0)
    AddLine(text, "breakers", absl::StrCat("opened ", FormatCount(books.breaker_openings()), " times"));
}

void AddExchange(const RunRecord& record, const std::vector<Metric>& metrics, std::string& text) {
  if (record.plan().exchange() != "request") return;
  const MeasuredPart part = MeasuredPartOf(record);
  AddLine(text, "answers",
          absl::StrCat(FormatCount(part.answered), " of ", FormatCount(part.offered), " requests, ",
                       FormatCount(part.request_timeouts), " timeouts, ", FormatCount(part.request_errors),
                       " errors"));
  AddLine(text, "round trip",
          absl::StrJoin(
              {Labelled(metrics, "round_trip_p50", "p50"), Labelled(metrics, "round_trip_p90", "p90"),
               Labelled(metrics, "round_trip_p99", "p99"), Labelled(metrics, "round_trip_p999", "p99.9"),
               Labelled(metrics, "round_trip_max", "max")},
              "   "));
}

void AddEvents(const RunRecord& record, const std::vector<Metric>& metrics, std::string& text) {
  const MeasuredPart part = MeasuredPartOf(record);
  AddLine(text, "events",
          absl::StrCat("offered ", FormatCount(part.offered), ", delivered ", FormatCount(part.delivered),
                       " of ", FormatCount(part.expected), " (", Labelled(metrics, "delivered_per_s", "rate"),
                       "), lost ", FormatCount(part.missing())));
  const std::string refused = Losses(record.books().answers(), "accepted");
  if (!refused.empty()) AddLine(text, "refused", absl::StrCat(refused, " (warm-up included)"));
  const std::string lost = Losses(record.books().outcomes(), "delivered");
  if (!lost.empty()) AddLine(text, "lost", absl::StrCat(lost, " (warm-up included)"));
  if (record.books().probe_out_of_order() > 0 || record.books().probe_duplicates() > 0) {
    AddLine(text, "sequence",
            absl::StrCat(FormatCount(record.books().probe_out_of_order()), " out of order, ",
                         FormatCount(record.books().probe_duplicates()), " duplicates"));
  }
}

void AddLatency(const std::vector<Metric>& metrics, std::string& text) {
  AddLine(text, "response",
          absl::StrJoin({Labelled(metrics, "p50", "p50"), Labelled(metrics, "p90", "p90"),
                         Labelled(metrics, "p95", "p95"), Labelled(metrics, "p99", "p99"),
                         Labelled(metrics, "p999", "p99.9"), Labelled(metrics, "max", "max")},
                        "   "));
  AddLine(text, "", Labelled(metrics, "jitter", "jitter (p99 - p50)"));
  AddLine(text, "service", Labelled(metrics, "service_p99", "p99"));
  AddLine(text, "generator",
          absl::StrCat(Labelled(metrics, "self_lag_p99", "self-lag p99"), "   ",
                       Labelled(metrics, "blocked_p99", "blocked in Publish p99")));
}

void AddCosts(const RunRecord& record, const std::vector<Metric>& metrics, std::string& text) {
  AddLine(text, "per event",
          absl::StrJoin({Labelled(metrics, "cpu_per_event", "CPU"),
                         Labelled(metrics, "switches_per_event", "context switches"),
                         Labelled(metrics, "run_queue_wait_per_event", "run-queue delay"),
                         Labelled(metrics, "wire_bytes_per_event", "wire")},
                        "   "));
  for (const ProcessUsage& process : record.processes()) {
    const auto known = [](bool is, const std::string& value) {
      return is ? value : std::string("not known");
    };
    AddLine(text, process.role() == "publisher+receiver" ? "process" : process.role().c_str(),
            absl::StrCat(
                "CPU ",
                known(process.has_cpu_user_ns() && process.has_cpu_system_ns(),
                      absl::StrCat(FormatNanos(static_cast<double>(process.cpu_user_ns())), " user + ",
                                   FormatNanos(static_cast<double>(process.cpu_system_ns())), " system")),
                "   PSS ",
                known(process.has_proportional_bytes(),
                      FormatBytes(static_cast<double>(process.proportional_bytes()))),
                "   peak ",
                known(process.has_peak_resident_bytes(),
                      FormatBytes(static_cast<double>(process.peak_resident_bytes())))));
  }
}

std::string BandText(const StageBand& band, size_t stage) {
  if (!band.known()) return "too few";
  return absl::StrFormat("%s (%.1f %%)", FormatNanos(band.mean_ns[stage]), band.share(stage) * 100);
}

void AddStages(const RunRecord& record, std::string& text) {
  const StageTable table = TabulateStages({&record});
  if (table.empty()) return;
  AddLine(text, "stages", SamplingText(table));
  const auto add_row = [&](const std::string& until, const std::string& middle, const std::string& tail) {
    AddLine(text, "", absl::StrFormat("%-9s %18s %18s", until, middle, tail));
  };
  add_row("until", "around p50", "around p99");
  for (size_t i = 0; i < table.stages.size(); ++i) {
    add_row(table.stages[i], BandText(table.bands[0], i), BandText(table.bands[1], i));
  }
  add_row("samples", FormatCount(table.bands[0].samples), FormatCount(table.bands[1].samples));
}

}  // namespace

std::string RenderSummary(const RunRecord& record) {
  const std::vector<Metric> metrics = MetricsOf(record);
  std::string text = Heading(record.plan());
  AddLoad(record.plan(), text);
  AddAsked(record.plan(), text);
  if (const std::string injected = InjectionText(record.plan()); !injected.empty())
    AddLine(text, "CAUTION", absl::StrCat("not a real run. ", injected));
  AddEvents(record, metrics, text);
  AddFailing(record.books(), text);
  AddExchange(record, metrics, text);
  AddLatency(metrics, text);
  AddStages(record, text);
  for (const auto& [heading, line] : ClientLines(record)) AddLine(text, heading.c_str(), line);
  AddCosts(record, metrics, text);
  const std::vector<std::string> reasons = InvalidReasons(record);
  if (reasons.empty()) {
    AddLine(text, "validity", absl::StrCat("valid, ", record.gates_size(), " gates passed"));
  }
  for (const std::string& reason : reasons) AddLine(text, "INVALID", reason);
  return text;
}

}  // namespace routebench::record
