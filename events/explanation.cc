#include "events/explanation.h"

#include <array>

namespace routebench {
namespace {

constexpr std::array<std::string_view, kReasonCount> kReasons = {
    "receives: the event names its service",
    "receives: a rule sends the event there",
    "receives: it matches",
    "does not receive: the event names other services",
    "does not receive: its service does not support the kind",
    "does not receive: a filter of its service does not pass",
    "does not receive: its filters do not pass",
    "does not receive: rules send the event elsewhere",
    "does not receive: the balancer picked another service of the group",
    "does not receive: its service is unhealthy",
    "does not receive: its service is in maintenance",
    "does not receive: the circuit breaker of its service is open",
};

constexpr std::array<std::string_view, kRuleReasonCount> kRuleReasons = {
    "gives receivers",
    "is not asked: the event names its targets",
    "is disabled",
    "does not hold: its filter does not pass",
    "does not hold: it is not the time of its window",
    "does not hold: the expression of its conditions does not",
    "holds, but gives no receiver",
};

}  // namespace

std::string_view Describe(Reason reason) { return kReasons[static_cast<size_t>(reason)]; }
std::string_view Describe(RuleReason reason) { return kRuleReasons[static_cast<size_t>(reason)]; }

}  // namespace routebench
