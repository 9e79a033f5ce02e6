#include "events/routing/routing_table.h"

#include <algorithm>

namespace routebench::routing {

RoutingTable::RoutingTable(const std::vector<Entry>& entries) {
  for (const Entry& entry : entries) {
    by_service_[entry.service].push_back(entry.target);
    for (size_t k = 0; k < kKindCount; ++k) {
      const EventKind kind = static_cast<EventKind>(k);
      if (!entry.supports.Contains(kind)) continue;
      PrioritySet priorities = entry.filters.empty() ? PrioritySet::All() : PrioritySet();
      for (const Filter& filter : entry.filters) {
        if (!filter.kinds.Contains(kind)) continue;
        priorities = PrioritySet::FromBits(priorities.bits() | filter.priorities.bits());
      }
      if (priorities.bits() != 0) by_kind_[k].push_back({entry.target, priorities});
    }
  }
}

void RoutingTable::Resolve(const EventHeader& header, absl::Span<const std::string> named_targets,
                           Targets& targets) const {
  targets.clear();
  const std::vector<Candidate>& candidates = by_kind_[static_cast<size_t>(header.kind)];
  if (header.addressing == Addressing::kToAll) {
    for (const Candidate& candidate : candidates) {
      if (candidate.priorities.Contains(header.priority)) targets.push_back(candidate.target);
    }
    return;
  }
  const auto is_named = [&](Target target) {
    return std::any_of(named_targets.begin(), named_targets.end(), [&](const std::string& name) {
      const auto service = by_service_.find(name);
      return service != by_service_.end() &&
             std::find(service->second.begin(), service->second.end(), target) != service->second.end();
    });
  };
  for (const Candidate& candidate : candidates) {
    if (candidate.priorities.Contains(header.priority) && is_named(candidate.target)) {
      targets.push_back(candidate.target);
    }
  }
}

}  // namespace routebench::routing
