#include "events/routing/filter_set.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace routebench::routing {
namespace {

bool Admits(const Source& wanted, const Source& source) {
  return (wanted.id.empty() || wanted.id == source.id) &&
         (wanted.type.empty() || wanted.type == source.type) &&
         (wanted.instance.empty() || wanted.instance == source.instance);
}

// Whether the first entry of the wanted key has the wanted value.
bool Has(const Attributes& attributes, const std::pair<std::string, std::string>& wanted) {
  for (const auto& [key, value] : attributes.metadata) {
    if (key == wanted.first) return value == wanted.second;
  }
  return false;
}

absl::Status Check(const Filter& filter) {
  if (filter.sources.size() > kMaxFilterSources) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxFilterSources, " sources"));
  }
  if (filter.metadata.size() > kMaxFilterMetadata) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxFilterMetadata, " metadata entries"));
  }
  for (const Source& source : filter.sources) {
    if (source == Source{})
      return absl::InvalidArgumentError("a source of a filter has an id, a type or an instance");
  }
  for (const auto& entry : filter.metadata) {
    if (entry.first.empty()) return absl::InvalidArgumentError("a metadata entry of a filter has a key");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CompiledFilter> CompiledFilter::Compile(const Filter& filter) {
  if (absl::Status status = Check(filter); !status.ok()) return status;
  CompiledFilter compiled;
  compiled.kinds_ = filter.kinds;
  compiled.priorities_ = filter.priorities;
  compiled.max_body_bytes_ = filter.max_body_bytes;
  compiled.sources_ = filter.sources;
  compiled.metadata_ = filter.metadata;
  compiled.header_decides_ = filter.sources.empty() && filter.metadata.empty() &&
                             filter.max_body_bytes == UINT64_MAX && filter.expression.empty();
  KeyCondition by_id{.on_source_id = true};
  for (const Source& source : filter.sources) by_id.values.push_back(source.id);
  const bool all_have_ids = std::find(by_id.values.begin(), by_id.values.end(), "") == by_id.values.end();
  if (!by_id.values.empty() && all_have_ids) compiled.keys_.push_back(std::move(by_id));
  for (const auto& [key, value] : filter.metadata) compiled.keys_.push_back({.key = key, .values = {value}});
  if (filter.expression.empty()) return compiled;

  auto expression = FilterExpression::Parse(filter.expression);
  if (!expression.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expression, ", absl::string_view(expression.status().message())));
  }
  compiled.kinds_ = compiled.kinds_ & expression->kinds();
  compiled.priorities_ = PrioritySet::FromBits(
      static_cast<uint8_t>(compiled.priorities_.bits() & expression->priorities().bits()));
  compiled.keys_.insert(compiled.keys_.end(), expression->keys().begin(), expression->keys().end());
  compiled.expression_ = *std::move(expression);
  return compiled;
}

bool CompiledFilter::MatchesBeyondHeader(const EventView& event) const {
  if (event.body_size > max_body_bytes_) return false;
  const auto admits = [&](const Source& wanted) { return Admits(wanted, event.attributes.source); };
  if (!sources_.empty() && std::none_of(sources_.begin(), sources_.end(), admits)) return false;
  const auto has = [&](const auto& wanted) { return Has(event.attributes, wanted); };
  if (!std::all_of(metadata_.begin(), metadata_.end(), has)) return false;
  return !expression_.has_value() || expression_->Matches(event);
}

bool CompiledFilter::reads_attributes() const {
  return !sources_.empty() || !metadata_.empty() ||
         (expression_.has_value() && expression_->reads_attributes());
}

absl::StatusOr<FilterSet> FilterSet::Compile(absl::Span<const Filter> filters) {
  if (filters.size() > kMaxFilters) {
    return absl::InvalidArgumentError(absl::StrCat("more than ", kMaxFilters, " filters"));
  }
  FilterSet set;
  for (const Filter& filter : filters) {
    auto compiled = CompiledFilter::Compile(filter);
    if (!compiled.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("filter ", set.alternatives_.size() + 1, ": ",
                                                     absl::string_view(compiled.status().message())));
    }
    set.alternatives_.push_back(*std::move(compiled));
  }
  return set;
}

bool FilterSet::reads_attributes() const {
  return std::any_of(alternatives_.begin(), alternatives_.end(),
                     [](const CompiledFilter& filter) { return filter.reads_attributes(); });
}

bool FilterSet::reads_time() const {
  return std::any_of(alternatives_.begin(), alternatives_.end(),
                     [](const CompiledFilter& filter) { return filter.reads_time(); });
}

}  // namespace routebench::routing
