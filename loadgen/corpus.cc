#include "loadgen/corpus.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "events/payloads/sample.h"

namespace routebench::loadgen {
namespace {

constexpr uint64_t kMaxVariants = 16;

// One object for each category: what real publishers share, too.
std::array<std::shared_ptr<const Attributes>, kCategoryCount> MakeAttributes() {
  std::array<std::shared_ptr<const Attributes>, kCategoryCount> all;
  for (size_t c = 0; c < kCategoryCount; ++c) {
    auto attributes = std::make_shared<Attributes>();
    const std::string category(Name(static_cast<Category>(c)));
    attributes->source = {.id = absl::StrCat(category, "-source-1"), .type = category, .instance = "1"};
    attributes->metadata = {{"generator", "loadgen"}};
    if (static_cast<Category>(c) == Category::kCustom) attributes->custom_name = "loadgen.custom";
    all[c] = std::move(attributes);
  }
  return all;
}

}  // namespace

absl::StatusOr<Corpus> Corpus::ForSchedule(const Schedule& schedule, uint64_t seed) {
  std::map<std::pair<EventKind, uint32_t>, uint32_t> first;  // of the variants of a kind and size
  for (const PlannedEvent& planned : schedule.events) first[{planned.kind, planned.payload_bytes}] = 0;
  uint64_t bytes_of_one_each = 0;
  for (const auto& [shape, unused] : first) bytes_of_one_each += shape.second;
  const uint64_t variants =
      std::clamp<uint64_t>(kMaxBytes / std::max<uint64_t>(bytes_of_one_each, 1), 1, kMaxVariants);

  const auto attributes = MakeAttributes();
  Corpus corpus;
  for (auto& [shape, index] : first) {
    index = static_cast<uint32_t>(corpus.events_.size());
    for (uint64_t v = 0; v < variants; ++v) {
      auto body = SamplePayload(shape.first, shape.second, seed * kMaxVariants + v);
      if (!body.ok()) return body.status();
      Event event;
      event.header.kind = shape.first;
      event.attributes = attributes[static_cast<size_t>(CategoryOf(shape.first))];
      event.payload = *std::move(body);
      corpus.events_.push_back(std::move(event));
    }
  }
  corpus.event_of_.reserve(schedule.events.size());
  for (size_t i = 0; i < schedule.events.size(); ++i) {
    const PlannedEvent& planned = schedule.events[i];
    corpus.event_of_.push_back(first[{planned.kind, planned.payload_bytes}] +
                               static_cast<uint32_t>(i % variants));
  }
  return corpus;
}

Corpus Corpus::OfTrace(const Schedule& schedule, std::vector<Event> events) {
  Corpus corpus;
  corpus.events_ = std::move(events);
  for (const PlannedEvent& planned : schedule.events) corpus.event_of_.push_back(planned.trace_index);
  return corpus;
}

}  // namespace routebench::loadgen
