// Why an event goes where it goes (R24).
#ifndef ROUTEBENCH_EVENTS_EXPLANATION_H_
#define ROUTEBENCH_EVENTS_EXPLANATION_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace routebench {

// Of one subscription. The numbers are part of the wire format: never reuse one.
enum class Reason : uint8_t {
  // It receives the event,
  kNamed = 0,    // for the event names its service;
  kRuled = 1,    // for a rule sends it there;
  kMatches = 2,  // for it matches.
  // It does not:
  kNotNamed = 3,          // the event names other services
  kNotSupported = 4,      // its service does not support the kind
  kServiceFilter = 5,     // its service's filters do not pass
  kFilter = 6,            // its own filters do not pass
  kNotRuled = 7,          // rules send the event elsewhere
  kNotPicked = 8,         // the balancer picked another service of the group
  kServiceUnhealthy = 9,  // it may not be picked for the group
  kServiceMaintenance = 10,
  kBreakerOpen = 11,
};
inline constexpr size_t kReasonCount = 12;

// Of one rule. Likewise.
enum class RuleReason : uint8_t {
  kGivesReceivers = 0,
  kNotAsked = 1,  // the event names its targets
  kDisabled = 2,
  kFilter = 3,
  kWindow = 4,
  kExpression = 5,
  kNoReceiver = 6,  // it holds, but no target meets the conditions, wants the event and may be picked
};
inline constexpr size_t kRuleReasonCount = 7;

// A sentence without its subject: "receives: the event names its service".
std::string_view Describe(Reason reason);
std::string_view Describe(RuleReason reason);
inline bool Receives(Reason reason) { return reason <= Reason::kMatches; }

struct Explanation {
  struct Subscription {
    uint64_t id = 0;  // its SubscriptionId
    std::string service;
    Reason reason = Reason::kNotNamed;
    std::string rule;  // the id of the one that gave it; kRuled only
  };
  struct Rule {
    std::string id;
    RuleReason reason = RuleReason::kNotAsked;
  };
  std::vector<Subscription> subscriptions;  // by id
  std::vector<Rule> rules;                  // as they are evaluated
  std::string picked;                       // the balancer's choice; to-group only
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_EXPLANATION_H_
