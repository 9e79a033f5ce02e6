// Finds who wants an event without asking everybody (R9).
//
// A filter that demands a value of the source's id or of a metadata key is found by a hash of that value; of
// several such demands the index takes the one that the fewest others share. All other filters are listed by
// kind.
#ifndef ROUTEBENCH_EVENTS_ROUTING_FILTER_INDEX_H_
#define ROUTEBENCH_EVENTS_ROUTING_FILTER_INDEX_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "events/routing/event_view.h"
#include "events/routing/filter_set.h"

namespace routebench::routing {

// Immutable; look up from any number of threads.
class FilterIndex {
 public:
  // A conjunction of `supports` and one of the filters (none: everything).
  struct Entry {
    KindSet supports;
    absl::Span<const CompiledFilter> filters;  // must outlive the index
  };

  FilterIndex() = default;  // finds nothing
  explicit FilterIndex(absl::Span<const Entry> entries);

  // Replaces the content of `found` by the numbers of the entries that match: exactly those, ascending.
  // Allocates only where `found` must grow.
  void Find(const EventView& event, std::vector<uint32_t>& found) const;

  // What Find gives for every event of this kind; none where it depends on more than the kind.
  std::optional<absl::Span<const uint32_t>> FindByKind(EventKind kind) const {
    const Range range = by_kind_[static_cast<size_t>(kind)];
    if (!range.kind_decides) return std::nullopt;
    return absl::MakeConstSpan(entries_).subspan(range.first, range.count);
  }

 private:
  struct Candidate {
    uint32_t entry;
    PrioritySet priorities;
    KindSet kinds;
    const CompiledFilter* filter;  // null: kinds and priorities are all
  };
  struct Range {
    uint32_t first = 0;
    uint32_t count = 0;
    bool kind_decides = false;  // and `entries_` has the answer in the same range
  };
  struct Identity {
    size_t operator()(uint64_t hash) const { return hash; }
  };
  class Builder;

  void FindByKey(const EventView& event, uint64_t hash, std::vector<uint32_t>& found) const;

  // Kinds with the same list share it.
  std::array<Range, kKindCount> by_kind_{};
  std::vector<Candidate> listed_;
  std::vector<uint32_t> entries_;  // of listed_
  // A hash that two values share costs a comparison: every candidate is evaluated in full.
  absl::flat_hash_map<uint64_t, Range, Identity> by_key_;
  std::vector<Candidate> keyed_;
  bool has_source_ids_ = false;
  bool has_metadata_ = false;
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_FILTER_INDEX_H_
