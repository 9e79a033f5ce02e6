// From the tree of an expression to its plan: names to fields, values to what the field is compared with.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "events/routing/filter_expression.h"
#include "re2/re2.h"

namespace routebench::routing {
namespace {

// What one pattern may take of memory, its cache included.
constexpr int64_t kMaxPatternMemory = int64_t{1} << 20;

struct Unit {
  absl::string_view name;
  double factor;
};
constexpr std::array<Unit, 7> kSizeUnits = {
    {{"B", 1}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}}};
constexpr std::array<Unit, 6> kTimeUnits = {
    {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 60e9}, {"h", 3600e9}}};

constexpr std::array<absl::string_view, kPriorityCount> kPriorityNames = {"critical", "high", "normal",
                                                                          "low"};

bool IsOrdering(Operator op) {
  return op == Operator::kLess || op == Operator::kLessOrEqual || op == Operator::kGreater ||
         op == Operator::kGreaterOrEqual || op == Operator::kBetween;
}
bool IsEquality(Operator op) {
  return op == Operator::kEqual || op == Operator::kNotEqual || op == Operator::kIn;
}
bool IsSearch(Operator op) {
  return op == Operator::kContains || op == Operator::kStartsWith || op == Operator::kEndsWith ||
         op == Operator::kMatches;
}

// The closed interval of the doubles that compare so; NotEqual as Equal.
std::pair<double, double> Interval(Operator op, double value) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (op) {
    case Operator::kLess:
      return {-kInfinity, std::nextafter(value, -kInfinity)};
    case Operator::kLessOrEqual:
      return {-kInfinity, value};
    case Operator::kGreater:
      return {std::nextafter(value, kInfinity), kInfinity};
    case Operator::kGreaterOrEqual:
      return {value, kInfinity};
    default:
      return {value, value};
  }
}

absl::StatusOr<std::unique_ptr<re2::RE2>> MakePattern(const Literal& literal) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxPatternMemory);
  auto pattern = std::make_unique<re2::RE2>(literal.text, options);
  if (!pattern->ok()) {
    return ExpressionError(literal.column, absl::StrCat("bad regular expression: ", pattern->error()));
  }
  return pattern;
}

}  // namespace

class ExpressionCompiler {
 public:
  using Expression = FilterExpression;

  explicit ExpressionCompiler(const SyntaxTree& tree) : tree_(tree) {}

  absl::StatusOr<FilterExpression> Compile() {
    for (const Comparison& comparison : tree_.comparisons) {
      Step step;
      if (absl::Status status = CompileComparison(comparison, &step); !status.ok()) return status;
      compiled_.push_back(step);
    }
    const size_t root = tree_.nodes.size() - 1;
    NoteNecessary(root);
    Emit(root, Expression::kTrue, Expression::kFalse);
    return std::move(out_);
  }

 private:
  using Field = FilterExpression::Field;
  using Test = FilterExpression::Test;
  using Step = FilterExpression::Step;
  struct NamedField {
    absl::string_view name;
    Field field;
  };
  static constexpr std::array<NamedField, 16> kFields = {{{"id", Field::kId},
                                                          {"category", Field::kCategory},
                                                          {"kind", Field::kKind},
                                                          {"priority", Field::kPriority},
                                                          {"source.id", Field::kSourceId},
                                                          {"source.type", Field::kSourceType},
                                                          {"source.instance", Field::kSourceInstance},
                                                          {"target", Field::kTarget},
                                                          {"size", Field::kSize},
                                                          {"content_type", Field::kContentType},
                                                          {"correlation", Field::kCorrelation},
                                                          {"causation", Field::kCausation},
                                                          {"custom_name", Field::kCustomName},
                                                          {"attempt", Field::kAttempt},
                                                          {"age", Field::kAge},
                                                          {"metadata.", Field::kMetadata}}};

  // The last step that is emitted is where the evaluation begins. Depth is bounded by the number of nodes.
  uint16_t Emit(size_t number, uint16_t on_true, uint16_t on_false) {
    const SyntaxNode& node = tree_.nodes[number];
    switch (node.type) {
      case SyntaxNode::Type::kNot:
        return Emit(node.left, on_false, on_true);
      case SyntaxNode::Type::kAnd:
        return Emit(node.left, Emit(node.right, on_true, on_false), on_false);
      case SyntaxNode::Type::kOr:
        return Emit(node.left, on_true, Emit(node.right, on_true, on_false));
      case SyntaxNode::Type::kComparison:
        break;
    }
    Step step = compiled_[node.left];
    step.on_true = on_true;
    step.on_false = on_false;
    out_.steps_.push_back(step);
    return static_cast<uint16_t>(out_.steps_.size() - 1);
  }

  void NoteNecessary(size_t number) {
    const SyntaxNode& node = tree_.nodes[number];
    if (node.type == SyntaxNode::Type::kAnd) {
      NoteNecessary(node.left);
      NoteNecessary(node.right);
    }
    if (node.type != SyntaxNode::Type::kComparison) return;
    const Step& step = compiled_[node.left];
    if (step.test == Test::kKinds) out_.kinds_ = out_.kinds_ & KindSet::FromBits(step.mask);
    if (step.test == Test::kPriorities) {
      out_.priorities_ = PrioritySet::FromBits(static_cast<uint8_t>(out_.priorities_.bits() & step.mask));
    }
    const bool is_key = step.field == Field::kSourceId || step.field == Field::kMetadata;
    if (step.test != Test::kText || !is_key || !(step.op == Operator::kEqual || step.op == Operator::kIn))
      return;
    KeyCondition key{.on_source_id = step.field == Field::kSourceId};
    if (!key.on_source_id) key.key = out_.texts_[step.key];
    key.values.assign(out_.texts_.begin() + step.first, out_.texts_.begin() + step.first + step.count);
    out_.keys_.push_back(std::move(key));
  }

  absl::Status CompileComparison(const Comparison& comparison, Step* step) {
    const auto named = std::find_if(kFields.begin(), kFields.end(),
                                    [&](const NamedField& field) { return field.name == comparison.field; });
    if (named == kFields.end()) {
      const auto append_name = [](std::string* out, const NamedField& field) {
        absl::StrAppend(out, field.name, field.field == Field::kMetadata ? "KEY" : "");
      };
      return ExpressionError(comparison.column,
                             absl::StrCat("unknown field \"", comparison.field, "\"; there are ",
                                          absl::StrJoin(kFields, ", ", append_name)));
    }
    step->field = named->field;
    switch (named->field) {
      case Field::kCategory:
      case Field::kKind:
        return CompileKinds(comparison, step);
      case Field::kPriority:
        return CompilePriorities(comparison, step);
      case Field::kId:
      case Field::kCorrelation:
      case Field::kCausation:
        return CompileIds(comparison, step);
      case Field::kAge:
        out_.reads_time_ = true;
        return CompileNumber(comparison, kTimeUnits, step);
      case Field::kSize:
        return CompileNumber(comparison, kSizeUnits, step);
      case Field::kAttempt:
        return CompileNumber(comparison, std::array<Unit, 0>{}, step);
      case Field::kMetadata:
        return CompileMetadata(comparison, step);
      default:
        return CompileText(comparison, step);
    }
  }

  static absl::Status NoSuchOperator(const Comparison& comparison, absl::string_view allowed) {
    return ExpressionError(comparison.op_column, absl::StrCat(comparison.field, comparison.key,
                                                              " can be compared by ", allowed, " only"));
  }

  static absl::Status CheckTexts(const Comparison& comparison) {
    for (const Literal& value : comparison.values) {
      if (!value.is_number) continue;
      return ExpressionError(value.column, absl::StrCat(comparison.field, comparison.key,
                                                        " is compared with text here; put it in quotes"));
    }
    return absl::OkStatus();
  }

  // ---- Category and kind: which of the kinds does it hold for?

  absl::Status CompileKinds(const Comparison& comparison, Step* step) {
    step->test = Test::kKinds;
    if (comparison.op == Operator::kExists) {
      step->mask = KindSet::All().bits();
      return absl::OkStatus();
    }
    if (IsOrdering(comparison.op)) return NoSuchOperator(comparison, "=, !=, in and searching for text");
    absl::Status status = CheckTexts(comparison);
    if (status.ok() && IsEquality(comparison.op)) status = CheckNames(comparison, step->field);
    if (!status.ok()) return status;
    std::unique_ptr<re2::RE2> pattern;
    if (comparison.op == Operator::kMatches) {
      auto made = MakePattern(comparison.values[0]);
      if (!made.ok()) return made.status();
      pattern = *std::move(made);
    }
    KindSet kinds;
    for (size_t k = 0; k < kKindCount; ++k) {
      const EventKind kind = static_cast<EventKind>(k);
      const std::string name(step->field == Field::kKind ? Name(kind) : Name(CategoryOf(kind)));
      if (NameHolds(comparison, name, pattern.get())) kinds = kinds.With(kind);
    }
    step->mask = kinds.bits();
    return absl::OkStatus();
  }

  static absl::Status CheckNames(const Comparison& comparison, Field field) {
    for (const Literal& value : comparison.values) {
      const bool known =
          field == Field::kKind ? ParseKind(value.text).has_value() : ParseCategory(value.text).has_value();
      if (known) continue;
      return ExpressionError(value.column,
                             absl::StrCat("there is no ", comparison.field, " \"", value.text, "\""));
    }
    return absl::OkStatus();
  }

  static bool NameHolds(const Comparison& comparison, const std::string& name, const re2::RE2* pattern) {
    const auto is_name = [&](const Literal& value) { return value.text == name; };
    const std::string& value = comparison.values[0].text;
    switch (comparison.op) {
      case Operator::kNotEqual:
        return name != value;
      case Operator::kContains:
        return absl::StrContains(name, value);
      case Operator::kStartsWith:
        return absl::StartsWith(name, value);
      case Operator::kEndsWith:
        return absl::EndsWith(name, value);
      case Operator::kMatches:
        return re2::RE2::PartialMatch(name, *pattern);
      default:
        return std::any_of(comparison.values.begin(), comparison.values.end(), is_name);
    }
  }

  // ---- Priority: likewise

  absl::Status CompilePriorities(const Comparison& comparison, Step* step) {
    step->test = Test::kPriorities;
    if (IsSearch(comparison.op)) return NoSuchOperator(comparison, "=, !=, <, <=, >, >=, in and between");
    std::vector<double> values;
    for (const Literal& value : comparison.values) {
      const auto name = std::find(kPriorityNames.begin(), kPriorityNames.end(), value.text);
      const double number =
          value.is_number ? value.number : static_cast<double>(name - kPriorityNames.begin());
      const bool known = number >= 0 && number < kPriorityCount && number == std::floor(number);
      if (!known || !value.unit.empty()) {
        return ExpressionError(value.column,
                               absl::StrCat("a priority is one of ", absl::StrJoin(kPriorityNames, ", "),
                                            ", or 0 to ", kPriorityCount - 1));
      }
      values.push_back(number);
    }
    for (size_t p = 0; p < kPriorityCount; ++p) {
      if (PriorityHolds(comparison.op, values, static_cast<double>(p))) step->mask |= uint64_t{1} << p;
    }
    return absl::OkStatus();
  }

  static bool PriorityHolds(Operator op, const std::vector<double>& values, double priority) {
    if (op == Operator::kExists) return true;
    if (op == Operator::kIn) return std::find(values.begin(), values.end(), priority) != values.end();
    if (op == Operator::kBetween) return values[0] <= priority && priority <= values[1];
    const auto [low, high] = Interval(op, values[0]);
    return (low <= priority && priority <= high) != (op == Operator::kNotEqual);
  }

  // ---- Ids

  absl::Status CompileIds(const Comparison& comparison, Step* step) {
    step->test = comparison.op == Operator::kExists ? Test::kIdExists : Test::kIds;
    if (comparison.op == Operator::kExists) return absl::OkStatus();
    if (!IsEquality(comparison.op)) return NoSuchOperator(comparison, "=, !=, in and exists");
    step->inverted = comparison.op == Operator::kNotEqual;
    step->first = static_cast<uint32_t>(out_.ids_.size());
    step->count = static_cast<uint32_t>(comparison.values.size());
    for (const Literal& value : comparison.values) {
      const std::optional<EventId> id = value.is_number ? std::nullopt : ParseEventId(value.text);
      if (!id.has_value()) {
        return ExpressionError(value.column, "an id is 32 hexadecimal digits in quotes");
      }
      out_.ids_.push_back(*id);
    }
    return absl::OkStatus();
  }

  // ---- Numbers

  template <size_t kUnits>
  absl::Status CompileNumber(const Comparison& comparison, const std::array<Unit, kUnits>& units,
                             Step* step) {
    if (IsSearch(comparison.op)) {
      return NoSuchOperator(comparison, "=, !=, <, <=, >, >=, in and between");
    }
    step->test = Test::kNumber;
    step->inverted = comparison.op == Operator::kNotEqual;
    step->first = static_cast<uint32_t>(out_.numbers_.size());
    if (comparison.op == Operator::kExists) Append({-kInfinity, kInfinity});
    std::vector<double> values;
    for (const Literal& value : comparison.values) {
      if (!value.is_number) {
        return ExpressionError(
            value.column, absl::StrCat(comparison.field, comparison.key, " is compared with a number here"));
      }
      const auto unit =
          std::find_if(units.begin(), units.end(), [&](const Unit& each) { return each.name == value.unit; });
      if (unit == units.end() && !value.unit.empty()) return UnknownUnit(comparison, value, units);
      values.push_back(value.number * (unit == units.end() ? 1 : unit->factor));
    }
    if (comparison.op == Operator::kBetween) {
      Append({values[0], values[1]});
    } else {
      for (const double value : values) Append(Interval(comparison.op, value));
    }
    step->count = static_cast<uint32_t>(out_.numbers_.size()) - step->first;
    return absl::OkStatus();
  }

  template <size_t kUnits>
  static absl::Status UnknownUnit(const Comparison& comparison, const Literal& value,
                                  const std::array<Unit, kUnits>& units) {
    const auto append_name = [](std::string* out, const Unit& unit) {
      out->append(unit.name.data(), unit.name.size());
    };
    return ExpressionError(
        value.column,
        absl::StrCat("unknown unit \"", value.unit, "\"; ", comparison.field, comparison.key, " has ",
                     units.empty() ? "none" : absl::StrJoin(units, ", ", append_name)));
  }

  void Append(std::pair<double, double> interval) {
    out_.numbers_.push_back(interval.first);
    out_.numbers_.push_back(interval.second);
  }

  // ---- Text

  absl::Status CompileMetadata(const Comparison& comparison, Step* step) {
    if (comparison.key.empty())
      return ExpressionError(comparison.column, "metadata needs a key: metadata.KEY");
    step->key = AddText(comparison.key);
    out_.reads_attributes_ = true;
    const bool is_number =
        !comparison.values.empty() && comparison.values[0].is_number && !IsSearch(comparison.op);
    return is_number ? CompileNumber(comparison, std::array<Unit, 0>{}, step) : CompileText(comparison, step);
  }

  absl::Status CompileText(const Comparison& comparison, Step* step) {
    step->test = Test::kText;
    step->op = comparison.op;
    out_.reads_attributes_ = true;
    if (absl::Status status = CheckTexts(comparison); !status.ok()) return status;
    if (comparison.op == Operator::kMatches) {
      auto pattern = MakePattern(comparison.values[0]);
      if (!pattern.ok()) return pattern.status();
      step->first = static_cast<uint32_t>(out_.patterns_.size());
      out_.patterns_.push_back(*std::move(pattern));
      return absl::OkStatus();
    }
    step->first = static_cast<uint32_t>(out_.texts_.size());
    step->count = static_cast<uint32_t>(comparison.values.size());
    for (const Literal& value : comparison.values) AddText(value.text);
    if (comparison.op == Operator::kIn) std::sort(out_.texts_.begin() + step->first, out_.texts_.end());
    return absl::OkStatus();
  }

  uint32_t AddText(const std::string& text) {
    out_.texts_.push_back(text);
    return static_cast<uint32_t>(out_.texts_.size() - 1);
  }

  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  const SyntaxTree& tree_;
  std::vector<Step> compiled_;  // by comparison
  FilterExpression out_;
};

absl::StatusOr<FilterExpression> FilterExpression::Parse(absl::string_view text) {
  const absl::StatusOr<SyntaxTree> tree = ParseExpression(text);
  if (!tree.ok()) return tree.status();
  return ExpressionCompiler(*tree).Compile();
}

}  // namespace routebench::routing
