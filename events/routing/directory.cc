#include "events/routing/directory.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "events/validation.h"

namespace routebench::routing {
namespace {

absl::Status NoService(const std::string& id) {
  return absl::NotFoundError(absl::StrCat("no service ", id, " is registered"));
}

bool Fits(const ServiceQuery& query, const ServiceSpec& spec) {
  return (!query.type.has_value() || *query.type == spec.type) &&
         (!query.capability.has_value() || spec.supports.Contains(*query.capability));
}

}  // namespace

absl::Status Directory::ReserveText(size_t bytes) const {
  if (text_ + bytes <= options_.max_text) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("services and rules have at most ", options_.max_text, " bytes of text together"));
}

absl::Status Directory::Register(const ServiceSpec& spec) {
  if (absl::Status status = Validate(spec); !status.ok()) return status;
  auto filters = FilterSet::Compile(spec.filters);
  if (!filters.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("service ", spec.id, ": ", absl::string_view(filters.status().message())));
  }
  if (numbers_.contains(spec.id)) {
    return absl::AlreadyExistsError(absl::StrCat("a service ", spec.id, " is registered already"));
  }
  if (entries_.size() >= options_.max_services) {
    return absl::ResourceExhaustedError(
        absl::StrCat("at most ", options_.max_services, " services are registered at once"));
  }
  if (absl::Status status = ReserveText(TextBytes(spec)); !status.ok()) return status;
  text_ += TextBytes(spec);
  numbers_.emplace(spec.id, ++last_number_);
  Entry& entry = entries_[last_number_];
  entry.state = std::make_shared<const ServiceState>(ServiceState{.spec = spec});
  entry.service = std::make_shared<Service>(
      ServiceSettings{.id = spec.id,
                      .supports = spec.supports,
                      .filters = *std::move(filters),
                      .priority = spec.priority,
                      .weight = spec.weight,
                      .max_concurrent = spec.max_concurrent},
      spec.breaker.has_value() ? std::make_unique<CircuitBreaker>(*spec.breaker) : nullptr);
  Note(ServiceChange::Kind::kRegistered, entry);
  return absl::OkStatus();
}

absl::Status Directory::Deregister(const std::string& id) {
  const auto number = numbers_.find(id);
  if (number == numbers_.end()) return NoService(id);
  const auto entry = entries_.find(number->second);
  Note(ServiceChange::Kind::kDeregistered, entry->second);
  text_ -= TextBytes(entry->second.state->spec);
  entries_.erase(entry);
  numbers_.erase(number);
  return absl::OkStatus();
}

absl::Status Directory::SetHealth(const std::string& id, Health health) {
  Entry* const entry = FindEntry(id);
  if (entry == nullptr) return NoService(id);
  if (entry->state->health == health) return absl::OkStatus();
  entry->state = std::make_shared<const ServiceState>(ServiceState{entry->state->spec, health});
  entry->service->health.store(health, std::memory_order_relaxed);
  Note(ServiceChange::Kind::kHealthChanged, *entry);
  return absl::OkStatus();
}

absl::Status Directory::AddRule(const Rule& rule) {
  if (absl::Status status = Validate(rule); !status.ok()) return status;
  if (rules_.rules().size() >= options_.max_rules) {
    return absl::ResourceExhaustedError(absl::StrCat("there are at most ", options_.max_rules, " rules"));
  }
  if (absl::Status status = ReserveText(TextBytes(rule)); !status.ok()) return status;
  const auto is_service = [this](const std::string& id) { return numbers_.contains(id); };
  if (absl::Status status = rules_.Add(rule, is_service); !status.ok()) return status;
  text_ += TextBytes(rule);
  ++rules_revision_;
  return absl::OkStatus();
}

absl::Status Directory::RemoveRule(const std::string& id) {
  size_t bytes = 0;
  for (const auto& rule : rules_.rules()) {
    if (rule->rule().id == id) bytes = TextBytes(rule->rule());
  }
  if (absl::Status status = rules_.Remove(id); !status.ok()) return status;
  text_ -= bytes;
  ++rules_revision_;
  return absl::OkStatus();
}

absl::Status Directory::SetRuleEnabled(const std::string& id, bool enabled) {
  if (absl::Status status = rules_.SetEnabled(id, enabled); !status.ok()) return status;
  ++rules_revision_;
  return absl::OkStatus();
}

Directory::Entry* Directory::FindEntry(const std::string& id) {
  const auto number = numbers_.find(id);
  return number == numbers_.end() ? nullptr : &entries_.find(number->second)->second;
}

std::shared_ptr<Service> Directory::Find(const std::string& id) const {
  const auto number = numbers_.find(id);
  return number == numbers_.end() ? nullptr : entries_.find(number->second)->second.service;
}

std::vector<ServiceState> Directory::List(const ServiceQuery& query) const {
  std::vector<ServiceState> list;
  for (const auto& [number, entry] : entries_) {
    if (Fits(query, entry.state->spec)) list.push_back(*entry.state);
  }
  return list;
}

void Directory::Note(ServiceChange::Kind kind, const Entry& entry) {
  changes_.push_back({.kind = kind, .sequence = ++last_change_, .state = entry.state});
}

std::vector<ServiceChange> Directory::Present() const {
  std::vector<ServiceChange> present;
  for (const auto& [number, entry] : entries_) {
    present.push_back({.sequence = last_change_, .state = entry.state});
  }
  return present;
}

void Directory::AddPast(const Service& service, const Books& books) {
  Entry* const entry = FindEntry(service.settings.id);
  if (entry != nullptr && entry->service.get() == &service) entry->past += books;
}

void Directory::Complete(const absl::flat_hash_map<const Service*, Books>& current,
                         RouterStatistics& statistics) const {
  for (const auto& [number, entry] : entries_) {
    RouterStatistics::Service& service = statistics.services.emplace_back();
    service.id = entry.state->spec.id;
    service.books = entry.past;
    if (entry.service->breaker != nullptr) service.breaker_openings = entry.service->breaker->openings();
    const auto books = current.find(entry.service.get());
    if (books != current.end()) service.books += books->second;
  }
  for (const auto& rule : rules_.rules()) statistics.rules.push_back({rule->rule().id, rule->routed()});
}

}  // namespace routebench::routing
