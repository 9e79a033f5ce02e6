// The rules of a router, checked and compiled (R8).
#ifndef ROUTEBENCH_EVENTS_ROUTING_RULES_H_
#define ROUTEBENCH_EVENTS_ROUTING_RULES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "events/routing/event_view.h"
#include "events/routing/filter_set.h"
#include "events/routing/service.h"
#include "events/rule.h"

namespace routebench::routing {

inline constexpr size_t kMaxRuleTargets = 1024;

// Since 00:00 UTC: what daily windows are compared with.
Duration TimeOfDay(std::chrono::system_clock::time_point time);

// One rule. Immutable; evaluate from any number of threads.
class CompiledRule {
 public:
  // InvalidArgument, with the id and what is wrong, of the filter and the expression too.
  static absl::StatusOr<CompiledRule> Compile(const Rule& rule);

  const Rule& rule() const { return rule_; }
  const CompiledFilter& filter() const { return filter_; }

  bool InWindow(Duration time_of_day) const;
  bool ExpressionHolds(const EventView& event) const { return !expression_ || expression_->Matches(event); }
  // Whether the conditions on a target hold for it now.
  bool AdmitsTarget(const Service& service) const;

  bool reads_attributes() const;
  bool reads_time() const;
  bool reads_time_of_day() const { return rule_.conditions.window.has_value(); }

  // Counts (event, target) pairs that it gave. Thread-safe; kept when the rule is disabled and enabled again.
  void CountRouted() const { routed_->fetch_add(1, std::memory_order_relaxed); }
  uint64_t routed() const { return routed_->load(std::memory_order_relaxed); }

 private:
  friend class RuleBook;
  CompiledRule(const Rule& rule, CompiledFilter filter) : rule_(rule), filter_(std::move(filter)) {}

  Rule rule_;
  CompiledFilter filter_;
  std::optional<FilterExpression> expression_;  // of the conditions
  uint8_t health_ = 0;                          // bit h for health h
  std::shared_ptr<std::atomic<uint64_t>> routed_ = std::make_shared<std::atomic<uint64_t>>(0);
};

// The owner's list. Not thread-safe; what routes is a Table, which takes a snapshot of it.
class RuleBook {
 public:
  using IsService = std::function<bool(const std::string&)>;

  // AlreadyExists: the id. NotFound: a target that is no service. InvalidArgument: as CompiledRule::Compile.
  absl::Status Add(const Rule& rule, const IsService& is_service);
  // NotFound.
  absl::Status Remove(const std::string& id);
  absl::Status SetEnabled(const std::string& id, bool enabled);

  // As they are evaluated: by priority, equal ones in the order in which they were added.
  const std::vector<std::shared_ptr<const CompiledRule>>& rules() const { return rules_; }

 private:
  using Rules = std::vector<std::shared_ptr<const CompiledRule>>;
  Rules::iterator Find(const std::string& id);

  Rules rules_;
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_RULES_H_
