#include "events/outcome.h"

#include <numeric>

namespace routebench {
namespace {

constexpr std::array<std::string_view, kPublishResultCount> kPublishResultNames = {
    "accepted", "would_block", "too_large", "invalid", "closed"};

constexpr std::array<std::string_view, kOutcomeCount> kOutcomeNames = {
    "delivered",      "unrouted",        "expired",          "dropped_queue_full",
    "dropped_newest", "dropped_oldest",  "dropped_deadline", "dropped_unsubscribed",
    "dropped_closed", "dropped_corrupt", "rejected",         "lost_with_peer",
    "duplicate",      "dead_lettered",   "timed_out",        "breaker_open"};

}  // namespace

std::string_view Name(PublishResult result) { return kPublishResultNames[static_cast<size_t>(result)]; }

std::string_view Name(Outcome outcome) { return kOutcomeNames[static_cast<size_t>(outcome)]; }

uint64_t Books::settled() const { return std::accumulate(outcomes.begin(), outcomes.end(), uint64_t{0}); }

Books& Books::operator+=(const Books& other) {
  routed += other.routed;
  in_flight += other.in_flight;
  for (size_t i = 0; i < kOutcomeCount; ++i) outcomes[i] += other.outcomes[i];
  return *this;
}

}  // namespace routebench
