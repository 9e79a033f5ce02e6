// Compares text with a file of tests/golden/analysis. With ROUTEBENCH_UPDATE_GOLDEN set in the environment
// the file is written instead: look at the difference before committing it.
#ifndef ROUTEBENCH_TESTS_ANALYSIS_GOLDEN_H_
#define ROUTEBENCH_TESTS_ANALYSIS_GOLDEN_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

namespace routebench::testing {

inline void ExpectGolden(const std::string& text, const std::string& name) {
  const std::string path = std::string(ROUTEBENCH_GOLDEN_DIR) + "/" + name;
  if (std::getenv("ROUTEBENCH_UPDATE_GOLDEN") != nullptr) {
    std::ofstream(path, std::ios::binary) << text;
    return;
  }
  std::ifstream file(path, std::ios::binary);
  ASSERT_TRUE(file) << path << " is missing";
  const std::string expected((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(text, expected) << "differs from " << path;
}

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_ANALYSIS_GOLDEN_H_
