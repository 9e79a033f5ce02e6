// Filter expressions: text up to the first line's end, then values for an event. What is accepted keeps its
// limits, means the same in parentheses, twice and with `or`, and matches only what it says it can match.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "events/routing/filter_expression.h"
#include "tests/fuzz/fuzz.h"

namespace routebench::routing {
namespace {

using fuzz::Input;
using fuzz::Require;

std::vector<Event> Events(Input& input) {
  std::vector<Event> events;
  for (const EventKind kind : {EventKind::kCustom, EventKind::kFileBatch, EventKind::kToolCall}) {
    Event event;
    EventHeader& header = event.header;
    header.kind = kind;
    header.priority = static_cast<Priority>(input.Byte() % kPriorityCount);
    header.created = FromNanos(input.Number<int64_t>());
    header.id = {input.Byte(), input.Byte()};
    header.attempt = input.Byte();
    const auto text = [&] { return std::string(input.Bytes(input.Byte() % 16)); };
    Attributes attributes;
    attributes.source = {text(), text(), text()};
    attributes.content_type = text();
    attributes.custom_name = text();
    for (size_t count = input.Byte() % 3; count > 0; --count) attributes.targets.push_back(text());
    for (size_t count = input.Byte() % 3; count > 0; --count)
      attributes.metadata.emplace_back(text(), text());
    event.attributes = std::make_shared<const Attributes>(std::move(attributes));
    events.push_back(std::move(event));
    events.push_back({.header = header, .attributes = nullptr, .payload = {}});
  }
  return events;
}

bool Has(const KeyCondition& condition, const Attributes& attributes) {
  const auto fits = [&](const std::string& value) {
    return std::find(condition.values.begin(), condition.values.end(), value) != condition.values.end();
  };
  if (condition.on_source_id) return fits(attributes.source.id);
  for (const auto& [key, value] : attributes.metadata) {
    if (key == condition.key) return fits(value);
  }
  return false;
}

void CheckMatch(const FilterExpression& expression, const EventView& event) {
  Require(expression.kinds().Contains(event.header.kind), "a match is of its kinds");
  Require(expression.priorities().Contains(event.header.priority), "a match is of its priorities");
  for (const KeyCondition& condition : expression.keys()) {
    Require(Has(condition, event.attributes), "a match has what an index asks of it");
  }
}

void CheckSame(const FilterExpression& expression, const std::string& text,
               const std::vector<Event>& events) {
  const auto other = FilterExpression::Parse(text);
  if (!other.ok()) return;  // beyond a limit
  for (const Event& event : events) {
    const EventView view = ViewOf(event, FromNanos(INT64_MAX));
    Require(expression.Matches(view) == other->Matches(view), "it means the same");
  }
}

}  // namespace
}  // namespace routebench::routing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace routebench;
  using namespace routebench::routing;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(bytes.find('\n'), size);
  const std::string text(bytes.substr(0, end));
  const auto expression = FilterExpression::Parse(text);
  if (!expression.ok()) {
    Require(expression.status().message().find("column ") == 0, "who is refused learns where");
    Require(expression.status().message().size() < 2 * kMaxExpressionBytes, "in a sentence that is bounded");
    return 0;
  }
  Require(text.size() <= kMaxExpressionBytes, "an expression is bounded");
  fuzz::Input input(data + end, size - end);
  const std::vector<Event> events = Events(input);
  for (const TimePoint now : {TimePoint{}, FromNanos(INT64_MAX)}) {
    for (const Event& event : events) {
      const EventView view = ViewOf(event, now);
      if (expression->Matches(view)) CheckMatch(*expression, view);
    }
  }
  CheckSame(*expression, "(" + text + ")", events);
  CheckSame(*expression, "(" + text + ") and (" + text + ")", events);
  CheckSame(*expression, "(" + text + ") or (" + text + ")", events);
  CheckSame(*expression, "not not (" + text + ")", events);
  return 0;
}
