#include "loadgen/environment.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "events/clock.h"

namespace routebench::loadgen {
namespace {

std::string FirstLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string CpuModel() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t colon = line.find(": ");
    return colon == std::string::npos ? "" : line.substr(colon + 2);
  }
  return "";
}

// The fastest of several batches: what interrupts a batch is not the clock's cost.
double ClockReadNanos() {
  constexpr int kBatches = 20;
  constexpr int kReads = 1000;
  std::array<double, kBatches> batches;
  const Clock& clock = Clock::System();
  for (double& nanos : batches) {
    const TimePoint start = clock.Now();
    TimePoint last = start;
    for (int i = 0; i < kReads; ++i) last = clock.Now();
    nanos = static_cast<double>((last - start).count()) / kReads;
  }
  return *std::min_element(batches.begin(), batches.end());
}

}  // namespace

record::Environment ReadEnvironment(const std::vector<std::string>& command_line) {
  record::Environment environment;
  environment.set_tool_version(ROUTEBENCH_VERSION);
  environment.set_build_type(ROUTEBENCH_BUILD_TYPE);
#if defined(__clang__)
  environment.set_compiler("clang " __clang_version__);
#else
  environment.set_compiler("gcc " __VERSION__);
#endif
  utsname system{};
  if (uname(&system) == 0) {
    environment.set_host(system.nodename);
    environment.set_kernel(std::string(system.sysname) + " " + system.release);
  }
  environment.set_cpu_model(CpuModel());
  if (const long cpus = sysconf(_SC_NPROCESSORS_ONLN); cpus > 0)
    environment.set_cpus(static_cast<uint32_t>(cpus));
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page_bytes > 0)
    environment.set_memory_bytes(static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes));
  environment.set_clock_source(FirstLine("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
  environment.set_clock_read_ns(ClockReadNanos());
  environment.set_boot_id(FirstLine("/proc/sys/kernel/random/boot_id"));
  for (const std::string& argument : command_line) environment.add_command_line(argument);
  return environment;
}

}  // namespace routebench::loadgen
