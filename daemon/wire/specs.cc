#include "daemon/wire/specs.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace routebench::wire {
namespace {

absl::Status Unknown(absl::string_view what, uint64_t number) {
  return absl::InvalidArgumentError(absl::StrCat("there is no ", what, " ", number));
}

void Store(const routebench::Books& books, Books* message) {
  message->set_routed(books.routed);
  for (const uint64_t count : books.outcomes) message->add_outcomes(count);
  message->set_in_flight(books.in_flight);
}

void Load(const Books& message, routebench::Books* books) {
  books->routed = message.routed();
  books->in_flight = message.in_flight();
  for (int i = 0; i < message.outcomes_size() && i < static_cast<int>(kOutcomeCount); ++i) {
    books->outcomes[static_cast<size_t>(i)] = message.outcomes(i);
  }
}

void Store(const CircuitBreakerOptions& breaker, Breaker* message) {
  message->set_consecutive_failures(breaker.consecutive_failures);
  message->set_minimum_requests(breaker.minimum_requests);
  message->set_error_rate(breaker.error_rate);
  message->set_window_nanos(breaker.window.count());
  message->set_open_timeout_nanos(breaker.open_timeout.count());
  message->set_successes_to_close(breaker.successes_to_close);
}

void Load(const Breaker& message, CircuitBreakerOptions* breaker) {
  breaker->consecutive_failures = message.consecutive_failures();
  breaker->minimum_requests = message.minimum_requests();
  breaker->error_rate = message.error_rate();
  breaker->window = Duration(message.window_nanos());
  breaker->open_timeout = Duration(message.open_timeout_nanos());
  breaker->successes_to_close = message.successes_to_close();
}

}  // namespace

void Store(const routebench::Filter& filter, Filter* message) {
  message->set_kinds(filter.kinds.bits());
  message->set_priorities(filter.priorities.bits());
  for (const routebench::Source& source : filter.sources) {
    Source* const entry = message->add_sources();
    entry->set_id(source.id);
    entry->set_type(source.type);
    entry->set_instance(source.instance);
  }
  if (filter.max_body_bytes != UINT64_MAX) message->set_max_body_bytes(filter.max_body_bytes);
  for (const auto& [key, value] : filter.metadata) {
    Metadata* const entry = message->add_metadata();
    entry->set_key(key);
    entry->set_value(value);
  }
  message->set_expression(filter.expression);
}

void Load(const Filter& message, routebench::Filter* filter) {
  filter->kinds = KindSet::FromBits(message.kinds());
  filter->priorities = PrioritySet::FromBits(static_cast<uint8_t>(message.priorities()));
  for (const Source& source : message.sources()) {
    filter->sources.push_back({.id = source.id(), .type = source.type(), .instance = source.instance()});
  }
  if (message.has_max_body_bytes()) filter->max_body_bytes = message.max_body_bytes();
  for (const Metadata& entry : message.metadata()) filter->metadata.emplace_back(entry.key(), entry.value());
  filter->expression = message.expression();
}

void Store(const ServiceSpec& spec, Register* message) {
  message->set_id(spec.id);
  message->set_type(spec.type);
  message->set_instance(spec.instance);
  message->set_supports(spec.supports.bits());
  message->set_max_concurrent(spec.max_concurrent);
  message->set_priority(spec.priority);
  message->set_weight(spec.weight);
  if (spec.breaker.has_value()) Store(*spec.breaker, message->mutable_breaker());
  for (const routebench::Filter& filter : spec.filters) Store(filter, message->add_filters());
  for (const auto& [key, value] : spec.metadata) {
    Metadata* const entry = message->add_metadata();
    entry->set_key(key);
    entry->set_value(value);
  }
}

void Load(const Register& message, ServiceSpec* spec) {
  spec->id = message.id();
  spec->type = message.type();
  spec->instance = message.instance();
  spec->supports = KindSet::FromBits(message.supports());
  spec->max_concurrent = message.max_concurrent();
  spec->priority = message.priority();
  if (message.has_weight()) spec->weight = message.weight();
  if (message.has_breaker()) Load(message.breaker(), &spec->breaker.emplace());
  for (const Filter& filter : message.filters()) Load(filter, &spec->filters.emplace_back());
  for (const Metadata& entry : message.metadata()) spec->metadata.emplace_back(entry.key(), entry.value());
}

void Store(const SubscriptionSpec& spec, Subscribe* message) {
  message->set_service(spec.service);
  for (const routebench::Filter& filter : spec.filters) Store(filter, message->add_filters());
  message->set_capacity(spec.capacity);
  message->set_full_policy(static_cast<uint32_t>(spec.full_policy));
  message->set_block_deadline_nanos(spec.block_deadline.count());
  message->set_order(static_cast<uint32_t>(spec.order));
  message->set_concurrency(spec.concurrency);
  if (spec.retry.has_value()) {
    message->mutable_retry()->set_initial_nanos(spec.retry->initial.count());
    message->mutable_retry()->set_multiplier(spec.retry->multiplier);
    message->mutable_retry()->set_maximum_nanos(spec.retry->maximum.count());
    message->mutable_retry()->set_jitter(spec.retry->jitter);
  }
  if (spec.guarantee == Guarantee::kAtMostOnce) return;
  message->set_name(spec.name);
  message->set_lease_nanos(spec.lease.count());
}

absl::Status Load(const Subscribe& message, SubscriptionSpec* spec) {
  if (message.full_policy() > static_cast<uint32_t>(FullPolicy::kDropNewest) ||
      message.order() > static_cast<uint32_t>(QueueOrder::kPriority)) {
    return absl::InvalidArgumentError("unknown policy or order");
  }
  spec->service = message.service();
  for (const Filter& filter : message.filters()) Load(filter, &spec->filters.emplace_back());
  spec->capacity = message.capacity();
  spec->full_policy = static_cast<FullPolicy>(message.full_policy());
  spec->block_deadline = Duration(message.block_deadline_nanos());
  spec->order = static_cast<QueueOrder>(message.order());
  spec->concurrency = message.concurrency();
  if (message.has_retry()) {
    spec->retry = BackoffOptions{.initial = Duration(message.retry().initial_nanos()),
                                 .multiplier = message.retry().multiplier(),
                                 .maximum = Duration(message.retry().maximum_nanos()),
                                 .jitter = message.retry().jitter()};
  }
  if (message.name().empty()) return absl::OkStatus();
  spec->guarantee = Guarantee::kAtLeastOnce;
  spec->name = message.name();
  spec->lease = Duration(message.lease_nanos());
  return absl::OkStatus();
}

void Store(const routebench::Rule& rule, Rule* message) {
  message->set_id(rule.id);
  message->set_name(rule.name);
  Store(rule.filter, message->mutable_filter());
  for (const std::string& target : rule.targets) message->add_targets(target);
  message->set_priority(rule.priority);
  message->set_enabled(rule.enabled);
  const RuleConditions& conditions = rule.conditions;
  if (conditions.window.has_value()) {
    message->set_has_window(true);
    message->set_window_from_nanos(conditions.window->from.count());
    message->set_window_until_nanos(conditions.window->until.count());
  }
  message->set_expression(conditions.expression);
  if (conditions.max_load.has_value()) message->set_max_load(*conditions.max_load);
  for (const Health health : conditions.health) message->add_health(static_cast<uint32_t>(health));
}

absl::Status Load(const Rule& message, routebench::Rule* rule) {
  rule->id = message.id();
  rule->name = message.name();
  Load(message.filter(), &rule->filter);
  rule->targets.assign(message.targets().begin(), message.targets().end());
  rule->priority = message.priority();
  rule->enabled = message.enabled();
  RuleConditions& conditions = rule->conditions;
  if (message.has_window()) {
    conditions.window = {Duration(message.window_from_nanos()), Duration(message.window_until_nanos())};
  }
  conditions.expression = message.expression();
  if (message.has_max_load()) conditions.max_load = message.max_load();
  for (const uint32_t number : message.health()) {
    if (absl::Status status = LoadHealth(number, &conditions.health.emplace_back()); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

void Store(const ServiceQuery& query, ListServices* message) {
  if (query.type.has_value()) message->set_type(*query.type);
  if (query.capability.has_value()) message->set_capability(static_cast<uint32_t>(*query.capability));
}

absl::Status Load(const ListServices& message, ServiceQuery* query) {
  if (message.has_type()) query->type = message.type();
  if (!message.has_capability()) return absl::OkStatus();
  if (message.capability() >= kKindCount) return Unknown("kind of event", message.capability());
  query->capability = static_cast<EventKind>(message.capability());
  return absl::OkStatus();
}

absl::Status LoadHealth(uint32_t message, Health* health) {
  if (message >= kHealthCount) return Unknown("health", message);
  *health = static_cast<Health>(message);
  return absl::OkStatus();
}

void Store(const routebench::ServiceState& state, ServiceState* message) {
  Store(state.spec, message->mutable_service());
  message->set_health(static_cast<uint32_t>(state.health));
}

absl::Status Load(const ServiceState& message, routebench::ServiceState* state) {
  Load(message.service(), &state->spec);
  return LoadHealth(message.health(), &state->health);
}

void Store(const routebench::ServiceChange& change, ServiceChange* message) {
  message->set_kind(static_cast<uint32_t>(change.kind));
  message->set_sequence(change.sequence);
  if (change.state != nullptr) Store(*change.state, message->mutable_state());
}

absl::Status Load(const ServiceChange& message, routebench::ServiceChange* change) {
  if (message.kind() >= routebench::ServiceChange::kKinds) return Unknown("change", message.kind());
  change->kind = static_cast<routebench::ServiceChange::Kind>(message.kind());
  change->sequence = message.sequence();
  if (change->kind == routebench::ServiceChange::Kind::kLost) return absl::OkStatus();
  auto state = std::make_shared<routebench::ServiceState>();
  const absl::Status status = Load(message.state(), state.get());
  change->state = std::move(state);
  return status;
}

void Store(const routebench::Explanation& explanation, Explanation* message) {
  for (const auto& subscription : explanation.subscriptions) {
    Explanation::Subscription* const entry = message->add_subscriptions();
    entry->set_id(subscription.id);
    entry->set_service(subscription.service);
    entry->set_reason(static_cast<uint32_t>(subscription.reason));
    entry->set_rule(subscription.rule);
  }
  for (const auto& rule : explanation.rules) {
    Explanation::Rule* const entry = message->add_rules();
    entry->set_id(rule.id);
    entry->set_reason(static_cast<uint32_t>(rule.reason));
  }
  message->set_picked(explanation.picked);
}

absl::Status Load(const Explanation& message, routebench::Explanation* explanation) {
  for (const Explanation::Subscription& entry : message.subscriptions()) {
    if (entry.reason() >= kReasonCount) return Unknown("reason", entry.reason());
    explanation->subscriptions.push_back(
        {entry.id(), entry.service(), static_cast<Reason>(entry.reason()), entry.rule()});
  }
  for (const Explanation::Rule& entry : message.rules()) {
    if (entry.reason() >= kRuleReasonCount) return Unknown("reason", entry.reason());
    explanation->rules.push_back({entry.id(), static_cast<RuleReason>(entry.reason())});
  }
  explanation->picked = message.picked();
  return absl::OkStatus();
}

void Store(const RouterStatistics& statistics, Statistics* message) {
  Store(statistics.books, message->mutable_books());
  for (const RouterStatistics::Subscription& subscription : statistics.subscriptions) {
    Statistics::Subscription* const entry = message->add_subscriptions();
    entry->set_id(subscription.id);
    entry->set_service(subscription.service);
    Store(subscription.books, entry->mutable_books());
  }
  for (const RouterStatistics::Service& service : statistics.services) {
    Statistics::Service* const entry = message->add_services();
    entry->set_id(service.id);
    Store(service.books, entry->mutable_books());
    entry->set_breaker_openings(service.breaker_openings);
  }
  for (const RouterStatistics::Rule& rule : statistics.rules) {
    Statistics::Rule* const entry = message->add_rules();
    entry->set_id(rule.id);
    entry->set_routed(rule.routed);
  }
}

void Load(const Statistics& message, RouterStatistics* statistics) {
  Load(message.books(), &statistics->books);
  for (const Statistics::Subscription& entry : message.subscriptions()) {
    auto& subscription = statistics->subscriptions.emplace_back();
    subscription.id = entry.id();
    subscription.service = entry.service();
    Load(entry.books(), &subscription.books);
  }
  for (const Statistics::Service& entry : message.services()) {
    auto& service = statistics->services.emplace_back();
    service.id = entry.id();
    Load(entry.books(), &service.books);
    service.breaker_openings = entry.breaker_openings();
  }
  for (const Statistics::Rule& entry : message.rules())
    statistics->rules.push_back({entry.id(), entry.routed()});
}

}  // namespace routebench::wire
