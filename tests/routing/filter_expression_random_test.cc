// Random expressions against a naive evaluator of trees, and random bytes.
#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "events/routing/filter_expression.h"
#include "gtest/gtest.h"

namespace routebench::routing {
namespace {

using Random = std::mt19937_64;

template <typename T>
const T& OneOf(Random& random, const std::vector<T>& items) {
  return items[random() % items.size()];
}

struct Value {
  bool is_number = false;
  double number = 0;
  std::string text;
};

// What the language says, spelled out on a tree.
struct Tree {
  std::string op;  // "and", "or", "not", or a comparison's
  std::vector<Tree> operands;
  std::string field;
  std::vector<Value> values;
};

const std::vector<std::string> kTexts = {"a", "b", "ab", "abc", "ba", "", "7", "10", "-3", "x y"};
const std::vector<std::string> kKeys = {"k", "tenant", "n.m"};

Value RandomText(Random& random) { return {.text = OneOf(random, kTexts)}; }
Value RandomNumber(Random& random) {
  return {.is_number = true, .number = static_cast<double>(random() % 16) - 4};
}

Tree RandomComparison(Random& random) {
  static const std::vector<std::string> kNumeric = {"=",  "!=", "<",       "<=",    ">",
                                                    ">=", "in", "between", "exists"};
  static const std::vector<std::string> kTextual = {
      "=", "!=", "<", "<=", ">", ">=", "contains", "starts with", "ends with", "in", "between", "exists"};
  static const std::vector<std::string> kNamed = {"=", "!=", "in", "exists"};
  Tree tree;
  std::function<Value()> value;
  switch (random() % 5) {
    case 0:
      tree.field = OneOf<std::string>(random, {"size", "attempt", "priority", "age"});
      tree.op = OneOf(random, kNumeric);
      value = [&] { return RandomNumber(random); };
      if (tree.field == "priority")
        value = [&] { return Value{.is_number = true, .number = double(random() % 4)}; };
      break;
    case 1:
      tree.field = OneOf<std::string>(random, {"category", "kind"});
      tree.op = OneOf(random, kNamed);
      value = [&]() -> Value {
        const EventKind kind = static_cast<EventKind>(random() % kKindCount);
        return {.text = std::string(tree.field == "kind" ? Name(kind) : Name(CategoryOf(kind)))};
      };
      break;
    case 2:
      tree.field = OneOf<std::string>(random, {"id", "correlation", "causation"});
      tree.op = OneOf(random, kNamed);
      value = [&]() -> Value { return {.text = ToString(EventId{0, 1 + random() % 3})}; };
      break;
    case 3:
      tree.field = OneOf<std::string>(
          random, {"source.id", "source.type", "source.instance", "target", "content_type", "custom_name"});
      tree.op = OneOf(random, kTextual);
      value = [&] { return RandomText(random); };
      break;
    default: {
      tree.field = "metadata." + OneOf(random, kKeys);
      const bool numeric = random() % 2 == 0;
      tree.op = OneOf(random, numeric ? kNumeric : kTextual);
      value = [&random, numeric] { return numeric ? RandomNumber(random) : RandomText(random); };
    }
  }
  const size_t count = tree.op == "exists"    ? 0
                       : tree.op == "between" ? 2
                       : tree.op == "in"      ? 1 + random() % 4
                                              : 1;
  for (size_t i = 0; i < count; ++i) tree.values.push_back(value());
  return tree;
}

Tree RandomTree(Random& random, int depth) {
  if (depth == 0 || random() % 4 == 0) return RandomComparison(random);
  Tree tree{.op = OneOf<std::string>(random, {"and", "or", "not"})};
  const size_t count = tree.op == "not" ? 1 : 2 + random() % 2;
  for (size_t i = 0; i < count; ++i) tree.operands.push_back(RandomTree(random, depth - 1));
  return tree;
}

std::string Render(const Value& value) {
  return value.is_number ? std::to_string(static_cast<int>(value.number)) : "'" + value.text + "'";
}

std::string Render(Random& random, const Tree& tree, bool in_parentheses) {
  const std::string space = random() % 4 == 0 ? " \n" : " ";
  std::string text;
  if (tree.op == "not") {
    text = "not" + space + Render(random, tree.operands[0], true);
  } else if (!tree.operands.empty()) {
    for (const Tree& operand : tree.operands) {
      if (!text.empty()) text += space + tree.op + space;
      // Needed around "or" inside "and" only; elsewhere it must not matter.
      const bool needed = tree.op == "and" && operand.op == "or";
      text += Render(random, operand, needed || random() % 3 == 0);
    }
  } else {
    text = tree.field + " " + tree.op;
    if (tree.op == "between") {
      text += space + Render(tree.values[0]) + " and " + Render(tree.values[1]);
    } else if (tree.op == "in") {
      text += " (";
      for (size_t i = 0; i < tree.values.size(); ++i) text += (i == 0 ? "" : ",") + Render(tree.values[i]);
      text += ")";
    } else if (tree.op != "exists") {
      text += space + Render(tree.values[0]);
    }
  }
  const bool groups = tree.op == "and" || tree.op == "or";
  return in_parentheses && (groups || random() % 2 == 0) ? "(" + text + ")" : text;
}

std::vector<std::string> TextsOf(const std::string& field, const EventView& event) {
  const Attributes& attributes = event.attributes;
  const auto id_text = [](const EventId& id) {
    return id.is_none() ? std::vector<std::string>() : std::vector<std::string>{ToString(id)};
  };
  if (field == "id") return id_text(event.header.id);
  if (field == "correlation") return id_text(event.header.correlation);
  if (field == "causation") return id_text(event.header.causation);
  if (field == "category") return {std::string(Name(CategoryOf(event.header.kind)))};
  if (field == "kind") return {std::string(Name(event.header.kind))};
  if (field == "priority") return {std::to_string(static_cast<int>(event.header.priority))};
  if (field == "size") return {std::to_string(event.body_size)};
  if (field == "attempt") return {std::to_string(event.header.attempt)};
  if (field == "age") return {std::to_string((event.now - event.header.created).count())};
  if (field == "source.id") return {attributes.source.id};
  if (field == "source.type") return {attributes.source.type};
  if (field == "source.instance") return {attributes.source.instance};
  if (field == "content_type") return {attributes.content_type};
  if (field == "custom_name") return {attributes.custom_name};
  if (field == "target") return attributes.targets;
  for (const auto& [key, value] : attributes.metadata) {
    if ("metadata." + key == field) return {value};
  }
  return {};
}

template <typename T>
bool Compares(const std::string& op, const T& a, const std::vector<T>& values) {
  if (op == "=") return a == values[0];
  if (op == "!=") return a != values[0];
  if (op == "<") return a < values[0];
  if (op == "<=") return a <= values[0];
  if (op == ">") return a > values[0];
  if (op == ">=") return a >= values[0];
  if (op == "between") return values[0] <= a && a <= values[1];
  return std::find(values.begin(), values.end(), a) != values.end();
}

bool TextCompares(const Tree& tree, const std::string& text) {
  std::vector<std::string> values;
  for (const Value& value : tree.values) values.push_back(value.text);
  if (tree.op == "exists") return !text.empty() || tree.field.starts_with("metadata.");
  if (tree.op == "contains") return text.find(values[0]) != std::string::npos;
  if (tree.op == "starts with") return text.substr(0, values[0].size()) == values[0];
  if (tree.op == "ends with") {
    return text.size() >= values[0].size() && text.substr(text.size() - values[0].size()) == values[0];
  }
  return Compares(tree.op, text, values);
}

bool Evaluate(const Tree& tree, const EventView& event) {
  const auto holds = [&](const Tree& operand) { return Evaluate(operand, event); };
  if (tree.op == "not") return !holds(tree.operands[0]);
  if (tree.op == "and") return std::all_of(tree.operands.begin(), tree.operands.end(), holds);
  if (tree.op == "or") return std::any_of(tree.operands.begin(), tree.operands.end(), holds);
  const std::vector<std::string> texts = TextsOf(tree.field, event);
  return std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
    if (tree.values.empty() || !tree.values[0].is_number) return TextCompares(tree, text);
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    std::vector<double> values;
    for (const Value& value : tree.values) values.push_back(value.number);
    return !text.empty() && *end == '\0' && Compares(tree.op, number, values);
  });
}

struct RandomEvent {
  explicit RandomEvent(Random& random) {
    header.id = {0, 1 + random() % 3};
    header.correlation = {0, random() % 4};
    header.causation = {0, random() % 4};
    header.kind = static_cast<EventKind>(random() % kKindCount);
    header.priority = static_cast<Priority>(random() % 4);
    header.attempt = static_cast<uint8_t>(random() % 8);
    header.created = FromNanos(100);
    now = FromNanos(100 + static_cast<int64_t>(random() % 12));
    body_size = random() % 12;
    attributes.source = {OneOf(random, kTexts), OneOf(random, kTexts), OneOf(random, kTexts)};
    attributes.content_type = OneOf(random, kTexts);
    attributes.custom_name = OneOf(random, kTexts);
    for (size_t i = random() % 3; i > 0; --i) attributes.targets.push_back(OneOf(random, kTexts));
    for (size_t i = random() % 4; i > 0; --i) {
      attributes.metadata.emplace_back(OneOf(random, kKeys), OneOf(random, kTexts));
    }
  }
  EventView view() const { return {header, attributes, body_size, now}; }

  EventHeader header;
  Attributes attributes;
  uint64_t body_size = 0;
  TimePoint now;
};

TEST(FilterExpressionRandom, AgreesWithANaiveEvaluatorOfTrees) {
  Random random(20260102);
  int matched = 0;
  for (int round = 0; round < 3000; ++round) {
    const Tree tree = RandomTree(random, static_cast<int>(random() % 5));
    const std::string text = Render(random, tree, false);
    const auto expression = FilterExpression::Parse(text);
    ASSERT_TRUE(expression.ok()) << text << ": " << expression.status();
    for (int n = 0; n < 20; ++n) {
      const RandomEvent event(random);
      const bool expected = Evaluate(tree, event.view());
      ASSERT_EQ(expression->Matches(event.view()), expected) << text;
      matched += expected ? 1 : 0;
      if (!expected) continue;
      // What is said to be necessary is.
      ASSERT_TRUE(expression->kinds().Contains(event.header.kind)) << text;
      ASSERT_TRUE(expression->priorities().Contains(event.header.priority)) << text;
      for (const KeyCondition& key : expression->keys()) {
        const auto texts = TextsOf(key.on_source_id ? "source.id" : "metadata." + key.key, event.view());
        ASSERT_EQ(texts.size(), 1) << text;
        ASSERT_NE(std::find(key.values.begin(), key.values.end(), texts[0]), key.values.end()) << text;
      }
    }
  }
  EXPECT_GT(matched, 10'000);
  EXPECT_LT(matched, 50'000);
}

TEST(FilterExpressionRandom, RandomBytesAndDamagedExpressionsAreErrorsOrExpressions) {
  Random random(20260103);
  const RandomEvent event(random);
  int parsed = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    if (round % 2 == 0) text = Render(random, RandomTree(random, 3), false);
    for (size_t i = random() % 4; i > 0; --i) {
      const size_t at = text.empty() ? 0 : random() % text.size();
      switch (random() % 3) {
        case 0:
          text.insert(at, 1, static_cast<char>(random()));
          break;
        case 1:
          text.erase(at, random() % 5);
          break;
        default:
          text.insert(at, OneOf<std::string>(
                              random, {"(", ")", "not ", "'", "\\", "-", "in", "1e", "metadata.", ","}));
      }
    }
    const auto expression = FilterExpression::Parse(text);
    if (expression.ok()) {
      ++parsed;
      expression->Matches(event.view());
      continue;
    }
    ASSERT_EQ(expression.status().code(), absl::StatusCode::kInvalidArgument);
    const std::string message(expression.status().message());
    ASSERT_TRUE(message.starts_with("column ")) << message;
    const size_t column = std::stoul(message.substr(7));
    ASSERT_GE(column, 1);
    ASSERT_LE(column, text.size() + 1) << text << ": " << message;
  }
  EXPECT_GT(parsed, 2'000);
}

}  // namespace
}  // namespace routebench::routing
