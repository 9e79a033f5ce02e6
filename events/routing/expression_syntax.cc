#include "events/routing/expression_syntax.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace routebench::routing {
namespace {

constexpr std::array<absl::string_view, 11> kKeywords = {
    "and", "or", "not", "contains", "starts", "ends", "with", "matches", "in", "between", "exists"};

constexpr std::array<std::pair<absl::string_view, Operator>, 6> kSymbols = {
    {{"=", Operator::kEqual},
     {"!=", Operator::kNotEqual},
     {"<", Operator::kLess},
     {"<=", Operator::kLessOrEqual},
     {">", Operator::kGreater},
     {">=", Operator::kGreaterOrEqual}}};

struct Token {
  enum class Type : uint8_t { kEnd, kWord, kString, kNumber, kSymbol };
  Type type = Type::kEnd;
  size_t column = 1;
  absl::string_view raw;
  Literal literal;  // of a word, a string or a number
};

bool IsWordStart(char c) { return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }
bool IsWordPart(char c) { return IsWordStart(c) || IsDigit(c) || c == '.' || c == '-'; }

bool IsKeyword(const Token& token, absl::string_view keyword) {
  return token.type == Token::Type::kWord && absl::EqualsIgnoreCase(token.raw, keyword);
}

bool IsAnyKeyword(const Token& token) {
  return std::any_of(kKeywords.begin(), kKeywords.end(), [&](auto each) { return IsKeyword(token, each); });
}

class Lexer {
 public:
  explicit Lexer(absl::string_view text) : text_(text) {}

  // Directly behind the last token.
  bool at_quote() const { return at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\''); }

  absl::Status Next(Token* token) {
    while (at_ < text_.size() && absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    const size_t begin = at_;
    *token = Token{.column = begin + 1};
    absl::Status status = at_ == text_.size() ? absl::OkStatus() : Read(token);
    token->raw = text_.substr(begin, at_ - begin);
    token->literal.column = token->column;
    return status;
  }

 private:
  absl::Status Read(Token* token) {
    const char c = text_[at_];
    if (IsWordStart(c)) return ReadWord(token);
    if (at_quote()) return ReadString(token);
    if (IsDigit(c) || c == '-') return ReadNumber(token);
    token->type = Token::Type::kSymbol;
    ++at_;
    if (absl::StrContains("(),=", c)) return absl::OkStatus();
    const bool has_equals = at_ < text_.size() && text_[at_] == '=';
    if (has_equals && absl::StrContains("<>!", c)) ++at_;
    if (c == '<' || c == '>' || (c == '!' && has_equals)) return absl::OkStatus();
    return ExpressionError(token->column, absl::StrCat("unexpected character '",
                                                       absl::CHexEscape(absl::string_view(&c, 1)), "'"));
  }

  absl::Status ReadWord(Token* token) {
    const size_t begin = at_;
    while (at_ < text_.size() && IsWordPart(text_[at_])) ++at_;
    token->type = Token::Type::kWord;
    token->literal.text = std::string(text_.substr(begin, at_ - begin));
    return absl::OkStatus();
  }

  absl::Status ReadNumber(Token* token) {
    token->type = Token::Type::kNumber;
    token->literal.is_number = true;
    const char* const end = text_.data() + text_.size();
    const auto [rest, error] = std::from_chars(text_.data() + at_, end, token->literal.number);
    if (error != std::errc() || !std::isfinite(token->literal.number)) {
      return ExpressionError(token->column, "this is not a number that can be compared with");
    }
    at_ = static_cast<size_t>(rest - text_.data());
    const size_t unit = at_;
    while (at_ < text_.size() && (IsWordStart(text_[at_]) || IsDigit(text_[at_]))) ++at_;
    token->literal.unit = std::string(text_.substr(unit, at_ - unit));
    return absl::OkStatus();
  }

  absl::Status ReadString(Token* token) {
    token->type = Token::Type::kString;
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\') {
        if (absl::Status status = ReadEscape(token); !status.ok()) return status;
      } else {
        token->literal.text.push_back(text_[at_++]);
      }
    }
    if (at_ == text_.size()) return ExpressionError(token->column, "this string has no end");
    ++at_;
    return absl::OkStatus();
  }

  absl::Status ReadEscape(Token* token) {
    const size_t column = at_ + 1;
    const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    const absl::string_view digits = at_ + 2 <= text_.size() ? text_.substr(at_ + 2, 2) : "";
    at_ += 2;
    if (c == '\\' || c == '"' || c == '\'') {
      token->literal.text.push_back(c);
    } else if (c == 'n' || c == 't' || c == 'r') {
      token->literal.text.push_back(c == 'n' ? '\n' : c == 't' ? '\t' : '\r');
    } else if (c == 'x' && digits.size() == 2 &&
               absl::ascii_isxdigit(static_cast<unsigned char>(digits[0])) &&
               absl::ascii_isxdigit(static_cast<unsigned char>(digits[1]))) {
      token->literal.text += absl::HexStringToBytes(digits);
      at_ += 2;
    } else {
      at_ = std::min(at_, text_.size());
      return ExpressionError(column, R"(an escape is one of \\ \" \' \n \t \r \xHH)");
    }
    return absl::OkStatus();
  }

  const absl::string_view text_;
  size_t at_ = 0;
};

// Recursive descent; every function leaves `token_` at the first token that it did not use.
class Parser {
 public:
  explicit Parser(absl::string_view text) : lexer_(text) {}

  absl::StatusOr<SyntaxTree> Parse() {
    absl::Status status = Advance();
    if (status.ok() && token_.type == Token::Type::kEnd) return ExpressionError(1, "the expression is empty");
    if (status.ok()) status = Disjunction();
    if (status.ok() && token_.type != Token::Type::kEnd) status = Expected("\"and\", \"or\" or the end");
    if (!status.ok()) return status;
    return std::move(tree_);
  }

 private:
  absl::Status Advance() { return lexer_.Next(&token_); }

  absl::Status Expected(absl::string_view what) const {
    if (token_.type == Token::Type::kEnd) {
      return ExpressionError(token_.column, absl::StrCat("expected ", what, ", found the end"));
    }
    constexpr size_t kMaxShown = 40;
    const absl::string_view shown = token_.raw.substr(0, kMaxShown);
    return ExpressionError(token_.column, absl::StrCat("expected ", what, ", found ", absl::CHexEscape(shown),
                                                       shown.size() < token_.raw.size() ? "..." : ""));
  }

  size_t root() const { return tree_.nodes.size() - 1; }

  absl::Status Disjunction() {
    return Chain("or", SyntaxNode::Type::kOr,
                 [this] { return Chain("and", SyntaxNode::Type::kAnd, [this] { return Negation(); }); });
  }

  template <typename Operand>
  absl::Status Chain(absl::string_view keyword, SyntaxNode::Type type, const Operand& operand) {
    if (absl::Status status = operand(); !status.ok()) return status;
    while (IsKeyword(token_, keyword)) {
      const size_t left = root();
      if (absl::Status status = Advance(); !status.ok()) return status;
      if (absl::Status status = operand(); !status.ok()) return status;
      tree_.nodes.push_back({type, left, root()});
    }
    return absl::OkStatus();
  }

  absl::Status Negation() {
    const bool negated = IsKeyword(token_, "not");
    if (!negated && !IsSymbol("(")) return ReadComparison();
    if (++nesting_ > kMaxExpressionNesting) {
      return ExpressionError(token_.column,
                             absl::StrCat("nested deeper than ", kMaxExpressionNesting, " levels"));
    }
    if (absl::Status status = Advance(); !status.ok()) return status;
    if (absl::Status status = negated ? Negation() : Disjunction(); !status.ok()) return status;
    --nesting_;
    if (!negated) return Skip(")");
    tree_.nodes.push_back({SyntaxNode::Type::kNot, root(), 0});
    return absl::OkStatus();
  }

  bool IsSymbol(absl::string_view symbol) const {
    return token_.type == Token::Type::kSymbol && token_.raw == symbol;
  }

  absl::Status Skip(absl::string_view symbol) {
    return IsSymbol(symbol) ? Advance() : Expected(absl::StrCat("\"", symbol, "\""));
  }

  absl::Status SkipKeyword(absl::string_view keyword) {
    return IsKeyword(token_, keyword) ? Advance() : Expected(absl::StrCat("\"", keyword, "\""));
  }

  absl::Status ReadComparison() {
    if (tree_.comparisons.size() == kMaxComparisons) {
      return ExpressionError(token_.column, absl::StrCat("more than ", kMaxComparisons, " comparisons"));
    }
    Comparison comparison;
    absl::Status status = ReadField(&comparison);
    if (status.ok()) status = ReadOperator(&comparison);
    if (status.ok()) status = ReadOperands(&comparison);
    if (!status.ok()) return status;
    tree_.nodes.push_back({SyntaxNode::Type::kComparison, tree_.comparisons.size(), 0});
    tree_.comparisons.push_back(std::move(comparison));
    return absl::OkStatus();
  }

  absl::Status ReadField(Comparison* comparison) {
    constexpr absl::string_view kMetadata = "metadata.";
    if (token_.type != Token::Type::kWord || IsAnyKeyword(token_)) {
      return Expected("a field, \"not\" or \"(\"");
    }
    comparison->column = token_.column;
    comparison->field = token_.literal.text;
    if (comparison->field == kMetadata && lexer_.at_quote()) {
      if (absl::Status status = Advance(); !status.ok()) return status;
      comparison->key = std::move(token_.literal.text);
    } else if (absl::StartsWith(comparison->field, kMetadata)) {
      comparison->key = comparison->field.substr(kMetadata.size());
      comparison->field.resize(kMetadata.size());
    }
    return Advance();
  }

  absl::Status ReadOperator(Comparison* comparison) {
    comparison->op_column = token_.column;
    for (const auto& [symbol, op] : kSymbols) {
      if (!IsSymbol(symbol)) continue;
      comparison->op = op;
      return Advance();
    }
    const auto is_one = [&](absl::string_view keyword, Operator op) {
      if (!IsKeyword(token_, keyword)) return false;
      comparison->op = op;
      return true;
    };
    if (is_one("starts", Operator::kStartsWith) || is_one("ends", Operator::kEndsWith)) {
      if (absl::Status status = Advance(); !status.ok()) return status;
      return SkipKeyword("with");
    }
    if (is_one("contains", Operator::kContains) || is_one("matches", Operator::kMatches) ||
        is_one("in", Operator::kIn) || is_one("between", Operator::kBetween) ||
        is_one("exists", Operator::kExists)) {
      return Advance();
    }
    return Expected("an operator");
  }

  absl::Status ReadOperands(Comparison* comparison) {
    switch (comparison->op) {
      case Operator::kExists:
        return absl::OkStatus();
      case Operator::kIn:
        return ReadList(comparison);
      case Operator::kBetween: {
        absl::Status status = ReadValue(comparison);
        if (status.ok()) status = SkipKeyword("and");
        return status.ok() ? ReadValue(comparison) : status;
      }
      default:
        return ReadValue(comparison);
    }
  }

  absl::Status ReadList(Comparison* comparison) {
    absl::Status status = Skip("(");
    while (status.ok()) {
      if (comparison->values.size() == kMaxListValues) {
        return ExpressionError(token_.column, absl::StrCat("more than ", kMaxListValues, " values"));
      }
      status = ReadValue(comparison);
      if (!status.ok() || IsSymbol(")")) break;
      status = IsSymbol(",") ? Advance() : Expected("\",\" or \")\"");
    }
    return status.ok() ? Skip(")") : status;
  }

  absl::Status ReadValue(Comparison* comparison) {
    const bool is_value = token_.type == Token::Type::kWord || token_.type == Token::Type::kString ||
                          token_.type == Token::Type::kNumber;
    if (!is_value) return Expected("a value");
    if (IsAnyKeyword(token_)) return Expected("a value (a keyword is one in quotes only)");
    comparison->values.push_back(std::move(token_.literal));
    return Advance();
  }

  Lexer lexer_;
  Token token_;
  SyntaxTree tree_;
  size_t nesting_ = 0;
};

}  // namespace

absl::Status ExpressionError(size_t column, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("column ", column, ": ", what));
}

absl::StatusOr<SyntaxTree> ParseExpression(absl::string_view text) {
  if (text.size() > kMaxExpressionBytes) {
    return ExpressionError(kMaxExpressionBytes + 1,
                           absl::StrCat("the expression is longer than ", kMaxExpressionBytes, " bytes"));
  }
  return Parser(text).Parse();
}

}  // namespace routebench::routing
