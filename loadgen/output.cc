#include "loadgen/output.h"

#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "analysis/record/json.h"
#include "analysis/record/stages.h"
#include "analysis/record/summary.h"
#include "loadgen/workload/quantities.h"

namespace routebench::loadgen {
namespace {

uint64_t ExpectedDeliveries(const record::RunPlan& plan) {
  return static_cast<uint64_t>(plan.fan_out() * static_cast<double>(plan.events()) + 0.5);
}

std::string SizesOf(const record::RunPlan& plan) {
  const std::string min = FormatSize(static_cast<double>(plan.payload_min_bytes()));
  if (plan.payload_min_bytes() == plan.payload_max_bytes()) return min;
  return absl::StrCat(min, " to ", FormatSize(static_cast<double>(plan.payload_max_bytes())));
}

std::string HashText(const Schedule& schedule) { return absl::StrFormat("%016x", schedule.hash); }

std::string Nanos(uint64_t nanos) { return FormatDuration(static_cast<double>(nanos)); }

std::string AddressingText(const record::RunPlan& plan) {
  if (plan.addressing() == "to-targets") return absl::StrCat("to ", plan.targets(), " named targets");
  if (plan.addressing() != "to-group") return plan.addressing();
  return absl::StrCat("to-group, ", plan.balancer().empty() ? "as the daemon balances" : plan.balancer(),
                      plan.weights().empty() ? "" : ", weights ", absl::StrJoin(plan.weights(), ","));
}

std::string ExchangeText(const record::RunPlan& plan) {
  if (plan.exchange() != "request") return plan.exchange();
  return absl::StrCat("requests, ", Nanos(plan.request_timeout_ns()), " for an answer");
}

std::string HandlersText(const record::RunPlan& plan) {
  const record::SubscriptionPlan& subscription = plan.subscription();
  std::string text = absl::StrFormat("%g %% fail", plan.handler().failures() * 100);
  if (plan.handler().time_ns() > 0)
    absl::StrAppend(&text, ", ", plan.handler().work(), " for ", Nanos(plan.handler().time_ns()));
  if (subscription.attempts() > 0) {
    absl::StrAppend(&text, ", ", subscription.attempts(), " attempts, the second after ",
                    Nanos(subscription.retry_backoff_ns()));
  }
  if (subscription.delivery_timeout_ns() > 0)
    absl::StrAppend(&text, ", timeout ", Nanos(subscription.delivery_timeout_ns()));
  if (plan.max_concurrent() > 0) absl::StrAppend(&text, ", ", plan.max_concurrent(), " at once");
  if (!plan.breaker().empty()) absl::StrAppend(&text, ", breakers ", plan.breaker());
  if (plan.expire_after_ns() > 0)
    absl::StrAppend(&text, ", events expire after ", Nanos(plan.expire_after_ns()));
  return text;
}

std::string StagesText(const record::RunPlan& plan) {
  const std::string injected = record::InjectionText(plan);
  return absl::StrCat(
      plan.stage_sampling() == 0 ? "of no event" : absl::StrCat("of 1 in ", plan.stage_sampling(), " events"),
      injected.empty() ? "" : "; ", injected);
}

void PrintPlanAsJson(const record::RunPlan& plan, const Schedule& schedule, std::ostream& out) {
  nlohmann::ordered_json json = {{"schema", "routebench.plan.v1"},
                                 {"backend", plan.backend()},
                                 {"pattern", plan.pattern()},
                                 {"arrivals", plan.arrivals()},
                                 {"loop", plan.loop()},
                                 {"rate_per_s", plan.rate_per_s()},
                                 {"warmup_ns", plan.warmup_ns()},
                                 {"duration_ns", plan.duration_ns()},
                                 {"events", plan.events()},
                                 {"expected_deliveries", ExpectedDeliveries(plan)},
                                 {"fan_out", plan.fan_out()},
                                 {"payload_min_bytes", plan.payload_min_bytes()},
                                 {"payload_max_bytes", plan.payload_max_bytes()},
                                 {"publishers", plan.publishers()},
                                 {"services", plan.services_size()},
                                 {"capacity", plan.subscription().capacity()},
                                 {"full_policy", plan.subscription().full_policy()},
                                 {"seed", plan.seed()},
                                 {"addressing", plan.addressing()},
                                 {"targets", plan.targets()},
                                 {"balancer", plan.balancer()},
                                 {"weights", absl::StrJoin(plan.weights(), ",")},
                                 {"max_concurrent", plan.max_concurrent()},
                                 {"rules", plan.rules()},
                                 {"delivery", plan.delivery()},
                                 {"exchange", plan.exchange()},
                                 {"request_timeout_ns", plan.request_timeout_ns()},
                                 {"handler_time_ns", plan.handler().time_ns()},
                                 {"handler_work", plan.handler().work()},
                                 {"handler_failures_share", plan.handler().failures()},
                                 {"attempts", plan.subscription().attempts()},
                                 {"retry_backoff_ns", plan.subscription().retry_backoff_ns()},
                                 {"delivery_timeout_ns", plan.subscription().delivery_timeout_ns()},
                                 {"expire_after_ns", plan.expire_after_ns()},
                                 {"breaker", plan.breaker()},
                                 {"stage_sampling", plan.stage_sampling()},
                                 {"injected", record::InjectionText(plan)},
                                 {"schedule_hash", HashText(schedule)}};
  out << json.dump(2) << "\n";
}

}  // namespace

ProgressLine::ProgressLine(std::ostream& err, bool quiet)
    : err_(err), visible_(!quiet && isatty(STDERR_FILENO) == 1) {}

void ProgressLine::Show(Duration elapsed, Duration total, uint64_t sent, uint64_t events) {
  if (!visible_) return;
  const Duration left = std::max(Duration::zero(), total - std::max(elapsed, Duration::zero()));
  err_ << absl::StrFormat("\r\033[K%d of %d events sent, %.0f s left", sent, events,
                          std::chrono::duration<double>(left).count())
       << std::flush;
  shown_ = true;
}

void ProgressLine::Clear() {
  if (shown_) err_ << "\r\033[K" << std::flush;
  shown_ = false;
}

void PrintRun(const record::RunRecord& record, bool json, std::ostream& out) {
  out << (json ? record::RunToJson(record) : record::RenderSummary(record)) << std::flush;
}

void PrintPlan(const record::RunPlan& plan, const Schedule& schedule, bool json, std::ostream& out) {
  if (json) return PrintPlanAsJson(plan, schedule, out);
  const record::SubscriptionPlan& subscription = plan.subscription();
  out << absl::StrFormat("backend     %s\n", plan.backend())
      << absl::StrFormat("pattern     %s, %s arrivals, %s loop, seed %d\n", plan.pattern(), plan.arrivals(),
                         plan.loop(), plan.seed())
      << absl::StrFormat("load        %s for %s after %s of warm-up: %d events by %d publisher%s\n",
                         FormatRate(plan.rate_per_s()),
                         FormatDuration(static_cast<double>(plan.duration_ns())),
                         FormatDuration(static_cast<double>(plan.warmup_ns())), plan.events(),
                         plan.publishers(), plan.publishers() == 1 ? "" : "s")
      << absl::StrFormat("body        %s, encoded\n", SizesOf(plan))
      << absl::StrFormat("deliveries  %d expected, fan-out %.2f\n", ExpectedDeliveries(plan), plan.fan_out())
      << absl::StrFormat("queues      %d events each, %s when full, %s order\n", subscription.capacity(),
                         subscription.full_policy(), subscription.order())
      << absl::StrFormat("addressing  %s, %d rules\n", AddressingText(plan), plan.rules())
      << absl::StrFormat("delivery    %s, %s\n", plan.delivery(), ExchangeText(plan))
      << absl::StrFormat("handlers    %s\n", HandlersText(plan))
      << absl::StrFormat("stages      %s\n", StagesText(plan))
      << absl::StrFormat("schedule    hash %s\n", HashText(schedule));
  for (const record::ShareOfKind& share : plan.mix()) {
    out << absl::StrFormat("mix         %-10s %5.1f %%\n", share.category(), share.percent());
  }
  constexpr int kShown = 12;
  for (int i = 0; i < std::min(plan.services_size(), kShown); ++i) {
    out << absl::StrFormat("service     %s takes %s\n", plan.services(i).id(),
                           absl::StrJoin(plan.services(i).categories(), ", "));
  }
  if (plan.services_size() > kShown)
    out << absl::StrFormat("            and %d more\n", plan.services_size() - kShown);
}

}  // namespace routebench::loadgen
