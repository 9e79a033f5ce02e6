#include "events/routing/filter_expression.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "re2/re2.h"

namespace routebench::routing {
namespace {

std::optional<double> ToNumber(const std::string& text) {
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

}  // namespace

FilterExpression::FilterExpression() = default;
FilterExpression::FilterExpression(FilterExpression&&) noexcept = default;
FilterExpression& FilterExpression::operator=(FilterExpression&&) noexcept = default;
FilterExpression::~FilterExpression() = default;

bool FilterExpression::Matches(const EventView& event) const {
  size_t at = steps_.size() - 1;
  while (true) {
    const Step& step = steps_[at];
    const uint16_t next = Holds(step, event) ? step.on_true : step.on_false;
    if (next == kTrue) return true;
    if (next == kFalse) return false;
    at = next;
  }
}

bool FilterExpression::Holds(const Step& step, const EventView& event) const {
  switch (step.test) {
    case Test::kKinds:
      return ((step.mask >> static_cast<unsigned>(event.header.kind)) & 1) != 0;
    case Test::kPriorities:
      return ((step.mask >> static_cast<unsigned>(event.header.priority)) & 1) != 0;
    case Test::kIds:
    case Test::kIdExists: {
      const EventId& id = step.field == Field::kId            ? event.header.id
                          : step.field == Field::kCorrelation ? event.header.correlation
                                                              : event.header.causation;
      if (id.is_none()) return false;
      if (step.test == Test::kIdExists) return true;
      const auto first = ids_.begin() + step.first;
      return (std::find(first, first + step.count, id) != first + step.count) != step.inverted;
    }
    case Test::kNumber:
      return NumberHolds(step, event);
    case Test::kText:
      return TextHolds(step, event);
  }
  return false;
}

bool FilterExpression::NumberHolds(const Step& step, const EventView& event) const {
  switch (step.field) {
    case Field::kSize:
      return IsInIntervals(step, static_cast<double>(event.body_size));
    case Field::kAge:
      return IsInIntervals(step, static_cast<double>(Elapsed(event.header.created, event.now).count()));
    case Field::kAttempt:
      return IsInIntervals(step, event.header.attempt);
    default: {
      const std::string* const text = FindMetadata(step, event);
      if (text == nullptr) return false;
      const std::optional<double> number = ToNumber(*text);
      return number.has_value() && IsInIntervals(step, *number);
    }
  }
}

bool FilterExpression::IsInIntervals(const Step& step, double number) const {
  for (size_t i = step.first; i < step.first + step.count; i += 2) {
    if (numbers_[i] <= number && number <= numbers_[i + 1]) return !step.inverted;
  }
  return step.inverted;
}

const std::string* FilterExpression::FindMetadata(const Step& step, const EventView& event) const {
  const std::string& key = texts_[step.key];
  for (const auto& [name, value] : event.attributes.metadata) {
    if (name == key) return &value;
  }
  return nullptr;
}

bool FilterExpression::TextHolds(const Step& step, const EventView& event) const {
  const Attributes& attributes = event.attributes;
  switch (step.field) {
    case Field::kSourceId:
      return TextHolds(step, attributes.source.id);
    case Field::kSourceType:
      return TextHolds(step, attributes.source.type);
    case Field::kSourceInstance:
      return TextHolds(step, attributes.source.instance);
    case Field::kContentType:
      return TextHolds(step, attributes.content_type);
    case Field::kCustomName:
      return TextHolds(step, attributes.custom_name);
    case Field::kTarget:
      return std::any_of(attributes.targets.begin(), attributes.targets.end(),
                         [&](const std::string& target) { return TextHolds(step, target); });
    default: {
      const std::string* const text = FindMetadata(step, event);
      // An entry with an empty value is there; an empty field of the others is not.
      return text != nullptr && (step.op == Operator::kExists || TextHolds(step, *text));
    }
  }
}

bool FilterExpression::TextHolds(const Step& step, const std::string& text) const {
  const std::string* const values = texts_.data() + step.first;
  const std::string_view view = text;
  switch (step.op) {
    case Operator::kEqual:
      return view == values[0];
    case Operator::kNotEqual:
      return view != values[0];
    case Operator::kLess:
      return view < values[0];
    case Operator::kLessOrEqual:
      return view <= values[0];
    case Operator::kGreater:
      return view > values[0];
    case Operator::kGreaterOrEqual:
      return view >= values[0];
    case Operator::kContains:
      return view.find(values[0]) != std::string_view::npos;
    case Operator::kStartsWith:
      return view.starts_with(values[0]);
    case Operator::kEndsWith:
      return view.ends_with(values[0]);
    case Operator::kMatches:
      return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *patterns_[step.first]);
    case Operator::kIn:
      return std::binary_search(values, values + step.count, text);
    case Operator::kBetween:
      return values[0] <= text && text <= values[1];
    case Operator::kExists:
      return !text.empty();
  }
  return false;
}

}  // namespace routebench::routing
