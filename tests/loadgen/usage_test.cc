#include "loadgen/usage.h"

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "gtest/gtest.h"

namespace routebench::loadgen {
namespace {

uint64_t CpuNanos() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

TEST(UsageTest, CountsTheWorkOfThisProcess) {
  const Usage start = ReadUsage(getpid());
  const uint64_t cpu_start = CpuNanos();
  while (CpuNanos() < cpu_start + 50'000'000) {
  }
  constexpr size_t kBytes = size_t{8} << 20;
  void* memory = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 1, kBytes);
  const timespec a_while{.tv_sec = 0, .tv_nsec = 1'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &a_while, nullptr);
  const Usage end = ReadUsage(getpid());
  munmap(memory, kBytes);

  const record::ProcessUsage usage = UsageBetween("publisher", getpid(), start, end);
  EXPECT_EQ(usage.role(), "publisher");
  EXPECT_EQ(usage.pid(), static_cast<uint32_t>(getpid()));
  ASSERT_TRUE(usage.has_cpu_user_ns() && usage.has_cpu_system_ns());
  EXPECT_GE(usage.cpu_user_ns() + usage.cpu_system_ns(), 50'000'000u);
  ASSERT_TRUE(usage.has_voluntary_switches());
  EXPECT_GE(usage.voluntary_switches(), 1u);
  ASSERT_TRUE(usage.has_minor_faults());
  EXPECT_GT(usage.minor_faults(), 0u);
  ASSERT_TRUE(usage.has_proportional_bytes() && usage.has_private_bytes());
  EXPECT_GE(usage.private_bytes(), kBytes);
  EXPECT_GE(usage.peak_resident_bytes(), usage.private_bytes());
}

TEST(UsageTest, IsAbsentForAProcessThatIsNotThere) {
  const record::ProcessUsage usage =
      UsageBetween("daemon", 1, ReadUsage(1, "/nonexistent"), ReadUsage(1, "/nonexistent"));
  EXPECT_FALSE(usage.has_cpu_user_ns());
  EXPECT_FALSE(usage.has_voluntary_switches());
  EXPECT_FALSE(usage.has_run_queue_wait_ns());
  EXPECT_FALSE(usage.has_minor_faults());
  EXPECT_FALSE(usage.has_proportional_bytes());
  EXPECT_FALSE(usage.has_peak_resident_bytes());
}

// A directory like /proc/PID with two threads and a name that tries to mislead.
class FakeProc {
 public:
  FakeProc() {
    char name[] = "/tmp/usage-test-XXXXXX";
    root_ = mkdtemp(name);
    for (const char* task : {"/task/77", "/task/78"})
      std::filesystem::create_directories(root_ + "/77" + task);
    Write("stat", "77 (a) S 1 (b)) S 1 77 77 0 -1 0 11 0 22 0 3 1 0 0 20 0 2 0 5 100 200\n");
    for (const char* task : {"task/77/", "task/78/"}) {
      Write(task + std::string("stat"), "77 (x) S 1\n");
      Write(task + std::string("status"), "voluntary_ctxt_switches:\t10\nnonvoluntary_ctxt_switches:\t4\n");
      Write(task + std::string("schedstat"), "1000 500 3\n");
    }
  }
  ~FakeProc() { std::filesystem::remove_all(root_); }
  void Write(const std::string& file, const std::string& text) {
    std::ofstream(root_ + "/77/" + file) << text;
  }
  void Remove(const std::string& file) { std::filesystem::remove(root_ + "/77/" + file); }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

TEST(UsageTest, SumsTheThreads) {
  FakeProc proc;
  const Usage usage = ReadUsage(77, proc.root());
  EXPECT_EQ(usage.voluntary_switches, 20u);
  EXPECT_EQ(usage.involuntary_switches, 8u);
  EXPECT_EQ(usage.run_queue_wait_ns, 1000u);
  EXPECT_EQ(usage.minor_faults, 11u);
  EXPECT_EQ(usage.major_faults, 22u);
}

TEST(UsageTest, AnUnreadableThreadMakesTheSumAbsent) {
  FakeProc proc;
  proc.Remove("task/78/schedstat");
  const Usage usage = ReadUsage(77, proc.root());
  EXPECT_EQ(usage.run_queue_wait_ns, std::nullopt);
  EXPECT_EQ(usage.voluntary_switches, 20u);
}

TEST(UsageTest, SplitsTheExactTimeByTicks) {
  const Usage start{.cpu_ns = 1'000, .user_ticks = 90, .system_ticks = 10};
  const Usage end{.cpu_ns = 9'000, .user_ticks = 91, .system_ticks = 13};
  const record::ProcessUsage usage = UsageBetween("daemon", 1, start, end);
  EXPECT_EQ(usage.cpu_user_ns(), 2'000u);
  EXPECT_EQ(usage.cpu_system_ns(), 6'000u);
}

// What the machine did in 3 s of two processors (of which 4 s were idle) besides 1.5 s of ours.
TEST(MachineTimeTest, WhatIsNeitherIdleNorOursIsOthers) {
  MachineTime start{.now = TimePoint(std::chrono::seconds(10)), .idle_ns = 5'000'000'000};
  MachineTime end{.now = TimePoint(std::chrono::seconds(13)), .idle_ns = 9'000'000'000};
  google::protobuf::RepeatedPtrField<record::ProcessUsage> ours;
  ours.Add()->set_cpu_user_ns(1'000'000'000);
  ours.Add()->set_cpu_user_ns(300'000'000);
  ours[1].set_cpu_system_ns(200'000'000);
  const record::MachineUsage machine = MachineBetween(start, end, ours);
  EXPECT_EQ(machine.elapsed_ns(), 3'000'000'000u);
  EXPECT_EQ(machine.other_cpu_ns(), machine.cpus() * uint64_t{3'000'000'000} - 5'500'000'000);
  ours.Add();
  EXPECT_FALSE(MachineBetween(start, end, ours).has_other_cpu_ns()) << "one of ours is not known";
  end.idle_ns.reset();
  EXPECT_FALSE(MachineBetween(start, end, {}).has_other_cpu_ns());
}

TEST(MachineTimeTest, ReadsTheIdleTimeOfAllProcessors) {
  const FakeProc proc;
  std::ofstream(proc.root() + "/stat") << "cpu  10 20 30 400 50 6 7 8 0 0\ncpu0 10 20 30 400 50 6 7 8 0 0\n";
  const auto tick = 1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK));
  EXPECT_EQ(ReadMachineTime(proc.root()).idle_ns, 450 * tick);
  EXPECT_EQ(ReadMachineTime("/nonexistent").idle_ns, std::nullopt);
  EXPECT_TRUE(ReadMachineTime().idle_ns.has_value());
}

TEST(UsageTest, ACounterThatFellIsAbsent) {
  Usage start, end;
  start.voluntary_switches = 5;
  end.voluntary_switches = 3;  // a thread ended in between
  EXPECT_FALSE(UsageBetween("daemon", 1, start, end).has_voluntary_switches());
}

}  // namespace
}  // namespace routebench::loadgen
