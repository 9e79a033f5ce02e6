// conformance_test --backend=NAME[,WAIT] [gtest's own flags]
#include <cstdio>
#include <string_view>

#include "gtest/gtest.h"
#include "tests/conformance/backend.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  constexpr std::string_view kFlag = "--backend=";
  const std::string_view argument = argc == 2 ? argv[1] : "";
  if (argument.substr(0, kFlag.size()) != kFlag ||
      !routebench::conformance::SelectBackend(argument.substr(kFlag.size()))) {
    std::fprintf(
        stderr,
        "usage: conformance_test --backend=NAME[,WAIT], WAIT a policy of events/wait.h, NAME one of:");
    for (const auto& backend : routebench::conformance::Backends()) {
      std::fprintf(stderr, " %.*s", static_cast<int>(backend.name.size()), backend.name.data());
    }
    std::fprintf(stderr, "\n");
    return 64;
  }
  return RUN_ALL_TESTS();
}
