// Who gets an event: the whole decision (R7), shared by both backends.
//
//   to-targets  the subscriptions of the named services that want it, and nobody else.
//   to-all      the subscriptions of the targets of all rules that hold, where they want it; where that gives
//   nobody,
//               all subscriptions that want it.
//   to-group    as to-all, and of the services that are left the balancer picks one; where none of them may
//   be picked,
//               the level gives nobody.
//
// "Want": the service supports the kind, and the filters of the service and of the subscription pass. A
// subscription gets an event once, however many rules and filters match.
#ifndef ROUTEBENCH_EVENTS_ROUTING_TABLE_H_
#define ROUTEBENCH_EVENTS_ROUTING_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "events/routing/balancer.h"
#include "events/routing/event_view.h"
#include "events/routing/filter_index.h"
#include "events/routing/filter_set.h"
#include "events/routing/rules.h"
#include "events/routing/service.h"

namespace routebench {
struct Explanation;
}

namespace routebench::routing {

// What Table::Resolve answers, and the memory that it works in: keep one for each thread and pass it again.
class Decision {
 public:
  enum class Level : uint8_t { kTargets, kRules, kSubscriptions };
  static constexpr uint32_t kNoRule = UINT32_MAX;
  struct Receiver {
    uint32_t subscription;    // an index into the table's subscriptions
    uint32_t rule = kNoRule;  // an index into its rules: the first that gave it
    friend bool operator==(const Receiver&, const Receiver&) = default;
  };

  // Each once, ascending. Empty: nobody, and `level` says nothing.
  std::vector<Receiver> receivers;
  Level level = Level::kSubscriptions;
  // To-group, and nobody: somebody wants it, but none of them may be picked.
  bool none_available = false;

 private:
  friend class Table;
  // Empty, and nothing to be forgotten of the event before.
  void Clear() {
    receivers.clear();
    none_available = false;
  }
  std::vector<uint32_t> found_;
  std::vector<Service*> group_;
  std::vector<uint64_t> seen_;  // by service: the last group it was put in
  uint64_t groups_ = 0;
};

// A snapshot of subscriptions and rules. Immutable: build one, resolve with it from any number of threads,
// replace it whole when something changes. Building takes time linear in what is in it.
class Table {
 public:
  struct Subscription {
    std::shared_ptr<Service> service;          // not null; one object for each id
    std::shared_ptr<const FilterSet> filters;  // null: everything
  };

  Table() = default;  // routes nothing
  Table(std::vector<Subscription> subscriptions, std::vector<std::shared_ptr<const CompiledRule>> rules);

  // Allocates nothing in a steady state. `balancer` is asked for to-group only, and remembers what it picked.
  // A pick is no permit: the service's breaker is asked afterwards, like that of every other receiver.
  void Resolve(const EventView& event, Balancer& balancer, Decision& decision) const;

  // The subscriptions that get every event of this kind that is to-all; none where more than the kind
  // decides.
  std::optional<absl::Span<const uint32_t>> ResolveByKind(EventKind kind) const {
    if (!rules_.empty() || has_service_filters_) return std::nullopt;
    return subscription_index_.FindByKind(kind);
  }

  // What Resolve would decide, and why, for every subscription (as in the table; without their ids) and every
  // rule. Changes nothing. Allocates.
  Explanation Explain(const EventView& event, const Balancer& balancer) const;

  const std::vector<Subscription>& subscriptions() const { return subscriptions_; }
  // As they are evaluated.
  const std::vector<std::shared_ptr<const CompiledRule>>& rules() const { return rules_; }

  // What Resolve looks at in an event, beside its header, its body's size and, for to-targets, its targets.
  bool reads_attributes() const { return reads_attributes_; }
  bool reads_time() const { return reads_time_; }
  bool reads_time_of_day() const { return reads_time_of_day_; }

 private:
  // Picks an index into the group, or not.
  template <typename Pick>
  void Decide(const EventView& event, const Pick& pick, Decision& decision) const;
  template <typename Pick>
  bool DecideGroup(const EventView& event, const Pick& pick, Decision& decision) const;

  bool Wants(uint32_t subscription, const EventView& event) const;
  static bool RuleHolds(const CompiledRule& rule, const EventView& event);
  static void SortOnce(std::vector<Decision::Receiver>& receivers);
  void AddTargets(const EventView& event, Decision& decision) const;
  void AddRules(const EventView& event, Decision& decision) const;
  void AddSubscriptions(const EventView& event, Decision& decision) const;
  void MakeGroup(Decision& decision) const;

  void ExplainSubscriptions(const EventView& event, const Decision& decision, Explanation& explanation) const;
  void ExplainRules(const EventView& event, const Decision& decision, Explanation& explanation) const;

  std::vector<Subscription> subscriptions_;
  std::vector<std::shared_ptr<const CompiledRule>> rules_;
  FilterIndex subscription_index_;
  FilterIndex rule_index_;  // of those that are enabled
  // By service, in the order of their first subscriptions.
  std::vector<Service*> services_;
  std::vector<std::vector<uint32_t>> subscriptions_of_;
  std::vector<uint32_t> service_of_;  // by subscription
  absl::flat_hash_map<std::string, uint32_t> service_by_id_;
  std::vector<std::vector<uint32_t>> rule_targets_;  // services, by rule
  bool has_service_filters_ = false;
  bool reads_attributes_ = false;
  bool reads_time_ = false;
  bool reads_time_of_day_ = false;
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_TABLE_H_
