// Who gets an event: the pure decision, shared by both backends (R7, R9).
#ifndef ROUTEBENCH_EVENTS_ROUTING_ROUTING_TABLE_H_
#define ROUTEBENCH_EVENTS_ROUTING_ROUTING_TABLE_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "events/event.h"
#include "events/filter.h"
#include "events/router.h"

namespace routebench::routing {

// An index into the owner's own list of subscriptions.
using Target = uint32_t;
using Targets = absl::InlinedVector<Target, 16>;

// An immutable table: build one, resolve with it from any number of threads, replace it whole.
class RoutingTable {
 public:
  struct Entry {
    Target target;
    std::string service;
    KindSet supports;             // the service's
    std::vector<Filter> filters;  // alternatives; empty: everything
  };

  RoutingTable() = default;  // routes nothing
  explicit RoutingTable(const std::vector<Entry>& entries);

  // Replaces the content of `targets` by the subscriptions that receive the event, each once, in the order of
  // the entries. To-targets: the matching subscriptions of the named services and of nobody else. Allocates
  // nothing up to the inlined number of targets. The strings in `named_targets` are only read for
  // Addressing::kToTargets.
  void Resolve(const EventHeader& header, absl::Span<const std::string> named_targets,
               Targets& targets) const;

 private:
  struct Candidate {
    Target target;
    PrioritySet priorities;  // of all alternatives that admit the kind
  };
  // By kind: exact for the filters there are, so that resolving is one look-up and one test of a bit per
  // receiver.
  std::array<std::vector<Candidate>, kKindCount> by_kind_;
  absl::flat_hash_map<std::string, std::vector<Target>> by_service_;
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_ROUTING_TABLE_H_
