// Which events a receiver wants (R9).
#ifndef ROUTEBENCH_EVENTS_FILTER_H_
#define ROUTEBENCH_EVENTS_FILTER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "events/event.h"

namespace routebench {

// A set of priorities as bits, bit p for priority p.
class PrioritySet {
 public:
  static constexpr PrioritySet All() { return PrioritySet(0xf); }
  static constexpr PrioritySet FromBits(uint8_t bits) { return PrioritySet(bits & 0xf); }
  constexpr PrioritySet() = default;
  constexpr PrioritySet With(Priority p) const { return PrioritySet(bits_ | Bit(p)); }
  constexpr bool Contains(Priority p) const { return (bits_ & Bit(p)) != 0; }
  constexpr uint8_t bits() const { return bits_; }
  friend constexpr bool operator==(PrioritySet, PrioritySet) = default;

 private:
  constexpr explicit PrioritySet(unsigned bits) : bits_(static_cast<uint8_t>(bits)) {}
  static constexpr unsigned Bit(Priority p) { return 1u << static_cast<unsigned>(p); }
  uint8_t bits_ = 0;
};

// A conjunction; the default takes everything. A receiver's several filters are alternatives. What it means
// is in docs/filters.md; routing::FilterSet checks and evaluates it.
struct Filter {
  KindSet kinds = KindSet::All();  // KindSet::Of(category) for a category
  PrioritySet priorities = PrioritySet::All();
  std::vector<Source> sources;           // one of them; none: any. An empty part of a source stands for any.
  uint64_t max_body_bytes = UINT64_MAX;  // encoded
  std::vector<std::pair<std::string, std::string>> metadata;  // each the first entry of its key
  std::string expression;                                     // empty: none
  friend bool operator==(const Filter&, const Filter&) = default;

  // Of the conjunction the part that a header decides.
  bool AdmitsHeader(const EventHeader& header) const {
    return kinds.Contains(header.kind) && priorities.Contains(header.priority);
  }
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_FILTER_H_
