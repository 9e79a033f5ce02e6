#include "events/kind.h"

#include <set>
#include <string>
#include <string_view>

#include "events/filter.h"
#include "gtest/gtest.h"

namespace routebench {
namespace {

TEST(Kind, NamesAreUniqueBeginWithTheirCategoryAndParse) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kKindCount; ++i) {
    const auto kind = static_cast<EventKind>(i);
    const std::string_view name = Name(kind);
    EXPECT_TRUE(names.insert(name).second) << name;
    EXPECT_TRUE(name.starts_with(Name(CategoryOf(kind)))) << name;
    EXPECT_EQ(ParseKind(name), kind);
  }
}

TEST(Kind, CategoriesParse) {
  for (size_t i = 0; i < kCategoryCount; ++i) {
    const auto category = static_cast<Category>(i);
    EXPECT_EQ(ParseCategory(Name(category)), category);
  }
}

TEST(Kind, UnknownNamesAndNumbersAreRefused) {
  for (const std::string_view name :
       {"", "filesystem.", "filesystem", "file_created", "FILESYSTEM.FILE_CREATED"}) {
    EXPECT_EQ(ParseKind(name), std::nullopt) << name;
  }
  EXPECT_EQ(ParseCategory("files"), std::nullopt);
  EXPECT_TRUE(IsKnownKind(kKindCount - 1));
  EXPECT_FALSE(IsKnownKind(kKindCount));
  EXPECT_FALSE(IsKnownKind(255));
}

TEST(KindSet, CategoriesPartitionAllKinds) {
  KindSet all;
  for (size_t i = 0; i < kCategoryCount; ++i) {
    const KindSet set = KindSet::Of(static_cast<Category>(i));
    EXPECT_FALSE(set.empty());
    EXPECT_TRUE((set & all).empty());
    all = all | set;
  }
  EXPECT_EQ(all, KindSet::All());
}

TEST(KindSet, ContainsWhatWasPutIn) {
  const KindSet set = KindSet().With(EventKind::kFileCreated).With(EventKind::kCustom);
  for (size_t i = 0; i < kKindCount; ++i) {
    const auto kind = static_cast<EventKind>(i);
    EXPECT_EQ(set.Contains(kind), kind == EventKind::kFileCreated || kind == EventKind::kCustom)
        << Name(kind);
  }
}

TEST(KindSet, BitsBeyondTheKindsAreIgnored) {
  EXPECT_EQ(KindSet::FromBits(~uint64_t{0}), KindSet::All());
  EXPECT_TRUE(KindSet::FromBits(uint64_t{1} << kKindCount).empty());
}

TEST(PrioritySet, ContainsWhatWasPutIn) {
  const PrioritySet set = PrioritySet().With(Priority::kCritical).With(Priority::kLow);
  EXPECT_TRUE(set.Contains(Priority::kCritical));
  EXPECT_FALSE(set.Contains(Priority::kHigh));
  EXPECT_FALSE(set.Contains(Priority::kNormal));
  EXPECT_TRUE(set.Contains(Priority::kLow));
  EXPECT_EQ(PrioritySet::FromBits(0xff), PrioritySet::All());
}

TEST(Filter, IsAConjunction) {
  const Filter filter{.kinds = KindSet::Of(Category::kMcp),
                      .priorities = PrioritySet().With(Priority::kHigh)};
  EXPECT_TRUE(filter.AdmitsHeader({.kind = EventKind::kToolCall, .priority = Priority::kHigh}));
  EXPECT_FALSE(filter.AdmitsHeader({.kind = EventKind::kToolCall, .priority = Priority::kLow}));
  EXPECT_FALSE(filter.AdmitsHeader({.kind = EventKind::kFileCreated, .priority = Priority::kHigh}));
  EXPECT_TRUE(Filter().AdmitsHeader({.kind = EventKind::kCustom, .priority = Priority::kLow}));
}

}  // namespace
}  // namespace routebench
