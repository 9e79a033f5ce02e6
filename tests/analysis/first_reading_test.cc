#include "analysis/diagnosis/first_reading.h"

#include <gtest/gtest.h>

#include "sample_record.h"

namespace routebench::diagnosis {
namespace {

using record::RunRecord;
using ::routebench::testing::MakeRecord;

const ResourceChange* Find(const Reading& reading, const std::string& resource) {
  for (const ResourceChange& change : reading.changes) {
    if (change.resource == resource) return &change;
  }
  return nullptr;
}

TEST(ReadFirst, NamesTheResourceThatGrewMost) {
  const RunRecord a = MakeRecord({});
  const RunRecord b = MakeRecord({.backend = "daemon:unix"});
  const Reading reading = ReadFirst({&a}, {&b});
  ASSERT_TRUE(reading.largest.has_value());
  EXPECT_EQ(reading.largest->resource, "CPU of the daemon");
  EXPECT_EQ(reading.largest->a, 0);
  EXPECT_NEAR(reading.largest->b, 8000, 1);
  EXPECT_NEAR(Find(reading, "CPU of the application's processes")->b, 8000, 1);
  EXPECT_EQ(Find(reading, "bytes on the wire")->a, 0);
}

TEST(ReadFirst, NamesNoneWhereNothingChanges) {
  const RunRecord a = MakeRecord({});
  EXPECT_FALSE(ReadFirst({&a}, {&a}).largest.has_value());
}

TEST(ReadFirst, NamesNoneWhereTwoGrewAlike) {
  const RunRecord a = MakeRecord({});
  RunRecord b = a;
  record::ProcessUsage* process = b.mutable_processes(0);
  process->set_cpu_user_ns(process->cpu_user_ns() + 100'000'000);
  process->set_run_queue_wait_ns(process->run_queue_wait_ns() + 100'000'000);
  EXPECT_FALSE(ReadFirst({&a}, {&b}).largest.has_value());
  process->set_run_queue_wait_ns(process->run_queue_wait_ns() + 10'000'000);
  EXPECT_EQ(ReadFirst({&a}, {&b}).largest->resource, "run-queue delay");
}

TEST(ReadFirst, LeavesOutWhatIsNotKnown) {
  const RunRecord a = MakeRecord({});
  RunRecord b = a;
  b.mutable_processes(0)->clear_cpu_user_ns();
  EXPECT_EQ(Find(ReadFirst({&a}, {&b}), "CPU of the application's processes"), nullptr);
  EXPECT_TRUE(ReadFirst({}, {&a}).changes.empty());
}

TEST(ReadFirst, TakesTheMedianOfTheRuns) {
  const RunRecord slow = MakeRecord({.scale = 100});
  const RunRecord usual = MakeRecord({});
  const Reading reading = ReadFirst({&usual, &slow, &usual}, {&usual});
  EXPECT_NEAR(Find(reading, "CPU of the application's processes")->a, 5000, 1);
}

}  // namespace
}  // namespace routebench::diagnosis
