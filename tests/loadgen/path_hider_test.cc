#include "loadgen/trace/path_hider.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace routebench::loadgen {
namespace {

using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

TEST(PathHider, KeepsTheShape) {
  const PathHider hider("secret");
  EXPECT_THAT(hider.Hide("src/main.cc"), MatchesRegex("[a-z2-7]{8}/[a-z2-7]{8}\\.cc"));
  EXPECT_THAT(hider.Hide("a/medium_name/a_rather_long_name.pb.h"),
              MatchesRegex("[a-z2-7]{8}/[a-z2-7]{16}/[a-z2-7]{24}\\.h"));
  EXPECT_THAT(hider.Hide(".git/.config.json"), MatchesRegex("\\.[a-z2-7]{8}/\\.[a-z2-7]{8}\\.json"));
  EXPECT_EQ(hider.Hide(""), "");
}

TEST(PathHider, HidesWhatIsNotAnExtension) {
  const PathHider hider("secret");
  EXPECT_THAT(hider.Hide("letter.anna-maria"), MatchesRegex("[a-z2-7]{24}"));
  EXPECT_THAT(hider.Hide("letter.confidential"), MatchesRegex("[a-z2-7]{24}"));
  EXPECT_THAT(hider.Hide("caf\xc3\xa9"), MatchesRegex("[a-z2-7]{8}"));
}

TEST(PathHider, IsStableAndDependsOnTheSecret) {
  const PathHider hider("secret");
  const std::string hidden = hider.Hide("src/main.cc");
  EXPECT_EQ(hidden, PathHider("secret").Hide("src/main.cc"));
  EXPECT_EQ(hider.Hide("src/main.h"), hidden.substr(0, hidden.size() - 2) + "h") << "siblings stay siblings";
  EXPECT_NE(hidden, PathHider("other").Hide("src/main.cc"));
  EXPECT_NE(PathHider::WithRandomSecret().Hide("src/main.cc"),
            PathHider::WithRandomSecret().Hide("src/main.cc"));
}

TEST(PathHider, TellsNamesApart) {
  const PathHider hider("secret");
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) seen.insert(hider.Hide("f" + std::to_string(i)));
  EXPECT_EQ(seen.size(), 10'000u);
}

}  // namespace
}  // namespace routebench::loadgen
