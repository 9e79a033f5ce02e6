// What a process has used so far, from /proc.
#ifndef ROUTEBENCH_LOADGEN_USAGE_H_
#define ROUTEBENCH_LOADGEN_USAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "events/clock.h"
#include "record.pb.h"

namespace routebench::loadgen {

// One moment of one process, all its threads together. What cannot be read is absent, never zero. Switches
// and run-queue delay are sums over the threads that live: a thread that ends between two snapshots takes its
// share with it (and then the difference is absent), so take both while the same threads are there.
struct Usage {
  std::optional<uint64_t> cpu_ns;  // ended threads included, like what splits it:
  uint64_t user_ticks = 0;         // the kernel's coarse figures of where it went
  uint64_t system_ticks = 0;
  std::optional<uint64_t> voluntary_switches;
  std::optional<uint64_t> involuntary_switches;
  std::optional<uint64_t> run_queue_wait_ns;
  std::optional<uint64_t> minor_faults;
  std::optional<uint64_t> major_faults;
  std::optional<uint64_t> proportional_bytes;  // PSS
  std::optional<uint64_t> private_bytes;
  std::optional<uint64_t> shared_bytes;
  std::optional<uint64_t> peak_resident_bytes;
};

// Reads `proc`/`pid`; nothing of it where the process is gone or not ours to look at. Costs some hundred
// microseconds, most of it for the memory.
Usage ReadUsage(pid_t pid, const std::string& proc = "/proc");

// Counters as differences, memory as it was at the end. CPU time is exact in sum; the kernel's ticks split it
// into user and system, and where no tick fell all of it counts as user.
record::ProcessUsage UsageBetween(const std::string& role, pid_t pid, const Usage& start, const Usage& end);

// One moment of all processors of the machine.
struct MachineTime {
  TimePoint now;
  std::optional<uint64_t> idle_ns;  // of all processors together, in steps of 10 ms
};

MachineTime ReadMachineTime(const std::string& proc = "/proc");

// What the processors did between two moments besides idling and running the given processes of ours; absent
// where one of these figures is.
record::MachineUsage MachineBetween(const MachineTime& start, const MachineTime& end,
                                    const google::protobuf::RepeatedPtrField<record::ProcessUsage>& ours);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_USAGE_H_
