// What a router's control plane knows: services with their health, rules, and what has changed (R6, R8, R16).
#ifndef ROUTEBENCH_EVENTS_ROUTING_DIRECTORY_H_
#define ROUTEBENCH_EVENTS_ROUTING_DIRECTORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "events/control.h"
#include "events/routing/rules.h"
#include "events/routing/service.h"
#include "events/routing/table.h"

namespace routebench::routing {

// Both backends have one: the coordinator under a lock, the broker in its loop. Not thread-safe; the Services
// that it gives out are. The errors are those of Control and EventRouter.
class Directory {
 public:
  explicit Directory(const RoutingOptions& options) : options_(options) {}

  absl::Status Register(const ServiceSpec& spec);
  absl::Status Deregister(const std::string& id);
  absl::Status SetHealth(const std::string& id, Health health);

  absl::Status AddRule(const Rule& rule);
  absl::Status RemoveRule(const std::string& id);
  absl::Status SetRuleEnabled(const std::string& id, bool enabled);
  // Grows whenever a new table would route otherwise than the one before.
  uint64_t rules_revision() const { return rules_revision_; }

  // Null: not registered.
  std::shared_ptr<Service> Find(const std::string& id) const;
  std::vector<ServiceState> List(const ServiceQuery& query) const;

  // What has changed since the last call, in order. Without a call the list grows: take it after each change.
  std::vector<ServiceChange> TakeChanges() { return std::exchange(changes_, {}); }
  // What a new watch is told first. Take the changes before.
  std::vector<ServiceChange> Present() const;

  Table MakeTable(std::vector<Table::Subscription> subscriptions) const {
    return Table(std::move(subscriptions), rules_.rules());
  }
  // Whether the service's in_flight has to be kept: some decision looks at it.
  bool CountsInFlight(const Service& service) const {
    return options_.balancing == Balancing::kLeastConnections || service.settings.max_concurrent > 0;
  }

  // Keeps the books of a subscription that is no more, for as long as its service is registered.
  void AddPast(const Service& service, const Books& books);
  // Adds services and rules; `current`: the books of the subscriptions that are there, by their services.
  void Complete(const absl::flat_hash_map<const Service*, Books>& current,
                RouterStatistics& statistics) const;

 private:
  struct Entry {
    std::shared_ptr<const ServiceState> state;
    std::shared_ptr<Service> service;
    Books past;
  };
  absl::Status ReserveText(size_t bytes) const;
  Entry* FindEntry(const std::string& id);
  void Note(ServiceChange::Kind kind, const Entry& entry);

  const RoutingOptions options_;
  absl::btree_map<uint64_t, Entry> entries_;  // by the number of the registration
  absl::flat_hash_map<std::string, uint64_t> numbers_;
  uint64_t last_number_ = 0;
  RuleBook rules_;
  uint64_t rules_revision_ = 0;
  size_t text_ = 0;  // of services and rules, in bytes
  uint64_t last_change_ = 0;
  std::vector<ServiceChange> changes_;
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_DIRECTORY_H_
