// A condition on events, written as text (R9): `category = filesystem and not metadata.tenant in (a, b)`. The
// language is described, with its grammar, in docs/filters.md.
//
// Parsed once into a plan: comparisons with two jumps each, so that evaluating is a loop without a stack that
// stops at the first comparison that decides. Everything that can be decided when parsing is: a condition on
// category or kind, a regular expression included, is one test of a bit.
#ifndef ROUTEBENCH_EVENTS_ROUTING_FILTER_EXPRESSION_H_
#define ROUTEBENCH_EVENTS_ROUTING_FILTER_EXPRESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "events/event_id.h"
#include "events/filter.h"
#include "events/kind.h"
#include "events/routing/event_view.h"
#include "events/routing/expression_syntax.h"

namespace re2 {
class RE2;
}

namespace routebench::routing {

// A necessary condition that an index can use: a field of the event's attributes has one of these values.
struct KeyCondition {
  bool on_source_id = false;  // else on the metadata entry `key`
  std::string key;
  std::vector<std::string> values;  // at least one
};

// Immutable; evaluate from any number of threads.
class FilterExpression {
 public:
  // InvalidArgument, "column N: what is wrong", for whatever is not of the language, compares a field with
  // what it cannot be compared with, or exceeds a limit of expression_syntax.h.
  static absl::StatusOr<FilterExpression> Parse(absl::string_view text);

  FilterExpression(FilterExpression&&) noexcept;
  FilterExpression& operator=(FilterExpression&&) noexcept;
  ~FilterExpression();

  // Allocates nothing, except that `matches` may fill RE2's bounded cache of automaton states (under RE2's
  // lock).
  bool Matches(const EventView& event) const;

  // What every matching event has: not more than can be seen from the comparisons that `and` joins at the
  // top.
  KindSet kinds() const { return kinds_; }
  PrioritySet priorities() const { return priorities_; }
  const std::vector<KeyCondition>& keys() const { return keys_; }

  bool reads_attributes() const { return reads_attributes_; }
  bool reads_time() const { return reads_time_; }

 private:
  friend class ExpressionCompiler;
  enum class Field : uint8_t {
    kId,
    kCorrelation,
    kCausation,
    kCategory,
    kKind,
    kPriority,
    kSize,
    kAge,
    kAttempt,
    kSourceId,
    kSourceType,
    kSourceInstance,
    kTarget,
    kContentType,
    kCustomName,
    kMetadata
  };
  enum class Test : uint8_t { kKinds, kPriorities, kIds, kIdExists, kNumber, kText };
  // A comparison. `first` and `count` are a range of ids_, numbers_ (pairs: a closed interval), texts_ or,
  // for kMatches, the index of a pattern.
  struct Step {
    Test test = Test::kKinds;
    Field field = Field::kId;
    Operator op = Operator::kEqual;  // of kText
    bool inverted = false;           // the field is there, and the test fails
    uint16_t on_true = 0;
    uint16_t on_false = 0;
    uint32_t first = 0;
    uint32_t count = 0;
    uint32_t key = 0;   // of kMetadata: an index into texts_
    uint64_t mask = 0;  // kKinds, kPriorities
  };
  static constexpr uint16_t kTrue = 0xffff;
  static constexpr uint16_t kFalse = 0xfffe;

  FilterExpression();
  bool Holds(const Step& step, const EventView& event) const;
  bool NumberHolds(const Step& step, const EventView& event) const;
  bool IsInIntervals(const Step& step, double number) const;
  bool TextHolds(const Step& step, const EventView& event) const;
  bool TextHolds(const Step& step, const std::string& text) const;
  const std::string* FindMetadata(const Step& step, const EventView& event) const;

  std::vector<Step> steps_;  // begins at the last one
  std::vector<std::string> texts_;
  std::vector<double> numbers_;
  std::vector<EventId> ids_;
  std::vector<std::unique_ptr<re2::RE2>> patterns_;

  KindSet kinds_ = KindSet::All();
  PrioritySet priorities_ = PrioritySet::All();
  std::vector<KeyCondition> keys_;
  bool reads_attributes_ = false;
  bool reads_time_ = false;
};

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_FILTER_EXPRESSION_H_
