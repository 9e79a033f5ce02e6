// R9: filters as a whole.
#include "events/routing/filter_set.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/allocations.h"

namespace routebench::routing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Metadata = std::vector<std::pair<std::string, std::string>>;

class FilterSetTest : public ::testing::Test {
 protected:
  FilterSetTest() {
    header_.kind = EventKind::kToolCall;
    header_.priority = Priority::kHigh;
    attributes_.source = {"id", "type", "instance"};
    attributes_.metadata = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  }
  bool Matches(const std::vector<Filter>& filters) const {
    const auto set = FilterSet::Compile(filters);
    EXPECT_TRUE(set.ok()) << set.status();
    return set.ok() && set->Matches({header_, attributes_, 100});
  }
  EventHeader header_;
  Attributes attributes_;
};

TEST_F(FilterSetTest, EveryPartIsNeeded) {
  EXPECT_TRUE(Matches({}));
  EXPECT_TRUE(Matches({Filter{}}));
  const Filter all{.kinds = KindSet::Of(Category::kMcp),
                   .priorities = PrioritySet().With(Priority::kHigh),
                   .sources = {{.id = "id"}},
                   .max_body_bytes = 100,
                   .metadata = {{"a", "1"}, {"b", "2"}},
                   .expression = "size = 100"};
  EXPECT_TRUE(Matches({all}));
  std::vector<Filter> lacking(7, all);
  lacking[0].kinds = KindSet::Of(Category::kDatabase);
  lacking[1].priorities = PrioritySet().With(Priority::kLow);
  lacking[2].sources = {{.id = "other"}};
  lacking[3].max_body_bytes = 99;
  lacking[4].metadata[0].second = "3";  // the first entry counts
  lacking[5].metadata[1].first = "c";
  lacking[6].expression = "size = 99";
  for (const Filter& filter : lacking) EXPECT_FALSE(Matches({filter}));
  EXPECT_FALSE(Matches(lacking));
  lacking.push_back(all);
  EXPECT_TRUE(Matches(lacking));
}

TEST_F(FilterSetTest, AnEmptyPartOfASourceStandsForAny) {
  EXPECT_TRUE(Matches({{.sources = {{.id = "x"}, {.type = "type"}}}}));
  EXPECT_TRUE(Matches({{.sources = {{.instance = "instance"}}}}));
  EXPECT_TRUE(Matches({{.sources = {{.id = "id", .type = "type", .instance = "instance"}}}}));
  EXPECT_FALSE(Matches({{.sources = {{.id = "id", .type = "x"}, {.id = "id", .instance = "x"}}}}));
}

TEST(FilterSet, NamesTheFilterThatIsWrong) {
  const auto message = [](const std::vector<Filter>& filters) {
    const absl::Status status = FilterSet::Compile(filters).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_EQ(message({{}, {.expression = "size > x"}}),
            "filter 2: expression, column 8: size is compared with a number here");
  EXPECT_THAT(message({{.sources = {{}}}}), HasSubstr("filter 1: a source of a filter has"));
  EXPECT_THAT(message({{.metadata = {{"", "x"}}}}),
              HasSubstr("filter 1: a metadata entry of a filter has a key"));
  EXPECT_EQ(message(std::vector<Filter>(kMaxFilters + 1)), "more than 64 filters");
  EXPECT_TRUE(FilterSet::Compile(std::vector<Filter>(kMaxFilters)).ok());
  EXPECT_THAT(message({{.sources = std::vector<Source>(kMaxFilterSources + 1, {.id = "a"})}}),
              HasSubstr("more than 256 sources"));
  EXPECT_THAT(message({{.metadata = Metadata(kMaxFilterMetadata + 1, {"k", "v"})}}),
              HasSubstr("more than 64 metadata entries"));
}

TEST(FilterSet, SaysWhatAnIndexNeeds) {
  const auto compiled =
      CompiledFilter::Compile({.kinds = KindSet::Of(Category::kMcp),
                               .sources = {{.id = "a"}, {.id = "b", .type = "t"}},
                               .metadata = {{"k", "v"}},
                               .expression = "kind starts with mcp.tool and metadata.n = w"});
  ASSERT_TRUE(compiled.ok()) << compiled.status();
  EXPECT_EQ(compiled->kinds(),
            KindSet().With(EventKind::kToolCall).With(EventKind::kToolResponse).With(EventKind::kToolError));
  ASSERT_EQ(compiled->keys().size(), 3);
  EXPECT_TRUE(compiled->keys()[0].on_source_id);
  EXPECT_THAT(compiled->keys()[0].values, ElementsAre("a", "b"));
  EXPECT_EQ(compiled->keys()[1].key, "k");
  EXPECT_EQ(compiled->keys()[2].key, "n");
  EXPECT_FALSE(compiled->header_decides());
  EXPECT_TRUE(CompiledFilter::Compile({.sources = {{.id = "a"}, {.type = "t"}}})->keys().empty());
  EXPECT_TRUE(CompiledFilter::Compile({.priorities = PrioritySet().With(Priority::kLow)})->header_decides());
  EXPECT_FALSE(CompiledFilter::Compile({.max_body_bytes = 5})->header_decides());
}

TEST(FilterSet, SaysWhatItReads) {
  const auto set = [](std::vector<Filter> filters) { return *FilterSet::Compile(filters); };
  EXPECT_FALSE(set({}).reads_attributes());
  EXPECT_FALSE(set({{.max_body_bytes = 5, .expression = "age > 5s"}}).reads_attributes());
  EXPECT_TRUE(set({{}, {.expression = "age > 5s"}}).reads_time());
  EXPECT_TRUE(set({{}, {.expression = "target = a"}}).reads_attributes());
  EXPECT_TRUE(set({{.sources = {{.type = "t"}}}}).reads_attributes());
  EXPECT_TRUE(set({{.metadata = {{"k", "v"}}}}).reads_attributes());
  EXPECT_FALSE(set({{.metadata = {{"k", "v"}}}}).reads_time());
}

// The parts of a filter, one after the other, by an expression that says the same.
std::string AsExpression(const Filter& filter) {
  std::string text = "size <= " + std::to_string(filter.max_body_bytes) + " and (";
  for (const Source& source : filter.sources) {
    text += "(id exists";
    if (!source.id.empty()) text += " and source.id = " + source.id;
    if (!source.type.empty()) text += " and source.type = " + source.type;
    if (!source.instance.empty()) text += " and source.instance = " + source.instance;
    text += ") or ";
  }
  text += filter.sources.empty() ? "id exists)" : "not id exists)";
  for (const auto& [key, value] : filter.metadata) text += " and metadata." + key + " = " + value;
  return text + " and " + filter.expression;
}

TEST(FilterSet, PartsAgreeWithAnExpressionThatSaysTheSame) {
  std::mt19937_64 random(20260104);
  const std::vector<std::string> texts = {"a", "b", "c"};
  const auto text = [&] { return texts[random() % texts.size()]; };
  const auto maybe = [&] { return random() % 2 == 0 ? text() : std::string(); };
  int matched = 0;
  for (int round = 0; round < 2000; ++round) {
    Filter filter{.max_body_bytes = random() % 20};
    filter.expression = "attempt > " + std::to_string(random() % 3);
    for (size_t i = random() % 3; i > 0; --i) filter.sources.push_back({text(), maybe(), maybe()});
    for (size_t i = random() % 3; i > 0; --i) filter.metadata.emplace_back(text(), text());
    const auto set = FilterSet::Compile({filter});
    ASSERT_TRUE(set.ok()) << set.status();
    const auto same = FilterExpression::Parse(AsExpression(filter));
    ASSERT_TRUE(same.ok()) << AsExpression(filter) << same.status();
    for (int n = 0; n < 20; ++n) {
      EventHeader header;
      header.id = {1, 1};
      header.attempt = static_cast<uint8_t>(random() % 4);
      Attributes attributes{.source = {text(), text(), text()}};
      for (size_t i = random() % 4; i > 0; --i) attributes.metadata.emplace_back(text(), text());
      const EventView view{header, attributes, random() % 20};
      ASSERT_EQ(set->Matches(view), same->Matches(view)) << AsExpression(filter);
      matched += set->Matches(view) ? 1 : 0;
    }
  }
  EXPECT_GT(matched, 2000);
}

TEST_F(FilterSetTest, EvaluatingAllocatesNothing) {
  const auto set = FilterSet::Compile({{.sources = {{.id = "x"}}},
                                       {.metadata = {{"a", "2"}}},
                                       {.sources = {{.id = "id"}}, .expression = "metadata.b > 1"}});
  ASSERT_TRUE(set.ok());
  const auto before = testing::Allocations::OfThisThread();
  EXPECT_TRUE(set->Matches({header_, attributes_, 100}));
  EXPECT_EQ((testing::Allocations::OfThisThread() - before).count, 0);
}

}  // namespace
}  // namespace routebench::routing
