// Rules: where events go whoever subscribes (R8).
#ifndef ROUTEBENCH_EVENTS_RULE_H_
#define ROUTEBENCH_EVENTS_RULE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "events/clock.h"
#include "events/filter.h"
#include "events/health.h"

namespace routebench {

// A daily time in UTC, from 00:00 on: `from` is inside, `until` is not. From 22 h until 6 h goes over
// midnight; equal ones are the whole day.
struct DailyWindow {
  Duration from{};
  Duration until{};
  friend bool operator==(const DailyWindow&, const DailyWindow&) = default;
};

// All of those that are set must hold.
struct RuleConditions {
  std::optional<DailyWindow> window;
  std::string expression;  // docs/filters.md; empty: none
  // Of a target, each for itself: the rule's other targets get the event all the same.
  std::optional<double> max_load;  // events in flight relative to the service's max_concurrent
  std::vector<Health> health;      // one of them; empty: any
  friend bool operator==(const RuleConditions&, const RuleConditions&) = default;
};

// An event that passes the filter and the conditions goes to the subscriptions of the targets that want it.
// All rules that hold count; a subscription gets the event once, on behalf of the first of them.
struct Rule {
  std::string id;    // unique in the router, 1 to 255 bytes
  std::string name;  // for people
  Filter filter;
  std::vector<std::string> targets;  // services, at least one
  int32_t priority = 0;              // lower comes first; equal ones in the order in which they were added
  bool enabled = true;
  RuleConditions conditions;
  friend bool operator==(const Rule&, const Rule&) = default;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_RULE_H_
