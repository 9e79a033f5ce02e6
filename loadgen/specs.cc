#include "loadgen/specs.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "events/balancing.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

FullPolicy PolicyOf(const std::string& name) {
  if (name == "reject") return FullPolicy::kReject;
  if (name == "drop-oldest") return FullPolicy::kDropOldest;
  if (name == "drop-newest") return FullPolicy::kDropNewest;
  return FullPolicy::kBlock;
}

std::optional<CircuitBreakerOptions> BreakerOf(const std::string& name) {
  if (name == "lenient") return CircuitBreakerOptions::Lenient();
  if (name == "default") return CircuitBreakerOptions::Default();
  if (name == "strict") return CircuitBreakerOptions::Strict();
  return std::nullopt;
}

Duration NanosOf(uint64_t nanos) { return Duration(static_cast<int64_t>(nanos)); }

}  // namespace

RouterOptions RouterOptionsOf(const record::RunPlan& plan) {
  RouterOptions options;
  options.handler_threads = plan.handler_threads();
  options.stage_sampling = plan.stage_sampling();
  options.wait = ParseWaitPolicy(plan.wait_policy()).value_or(options.wait);
  options.routing.balancing = ParseBalancing(plan.balancer()).value_or(options.routing.balancing);
  return options;
}

Guarantee GuaranteeOf(const record::RunPlan& plan) {
  return plan.delivery() == "at-least-once" ? Guarantee::kAtLeastOnce : Guarantee::kAtMostOnce;
}

QueueOrder OrderOf(const record::RunPlan& plan) {
  return plan.subscription().order() == "priority" ? QueueOrder::kPriority : QueueOrder::kFifo;
}

ServiceSpec ServiceSpecOf(const record::RunPlan& plan, size_t index) {
  ServiceSpec spec;
  spec.id = plan.services(static_cast<int>(index)).id();
  spec.type = "probe";
  spec.instance = "1";
  spec.max_concurrent = plan.max_concurrent();
  spec.priority = static_cast<int32_t>(index);
  spec.weight = WeightOf(plan, index);
  spec.breaker = BreakerOf(plan.breaker());
  return spec;
}

SubscriptionSpec SubscriptionSpecOf(const record::RunPlan& plan, size_t index, const std::string& run_id) {
  const record::ServicePlan& service = plan.services(static_cast<int>(index));
  const record::SubscriptionPlan& subscription = plan.subscription();
  SubscriptionSpec spec;
  spec.service = service.id();
  spec.filters = {{.kinds = KindsOf(service)}};
  spec.capacity = subscription.capacity();
  spec.full_policy = PolicyOf(subscription.full_policy());
  spec.block_deadline = NanosOf(subscription.block_deadline_ns());
  spec.order = OrderOf(plan);
  spec.concurrency = subscription.concurrency();
  spec.guarantee = GuaranteeOf(plan);
  if (spec.guarantee == Guarantee::kAtLeastOnce)
    spec.name = absl::StrCat("loadgen-", run_id, "-", service.id());
  spec.delivery_timeout = NanosOf(subscription.delivery_timeout_ns());
  if (subscription.attempts() > 0) {
    BackoffOptions backoff;
    backoff.initial = NanosOf(subscription.retry_backoff_ns());
    backoff.maximum = std::max(backoff.maximum, backoff.initial);
    spec.retry = backoff;
  }
  return spec;
}

}  // namespace routebench::loadgen
