#include "loadgen/environment.h"

#include <unistd.h>

#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

TEST(EnvironmentTest, KnowsThisMachine) {
  const record::Environment environment = ReadEnvironment({"loadgen", "--pattern", "spike"});
  EXPECT_EQ(environment.cpus(), static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN)));
  EXPECT_EQ(environment.boot_id().size(), 36u);
  EXPECT_GT(environment.memory_bytes(), 0u);
  EXPECT_EQ(environment.kernel().rfind("Linux ", 0), 0u);
  EXPECT_GT(environment.clock_read_ns(), 0);
  EXPECT_LT(environment.clock_read_ns(), 100'000);
  EXPECT_FALSE(environment.compiler().empty());
  EXPECT_FALSE(environment.tool_version().empty());
  ASSERT_EQ(environment.command_line_size(), 3);
  EXPECT_EQ(environment.command_line(2), "spike");
}

}  // namespace
}  // namespace routebench::loadgen
