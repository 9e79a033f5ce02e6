// R9: the expression language, by example.
#include "events/routing/filter_expression.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/allocations.h"

namespace routebench::routing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kId[] = "00000000000000070000000000000009";

class FilterExpressionTest : public ::testing::Test {
 protected:
  FilterExpressionTest() {
    header_.id = {7, 9};
    header_.kind = EventKind::kFileModified;
    header_.priority = Priority::kHigh;
    header_.created = FromNanos(1'000'000'000);
    header_.attempt = 2;
    attributes_.source = {"watcher-1", "watcher", ""};
    attributes_.targets = {"indexer", "backup"};
    attributes_.metadata = {
        {"tenant", "acme"}, {"retries", "3"}, {"empty", ""}, {"odd key", "x"}, {"tenant", "b"}};
  }

  bool Matches(const std::string& text) {
    const auto expression = FilterExpression::Parse(text);
    EXPECT_TRUE(expression.ok()) << text << ": " << expression.status();
    return expression.ok() && expression->Matches(View());
  }
  EventView View() const { return {header_, attributes_, 2048, FromNanos(6'000'000'000)}; }

  EventHeader header_;
  Attributes attributes_;
};

TEST_F(FilterExpressionTest, ComparesFields) {
  const std::vector<std::string> true_of_the_event = {
      std::string("id = ") + "\"" + kId + "\"",
      std::string("id in ('ffffffffffffffffffffffffffffffff', '") + kId + "')",
      "not correlation exists and id exists and category exists",
      "category = filesystem",
      "category != database",
      "category in (mcp, filesystem)",
      "kind = filesystem.file_modified",
      "kind starts with 'filesystem.' and kind ends with _modified and kind contains file",
      "kind matches '^filesystem\\\\.(file|directory)_m'",
      "priority = high",
      "priority = 1 and priority < normal and priority <= 1 and priority > critical and priority >= high",
      "priority between critical and high and priority in (high, 3)",
      "source.id = watcher-1",
      "source.id != 'watcher-2' and source.id > 'watcher-0' and source.id between 'a' and 'x'",
      "source.type matches 'wat.h' and source.type in ('a', \"watcher\", zebra)",
      "not source.instance exists and source.instance = ''",
      "target = backup and target = indexer and target != backup",
      "size = 2048 and size = 2KiB and size > 2kB and size between 1KiB and 1MB and size in (7, 2048)",
      "size >= 2048 and size <= 2048 and not size < 2048 and not size > 2048",
      "not content_type exists",
      "attempt = 2 and attempt != 1",
      "age = 5s and age > 4999ms and age < 1min and age >= 5000000us and age <= 5000000000ns",
      "metadata.tenant = acme and metadata.tenant != b",
      "metadata.retries = 3 and metadata.retries = '3' and metadata.retries < 10 and metadata.retries > "
      "-1.5e2",
      "metadata.retries in (1, 2, 3) and metadata.retries != 4 and metadata.retries between 3 and 3",
      "metadata.'odd key' = x and metadata.\"odd key\" exists",
      "metadata.empty exists and metadata.empty = ''",
  };
  for (const std::string& text : true_of_the_event) {
    EXPECT_TRUE(Matches(text)) << text;
    EXPECT_FALSE(Matches("not (" + text + ")")) << text;
  }
}

TEST_F(FilterExpressionTest, NothingHoldsForWhatIsNotThere) {
  for (const std::string field : {"metadata.missing", "metadata.Tenant", "correlation", "causation"}) {
    EXPECT_FALSE(Matches(field + " exists")) << field;
    EXPECT_FALSE(Matches(field + " = '" + kId + "'")) << field;
    EXPECT_FALSE(Matches(field + " != '" + kId + "'")) << field;
  }
  EXPECT_FALSE(Matches("metadata.tenant = 3"));  // not a number
  EXPECT_FALSE(Matches("metadata.tenant != 3"));
  attributes_.targets.clear();
  EXPECT_FALSE(Matches("target != x"));
  EXPECT_FALSE(Matches("target exists"));
}

TEST_F(FilterExpressionTest, AndBindsMoreTightlyThanOrAndKeywordsHaveNoCase) {
  EXPECT_TRUE(Matches("attempt = 2 or attempt = 2 and attempt = 3"));
  EXPECT_FALSE(Matches("(attempt = 2 or attempt = 2) and attempt = 3"));
  EXPECT_TRUE(Matches("not attempt = 3 and attempt = 2"));
  EXPECT_TRUE(Matches("not not(attempt=2)AND NOT attempt=3 Or attempt BETWEEN 7 and 8"));
}

TEST_F(FilterExpressionTest, StringsHaveEscapes) {
  attributes_.source.id = "a\"b'c\\d\n\t\r\xff";
  EXPECT_TRUE(Matches(R"(source.id = "a\"b'c\\d\n\t\r\xff")"));
  EXPECT_TRUE(Matches(R"(source.id = 'a"b\'c\\d\x0A\x09\x0d\xFF')"));
}

TEST_F(FilterExpressionTest, SaysWhatIsNecessary) {
  const auto expression = FilterExpression::Parse(
      "category = database and (kind = database.record_created or size > 1) and priority <= high and "
      "source.id in (b, a) and metadata.k = v and not metadata.n = 1 and metadata.m = 5");
  ASSERT_TRUE(expression.ok()) << expression.status();
  EXPECT_EQ(expression->kinds(), KindSet::Of(Category::kDatabase));
  EXPECT_EQ(expression->priorities(), PrioritySet().With(Priority::kCritical).With(Priority::kHigh));
  ASSERT_EQ(expression->keys().size(), 2);
  EXPECT_TRUE(expression->keys()[0].on_source_id);
  EXPECT_THAT(expression->keys()[0].values, ::testing::ElementsAre("a", "b"));
  EXPECT_EQ(expression->keys()[1].key, "k");
  EXPECT_THAT(expression->keys()[1].values, ::testing::ElementsAre("v"));
  EXPECT_TRUE(expression->reads_attributes());
  EXPECT_FALSE(expression->reads_time());
  EXPECT_TRUE(FilterExpression::Parse("age > 1s")->reads_time());
  EXPECT_FALSE(FilterExpression::Parse("age > 1s and kind matches x and id exists")->reads_attributes());
  EXPECT_TRUE(FilterExpression::Parse("metadata.k = v or size > 1")->keys().empty());
}

TEST_F(FilterExpressionTest, EvaluatingAllocatesNothing) {
  const auto expression = FilterExpression::Parse(
      "category = filesystem and metadata.retries > 2 and source.id starts with watcher and target in (x, "
      "backup) "
      "and not source.type contains zzz and age > 1s and metadata.missing exists");
  ASSERT_TRUE(expression.ok()) << expression.status();
  const auto before = testing::Allocations::OfThisThread();
  bool matched = false;
  for (int i = 0; i < 100; ++i) matched |= expression->Matches(View());
  EXPECT_EQ((testing::Allocations::OfThisThread() - before).count, 0);
  EXPECT_FALSE(matched);
}

struct BadExpression {
  std::string text;
  size_t column;
  std::string says;
};

void ExpectErrors(const std::vector<BadExpression>& cases) {
  for (const BadExpression& bad : cases) {
    const absl::Status status = FilterExpression::Parse(bad.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad.text;
    EXPECT_THAT(std::string(status.message()),
                AllOf(StartsWith("column " + std::to_string(bad.column) + ": "), HasSubstr(bad.says)))
        << bad.text;
  }
}

TEST(FilterExpressionErrors, OfTheSyntax) {
  ExpectErrors({
      {"", 1, "empty"},
      {"  \t", 1, "empty"},
      {"size", 5, "expected an operator, found the end"},
      {"size = ", 8, "expected a value, found the end"},
      {"size = and", 8, "expected a value (a keyword is one in quotes only), found and"},
      {"and size = 1", 1, "expected a field, \"not\" or \"(\", found and"},
      {"size = 1 size = 2", 10, "expected \"and\", \"or\" or the end, found size"},
      {"(size = 1", 10, "expected \")\", found the end"},
      {"size = 1)", 9, "found )"},
      {"size between 1 or 2", 16, "expected \"and\", found or"},
      {"source.id starts 'a'", 18, "expected \"with\""},
      {"size in 1", 9, "expected \"(\""},
      {"size in ()", 10, "expected a value, found )"},
      {"size in (1 2)", 12, "expected \",\" or \")\""},
      {"size in (1,)", 12, "expected a value, found )"},
      {"size ! 1", 6, "unexpected character '!'"},
      {"size == 1", 7, "expected a value, found ="},
      {"size # 1", 6, "unexpected character '#'"},
      {"size = 1 \x01", 10, "unexpected character '\\x01'"},
      {"source.id = 'abc", 13, "no end"},
      {"source.id = 'a\\q'", 15, "an escape is one of"},
      {"source.id = 'a\\x1g'", 15, "an escape is one of"},
      {"source.id = 'a\\", 15, "an escape is one of"},
      {"size = -", 8, "not a number"},
      {"size = 1e999", 8, "not a number"},
      {"size = 1 " + std::string(50, 'x'), 10, "found " + std::string(40, 'x') + "..."},
  });
}

TEST(FilterExpressionErrors, OfTheMeaning) {
  ExpectErrors({
      {"sise = 1", 1, "unknown field \"sise\"; there are id, category,"},
      {"size = 1 and source = a", 14, "unknown field \"source\""},
      {"metadata = a", 1, "unknown field \"metadata\""},
      {"metadata. = a", 1, "needs a key"},
      {"category = files", 12, "there is no category \"files\""},
      {"category in (mcp, files)", 19, "there is no category \"files\""},
      {"kind = file_modified", 8, "there is no kind \"file_modified\""},
      {"kind = 7", 8, "compared with text"},
      {"kind < mcp.tool_call", 6, "kind can be compared by"},
      {"kind matches '('", 14, "bad regular expression"},
      {"priority = urgent", 12, "a priority is one of critical, high, normal, low, or 0 to 3"},
      {"priority = 4", 12, "a priority is one of"},
      {"priority = 1.5", 12, "a priority is one of"},
      {"priority = 1s", 12, "a priority is one of"},
      {"priority contains high", 10, "priority can be compared by"},
      {"id = 'abc'", 6, "32 hexadecimal digits"},
      {"id = 7", 6, "32 hexadecimal digits"},
      {"correlation < 'abc'", 13, "correlation can be compared by"},
      {"size = big", 8, "size is compared with a number"},
      {"size = 3s", 8, "unknown unit \"s\"; size has B, kB,"},
      {"size contains 3", 6, "size can be compared by"},
      {"age > 3KiB", 7, "unknown unit \"KiB\"; age has ns,"},
      {"attempt = 3B", 11, "attempt has none"},
      {"metadata.k > 3B", 14, "metadata.k has none"},
      {"metadata.k in (1, a)", 19, "metadata.k is compared with a number here"},
      {"metadata.k in (a, 1)", 19, "metadata.k is compared with text here"},
      {"metadata.k contains 1", 21, "compared with text"},
      {"source.id = 1", 13, "source.id is compared with text here; put it in quotes"},
      {"target matches '[a'", 16, "bad regular expression"},
      {"source.id matches '(((((a{1000}){1000}){1000}){1000}){1000})'", 19, "bad regular expression"},
  });
}

TEST(FilterExpressionErrors, OfTheLimits) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '(') + "size = 1" + std::string(depth, ')');
  };
  const auto listed = [](size_t values) {
    std::string text = "size in (0";
    for (size_t i = 1; i < values; ++i) text += ",1";
    return text + ")";
  };
  const auto chained = [](size_t comparisons) {
    std::string text = "size>0";
    for (size_t i = 1; i < comparisons; ++i) text += " or size>0";
    return text;
  };
  std::string beside_each_other = "not (size = 1)";
  for (size_t i = 0; i < kMaxExpressionNesting; ++i) beside_each_other += " or not (size = 1)";
  for (const std::string& text :
       {nested(kMaxExpressionNesting), listed(kMaxListValues), chained(kMaxComparisons),
        "size = 1" + std::string(kMaxExpressionBytes - 8, ' '), beside_each_other}) {
    EXPECT_TRUE(FilterExpression::Parse(text).ok()) << text;
  }
  ExpectErrors({
      {nested(kMaxExpressionNesting + 1), kMaxExpressionNesting + 1, "nested deeper than 32"},
      {"not " + nested(kMaxExpressionNesting), 4 + kMaxExpressionNesting, "nested deeper than 32"},
      {listed(kMaxListValues + 1), 10 + 2 * kMaxListValues, "more than 256 values"},
      {chained(kMaxComparisons + 1), 1 + 10 * kMaxComparisons, "more than 256 comparisons"},
      {std::string(kMaxExpressionBytes + 1, ' '), kMaxExpressionBytes + 1, "longer than 4096 bytes"},
  });
}

}  // namespace
}  // namespace routebench::routing
