#include "events/routing/filter_index.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace routebench::routing {
namespace {

uint64_t HashOfSourceId(const std::string& id) { return absl::HashOf(id); }
uint64_t HashOfMetadata(const std::string& key, const std::string& value) { return absl::HashOf(key, value); }

uint64_t HashOfValue(const KeyCondition& condition, const std::string& value) {
  return condition.on_source_id ? HashOfSourceId(value) : HashOfMetadata(condition.key, value);
}

}  // namespace

class FilterIndex::Builder {
 public:
  Builder(absl::Span<const Entry> entries, FilterIndex& index) : entries_(entries), index_(index) {}

  void Build() {
    CountDemands();
    for (size_t i = 0; i < entries_.size(); ++i) AddEntry(static_cast<uint32_t>(i), entries_[i]);
    MakeLists();
    for (const Candidate& candidate : index_.listed_) index_.entries_.push_back(candidate.entry);
    MakeBuckets();
  }

 private:
  void CountDemands() {
    for (const Entry& entry : entries_) {
      for (const CompiledFilter& filter : entry.filters) {
        for (const KeyCondition& condition : filter.keys()) {
          for (const std::string& value : condition.values) ++demands_[HashOfValue(condition, value)];
        }
      }
    }
  }

  void AddEntry(uint32_t number, const Entry& entry) {
    if (entry.filters.empty()) broad_.push_back({number, PrioritySet::All(), entry.supports, nullptr});
    for (const CompiledFilter& filter : entry.filters) {
      const Candidate candidate{number, filter.priorities(), filter.kinds() & entry.supports,
                                filter.header_decides() ? nullptr : &filter};
      if (candidate.kinds.empty() || candidate.priorities.bits() == 0) continue;
      filter.keys().empty() ? broad_.push_back(candidate) : AddKeyed(candidate, filter.keys());
    }
  }

  void AddKeyed(const Candidate& candidate, const std::vector<KeyCondition>& conditions) {
    const auto rivals = [this](const KeyCondition& condition) {
      uint64_t sum = 0;
      for (const std::string& value : condition.values) sum += demands_[HashOfValue(condition, value)];
      return sum;
    };
    const auto best = std::min_element(conditions.begin(), conditions.end(),
                                       [&](const auto& a, const auto& b) { return rivals(a) < rivals(b); });
    (best->on_source_id ? index_.has_source_ids_ : index_.has_metadata_) = true;
    for (const std::string& value : best->values) keyed_.emplace_back(HashOfValue(*best, value), candidate);
  }

  // Kinds that no candidate tells apart get one list.
  void MakeLists() {
    std::vector<KindSet> classes = {KindSet::All()};
    absl::flat_hash_set<uint64_t> seen;
    for (const Candidate& candidate : broad_) {
      if (!seen.insert(candidate.kinds.bits()).second) continue;
      for (size_t c = classes.size(); c-- > 0;) {
        const KindSet inside = classes[c] & candidate.kinds;
        const KindSet outside = KindSet::FromBits(classes[c].bits() & ~candidate.kinds.bits());
        if (inside.empty() || outside.empty()) continue;
        classes[c] = inside;
        classes.push_back(outside);
      }
    }
    for (const KindSet kinds : classes) {
      const size_t first = index_.listed_.size();
      for (const Candidate& candidate : broad_) {
        if (!(candidate.kinds & kinds).empty()) index_.listed_.push_back(candidate);
      }
      const Range range{static_cast<uint32_t>(first), static_cast<uint32_t>(index_.listed_.size() - first),
                        keyed_.empty() && KindDecides(first)};
      for (size_t k = 0; k < kKindCount; ++k) {
        if (kinds.Contains(static_cast<EventKind>(k))) index_.by_kind_[k] = range;
      }
    }
  }

  // Everything listed from `first` on matches whatever has its kind, each entry once.
  bool KindDecides(size_t first) {
    for (size_t i = first; i < index_.listed_.size(); ++i) {
      const Candidate& candidate = index_.listed_[i];
      if (candidate.filter != nullptr || candidate.priorities.bits() != PrioritySet::All().bits())
        return false;
      if (i > first && index_.listed_[i - 1].entry == candidate.entry) return false;
    }
    return true;
  }

  void MakeBuckets() {
    std::stable_sort(keyed_.begin(), keyed_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    index_.keyed_.reserve(keyed_.size());
    for (const auto& [hash, candidate] : keyed_) {
      const auto [bucket, is_new] = index_.by_key_.try_emplace(hash);
      if (is_new) bucket->second.first = static_cast<uint32_t>(index_.keyed_.size());
      ++bucket->second.count;
      index_.keyed_.push_back(candidate);
    }
  }

  const absl::Span<const Entry> entries_;
  FilterIndex& index_;
  absl::flat_hash_map<uint64_t, uint32_t, Identity> demands_;
  std::vector<Candidate> broad_;
  std::vector<std::pair<uint64_t, Candidate>> keyed_;
};

FilterIndex::FilterIndex(absl::Span<const Entry> entries) { Builder(entries, *this).Build(); }

void FilterIndex::Find(const EventView& event, std::vector<uint32_t>& found) const {
  found.clear();
  const Range range = by_kind_[static_cast<size_t>(event.header.kind)];
  for (uint32_t i = range.first; i < range.first + range.count; ++i) {
    const Candidate& candidate = listed_[i];
    if (!candidate.priorities.Contains(event.header.priority)) continue;
    if (candidate.filter != nullptr && !candidate.filter->Matches(event)) continue;
    if (!found.empty() && found.back() == candidate.entry) continue;  // by another of its filters
    found.push_back(candidate.entry);
  }
  const size_t from_lists = found.size();
  if (has_source_ids_) FindByKey(event, HashOfSourceId(event.attributes.source.id), found);
  if (has_metadata_) {
    for (const auto& [key, value] : event.attributes.metadata) {
      FindByKey(event, HashOfMetadata(key, value), found);
    }
  }
  if (found.size() == from_lists || found.size() == 1) return;
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
}

void FilterIndex::FindByKey(const EventView& event, uint64_t hash, std::vector<uint32_t>& found) const {
  const auto bucket = by_key_.find(hash);
  if (bucket == by_key_.end()) return;
  const Range range = bucket->second;
  for (uint32_t i = range.first; i < range.first + range.count; ++i) {
    const Candidate& candidate = keyed_[i];
    if (candidate.kinds.Contains(event.header.kind) && candidate.filter->Matches(event)) {
      found.push_back(candidate.entry);
    }
  }
}

}  // namespace routebench::routing
