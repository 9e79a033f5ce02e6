#include "loadgen/options_receiving.h"

#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "events/balancing.h"
#include "loadgen/workload/quantities.h"

namespace routebench::loadgen {
namespace {

constexpr uint64_t kDefaultRequestTimeout = 1'000'000'000;
constexpr uint64_t kDefaultRetryBackoff = 1'000'000;
constexpr uint32_t kMostRules = 4'000;  // a router takes 4096

std::vector<std::string> BalancerNames() {
  std::vector<std::string> names;
  for (size_t i = 0; i < kBalancingCount; ++i) names.emplace_back(Name(static_cast<Balancing>(i)));
  return names;
}

void SetSubscription(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  reader.OneOf("--policy", options.policy, {"block", "reject", "drop-oldest", "drop-newest"});
  reader.OneOf("--order", options.order, {"fifo", "priority"});
  reader.Require(options.capacity >= 1 && options.capacity <= 10'000'000, "--capacity: 1 to 10000000");
  reader.Require(options.concurrency.value_or(1) >= 1 && options.concurrency.value_or(1) <= 1024,
                 "--concurrency: 1 to 1024");
  record::SubscriptionPlan& subscription = *plan.mutable_subscription();
  subscription.set_capacity(options.capacity);
  subscription.set_full_policy(options.policy);
  subscription.set_block_deadline_ns(reader.Duration("--block-deadline", options.block_deadline, 0));
  subscription.set_order(options.order);
  subscription.set_concurrency(options.concurrency.value_or(1));
  plan.set_max_concurrent(options.concurrency.value_or(0));
}

void SetFailing(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  record::SubscriptionPlan& subscription = *plan.mutable_subscription();
  if (options.retry.has_value()) {
    reader.Require(*options.retry >= 2 && *options.retry <= 255, "--retry: 2 to 255 attempts");
    subscription.set_attempts(*options.retry);
    subscription.set_retry_backoff_ns(
        reader.Duration("--retry-backoff", options.retry_backoff, kDefaultRetryBackoff));
  }
  reader.Require(options.retry.has_value() || !options.retry_backoff.has_value(),
                 "--retry-backoff belongs to --retry");
  subscription.set_delivery_timeout_ns(reader.Duration("--delivery-timeout", options.delivery_timeout, 0));
  reader.Require(!options.delivery_timeout.has_value() || subscription.delivery_timeout_ns() > 0,
                 "--delivery-timeout: above 0");
  if (options.breaker.has_value()) {
    reader.OneOf("--breaker", *options.breaker, {"lenient", "default", "strict"});
    plan.set_breaker(*options.breaker);
  }
}

void SetHandler(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  record::HandlerPlan& handler = *plan.mutable_handler();
  handler.set_time_ns(reader.Duration("--handler-time", options.handler_time, 0));
  if (handler.time_ns() > 0) {
    handler.set_work(options.handler_work.value_or("busy"));
    reader.OneOf("--handler-work", handler.work(), {"busy", "sleep"});
  }
  reader.Require(handler.time_ns() > 0 || !options.handler_work.has_value(),
                 "--handler-work belongs to --handler-time");
  if (options.handler_failures.has_value())
    handler.set_failures(reader.Take("--handler-failures", ParseShare(*options.handler_failures), 0.0));
}

void SetAddressing(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  reader.OneOf("--addressing", options.addressing, {"to-all", "to-targets", "to-group"});
  plan.set_addressing(options.addressing);
  const bool targets = options.addressing == "to-targets";
  const bool group = options.addressing == "to-group";
  reader.Require(targets || !options.targets.has_value(), "--targets belongs to --addressing to-targets");
  reader.Require(options.targets.value_or(1) >= 1 && options.targets.value_or(1) <= 1000,
                 "--targets: 1 to 1000");
  if (targets) plan.set_targets(options.targets.value_or(1));
  reader.Require(group || !options.balancer.has_value(), "--balancer belongs to --addressing to-group");
  reader.Require(options.endpoint.empty() || !options.balancer.has_value(),
                 "--balancer does not go with --endpoint: a running daemon has its own");
  if (group && options.endpoint.empty()) {
    plan.set_balancer(options.balancer.value_or(std::string(Name(Balancing::kRoundRobin))));
    reader.OneOf("--balancer", plan.balancer(), BalancerNames());
  }
  reader.Require(options.weights.empty() || (group && plan.balancer() == Name(Balancing::kWeightedRandom)) ||
                     (group && !options.endpoint.empty()),
                 "--weights belongs to --addressing to-group --balancer weighted-random");
  if (options.weights.empty()) return;
  for (const absl::string_view text : absl::StrSplit(options.weights, ',')) {
    double weight = 0;
    reader.Require(absl::SimpleAtod(text, &weight) && weight > 0 && weight <= 1e6,
                   absl::StrCat("--weights: '", text, "' is not a number above 0 and up to 1000000"));
    plan.add_weights(weight);
  }
  reader.Require(plan.weights_size() <= 10'000, "--weights: at most 10000 of them");
}

void SetPromises(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  reader.OneOf("--delivery", options.delivery, {"at-most-once", "at-least-once"});
  plan.set_delivery(options.delivery);
  reader.OneOf("--exchange", options.exchange, {"one-way", "request"});
  plan.set_exchange(options.exchange);
  const bool request = options.exchange == "request";
  reader.Require(!request || plan.backend() != "null",
                 "--exchange request needs a backend that delivers, not null");
  reader.Require(request || !options.request_timeout.has_value(),
                 "--request-timeout belongs to --exchange request");
  if (request) {
    plan.set_request_timeout_ns(
        reader.Duration("--request-timeout", options.request_timeout, kDefaultRequestTimeout));
    reader.Require(plan.request_timeout_ns() > 0, "--request-timeout: above 0");
  }
  plan.set_expire_after_ns(reader.Duration("--expire-after", options.expire_after, 0));
  reader.Require(!options.expire_after.has_value() || plan.expire_after_ns() > 0, "--expire-after: above 0");
}

}  // namespace

void SetReceiving(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  SetSubscription(options, reader, plan);
  SetFailing(options, reader, plan);
  SetHandler(options, reader, plan);
  SetAddressing(options, reader, plan);
  SetPromises(options, reader, plan);
}

void SetRules(const RunOptions& options, uint32_t by_level, FlagReader& reader, record::RunPlan& plan) {
  const bool targets = options.addressing == "to-targets";
  reader.Require(
      !targets || options.rules.value_or(0) == 0,
      "--rules does not go with --addressing to-targets: an event that names its targets asks none");
  reader.Require(options.rules.value_or(0) <= kMostRules, absl::StrCat("--rules: at most ", kMostRules));
  plan.set_rules(targets ? 0 : options.rules.value_or(by_level));
}

void AddReceivingFlags(CLI::App& app, RunOptions& o) {
  const auto flag = [&app](const char* group, const char* name, auto& value, const char* help) {
    app.add_option(name, value, help)->group(group);
  };
  const char* who = "Who receives";
  flag(who, "--addressing", o.addressing,
       "to-all, to-targets or to-group: one of those that want it [to-all]");
  flag(who, "--targets", o.targets, "to-targets: services that each event names [1]");
  flag(who, "--balancer", o.balancer,
       "to-group: round-robin, least-connections, weighted-random, health-based or priority-based "
       "[round-robin]");
  flag(who, "--weights", o.weights, "weighted-random: 1,2,4 in rotation over the services [all 1]");
  flag(who, "--rules", o.rules, "routing rules that lead where the subscriptions lead [by level, else 0]");

  const char* receive = "Receiving";
  flag(receive, "--policy", o.policy, "of a full queue: block, reject, drop-oldest or drop-newest [block]");
  flag(receive, "--capacity", o.capacity, "events that may wait for each service [4096]");
  flag(receive, "--block-deadline", o.block_deadline, "policy block: then the event is dropped [30s]");
  flag(receive, "--order", o.order, "fifo or priority [fifo]");
  flag(receive, "--concurrency", o.concurrency,
       "events in the handlers of one service at once; makes it a limit that is enforced [1, no limit]");
  flag(receive, "--handler-threads", o.handler_threads, "[2]");
  flag(receive, "--delivery", o.delivery, "at-most-once or at-least-once [at-most-once]");
  flag(receive, "--delivery-timeout", o.delivery_timeout, "a handler that takes longer has failed [none]");
  flag(receive, "--expire-after", o.expire_after, "events live so long [for ever]");

  const char* handler = "Handlers";
  flag(handler, "--handler-time", o.handler_time, "what each event takes, after its arrival was noted [0s]");
  flag(handler, "--handler-work", o.handler_work,
       "how it is spent: busy uses a processor, sleep blocks the thread [busy]");
  flag(handler, "--handler-failures", o.handler_failures,
       "share of the events that fail, for instance 1% [0%]");
  flag(handler, "--retry", o.retry, "attempts of what fails, then it is a dead letter [failing is final]");
  flag(handler, "--retry-backoff", o.retry_backoff, "before the second attempt; doubles [1ms]");
  flag(handler, "--breaker", o.breaker, "circuit breakers: lenient, default or strict [none]");
  flag(handler, "--exchange", o.exchange, "one-way, or request: each event is answered [one-way]");
  flag(handler, "--request-timeout", o.request_timeout, "request: no answer until then is none [1s]");
}

}  // namespace routebench::loadgen
