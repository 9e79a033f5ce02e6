// The syntax of filter expressions: text in, tree out. What a comparison means is filter_expression.h's
// business; the grammar is in docs/filters.md.
#ifndef ROUTEBENCH_EVENTS_ROUTING_EXPRESSION_SYNTAX_H_
#define ROUTEBENCH_EVENTS_ROUTING_EXPRESSION_SYNTAX_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace routebench::routing {

// Expressions come from outside: what one of them can make its parser and its evaluator do is bounded.
inline constexpr size_t kMaxExpressionBytes = 4096;
inline constexpr size_t kMaxExpressionNesting = 32;  // of parentheses and `not`
inline constexpr size_t kMaxComparisons = 256;
inline constexpr size_t kMaxListValues = 256;

enum class Operator : uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kContains,
  kStartsWith,
  kEndsWith,
  kMatches,
  kIn,
  kBetween,
  kExists
};

// A value as it was written.
struct Literal {
  bool is_number = false;
  std::string text;   // of a string or a word
  double number = 0;  // finite
  std::string unit;   // directly behind a number; may be empty
  size_t column = 0;
};

struct Comparison {
  std::string field;  // "metadata." for one key of it
  std::string key;    // of the metadata
  size_t column = 0;
  Operator op = Operator::kExists;
  size_t op_column = 0;
  std::vector<Literal> values;  // one; two for between; 1 to kMaxListValues for in; none for exists
};

// The operands are indices into the tree's nodes, smaller than the node's own.
struct SyntaxNode {
  enum class Type : uint8_t { kComparison, kNot, kAnd, kOr };
  Type type = Type::kComparison;
  size_t left = 0;   // kComparison: an index into the comparisons; kNot: the operand
  size_t right = 0;  // kAnd and kOr
};

struct SyntaxTree {
  std::vector<SyntaxNode> nodes;  // the last one is the root
  std::vector<Comparison> comparisons;
};

// InvalidArgument for everything that the grammar does not give, with the column (in bytes, from 1) of the
// first token that is wrong: "column 8: expected a value, found \"and\"".
absl::StatusOr<SyntaxTree> ParseExpression(absl::string_view text);

// The form of all errors about expressions.
absl::Status ExpressionError(size_t column, absl::string_view what);

}  // namespace routebench::routing

#endif  // ROUTEBENCH_EVENTS_ROUTING_EXPRESSION_SYNTAX_H_
