// A receiver's filters, checked and compiled (R9): alternatives, each a conjunction.
#ifndef ROUTEBENCH_EVENTS_ROUTING_FILTER_SET_H_
#define ROUTEBENCH_EVENTS_ROUTING_FILTER_SET_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "events/filter.h"
#include "events/routing/event_view.h"
#include "events/routing/filter_expression.h"

namespace routebench::routing {

// Filters come from outside.
inline constexpr size_t kMaxFilters = 64;
inline constexpr size_t kMaxFilterSources = 256;
inline constexpr size_t kMaxFilterMetadata = 64;

// One filter. Immutable; evaluate from any number of threads.
class CompiledFilter {
 public:
  // InvalidArgument: a limit, an empty source or metadata key, or an error of the expression.
  static absl::StatusOr<CompiledFilter> Compile(const Filter& filter);

  // Allocates nothing (but see FilterExpression::Matches).
  bool Matches(const EventView& event) const {
    return kinds_.Contains(event.header.kind) && priorities_.Contains(event.header.priority) &&
           (header_decides_ || MatchesBeyondHeader(event));
  }

  // What every matching event has, the necessary conditions of the expression included. By them an index
  // finds the filter; each of the keys is enough.
  KindSet kinds() const { return kinds_; }
  PrioritySet priorities() const { return priorities_; }
  const std::vector<KeyCondition>& keys() const { return keys_; }
  // Kinds and priorities are all there is to it.
  bool header_decides() const { return header_decides_; }

  bool reads_attributes() const;
  bool reads_time() const { return expression_.has_value() && expression_->reads_time(); }

 private:
  CompiledFilter() = default;
  bool MatchesBeyondHeader(const EventView& event) const;

  KindSet kinds_;
  PrioritySet priorities_;
  bool header_decides_ = false;
  uint64_t max_body_bytes_ = UINT64_MAX;
  std::vector<Source> sources_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::optional<FilterExpression> expression_;
  std::vector<KeyCondition> keys_;
};

// Immutable; evaluate from any number of threads. Compile once, when a receiver comes, and share.
class FilterSet {
 public:
  // Everything.
  FilterSet() = default;
  // None: everything. InvalidArgument: more than kMaxFilters, or "filter 2: ..." (counted from 1).
  static absl::StatusOr<FilterSet> Compile(absl::Span<const Filter> filters);

  bool Matches(const EventView& event) const {
    if (alternatives_.empty()) return true;
    for (const CompiledFilter& filter : alternatives_) {
      if (filter.Matches(event)) return true;
    }
    return false;
  }

  // Empty: everything.
  const std::vector<CompiledFilter>& alternatives() const { return alternatives_; }

  // Whether Matches looks at them.
  bool reads_attributes() const;
  bool reads_time() const;

 private:
  std::vector<CompiledFilter> alternatives_;
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_FILTER_SET_H_
