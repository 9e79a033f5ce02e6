#include "loadgen/usage.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"

namespace routebench::loadgen {
namespace {

std::optional<std::string> ReadAll(const std::string& path) {
  std::ifstream file(path);
  if (!file) return std::nullopt;
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad() || text.str().empty()) return std::nullopt;
  return text.str();
}

// The number after "Name:" at the start of a line.
std::optional<uint64_t> Field(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!std::string_view(line).starts_with(name) || line.size() <= name.size() || line[name.size()] != ':')
      continue;
    std::istringstream value(line.substr(name.size() + 1));
    if (uint64_t number = 0; value >> number) return number;
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<uint64_t> Sum(std::optional<uint64_t> a, std::optional<uint64_t> b) {
  if (!a || !b) return std::nullopt;
  return *a + *b;
}

std::optional<uint64_t> Kilobytes(std::optional<uint64_t> kilobytes) {
  if (!kilobytes) return std::nullopt;
  return *kilobytes * 1024;
}

// CPU time of all threads, ended ones included, to the nanosecond.
std::optional<uint64_t> PreciseCpu(pid_t pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return std::nullopt;
  return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
}

void ReadStat(const std::string& directory, pid_t pid, Usage* usage) {
  const auto text = ReadAll(directory + "/stat");
  if (!text) return;
  const size_t name_end = text->rfind(')');  // the name may hold blanks and parentheses
  if (name_end == std::string::npos) return;
  std::istringstream fields(text->substr(name_end + 1));
  std::string state;
  fields >> state;
  std::vector<uint64_t> numbers;  // from field 4 (ppid) on; proc(5)
  for (int64_t number = 0; numbers.size() < 12 && fields >> number;)
    numbers.push_back(static_cast<uint64_t>(number));
  if (numbers.size() < 12) return;
  usage->minor_faults = numbers[6];
  usage->major_faults = numbers[8];
  usage->user_ticks = numbers[10];
  usage->system_ticks = numbers[11];
  usage->cpu_ns = PreciseCpu(pid);
}

void ReadThreads(const std::string& directory, Usage* usage) {
  DIR* tasks = opendir((directory + "/task").c_str());
  if (tasks == nullptr) return;
  usage->voluntary_switches = usage->involuntary_switches = usage->run_queue_wait_ns = 0;
  while (const dirent* entry = readdir(tasks)) {
    if (entry->d_name[0] == '.') continue;
    const std::string task = absl::StrCat(directory, "/task/", entry->d_name);
    if (const auto status = ReadAll(task + "/status")) {
      usage->voluntary_switches = Sum(usage->voluntary_switches, Field(*status, "voluntary_ctxt_switches"));
      usage->involuntary_switches =
          Sum(usage->involuntary_switches, Field(*status, "nonvoluntary_ctxt_switches"));
    }
    const auto scheduling = ReadAll(task + "/schedstat");
    std::optional<uint64_t> waited;
    if (scheduling) {
      std::istringstream fields(*scheduling);
      uint64_t ran = 0, wait = 0;
      if (fields >> ran >> wait) waited = wait;
    }
    if (waited || access((task + "/stat").c_str(), F_OK) == 0)  // else it ended while we looked
      usage->run_queue_wait_ns = Sum(usage->run_queue_wait_ns, waited);
  }
  closedir(tasks);
}

void ReadMemory(const std::string& directory, Usage* usage) {
  if (const auto rollup = ReadAll(directory + "/smaps_rollup")) {
    usage->proportional_bytes = Kilobytes(Field(*rollup, "Pss"));
    usage->private_bytes = Kilobytes(Sum(Field(*rollup, "Private_Clean"), Field(*rollup, "Private_Dirty")));
    usage->shared_bytes = Kilobytes(Sum(Field(*rollup, "Shared_Clean"), Field(*rollup, "Shared_Dirty")));
  }
  if (const auto status = ReadAll(directory + "/status"))
    usage->peak_resident_bytes = Kilobytes(Field(*status, "VmHWM"));
}

}  // namespace

Usage ReadUsage(pid_t pid, const std::string& proc) {
  Usage usage;
  const std::string directory = absl::StrCat(proc, "/", pid);
  ReadStat(directory, pid, &usage);
  ReadThreads(directory, &usage);
  ReadMemory(directory, &usage);
  return usage;
}

record::ProcessUsage UsageBetween(const std::string& role, pid_t pid, const Usage& start, const Usage& end) {
  record::ProcessUsage result;
  result.set_role(role);
  result.set_pid(static_cast<uint32_t>(pid));
  const auto difference = [&start, &end](std::optional<uint64_t> Usage::*field, auto set) {
    if (start.*field && end.*field && *(end.*field) >= *(start.*field)) set(*(end.*field) - *(start.*field));
  };
  difference(&Usage::cpu_ns, [&](uint64_t total) {
    const double user = static_cast<double>(end.user_ticks - start.user_ticks);
    const double ticks = user + static_cast<double>(end.system_ticks - start.system_ticks);
    const double share = ticks > 0 ? user / ticks : 1;
    result.set_cpu_user_ns(static_cast<uint64_t>(static_cast<double>(total) * share));
    result.set_cpu_system_ns(total - result.cpu_user_ns());
  });
  difference(&Usage::voluntary_switches, [&](uint64_t v) { result.set_voluntary_switches(v); });
  difference(&Usage::involuntary_switches, [&](uint64_t v) { result.set_involuntary_switches(v); });
  difference(&Usage::run_queue_wait_ns, [&](uint64_t v) { result.set_run_queue_wait_ns(v); });
  difference(&Usage::minor_faults, [&](uint64_t v) { result.set_minor_faults(v); });
  difference(&Usage::major_faults, [&](uint64_t v) { result.set_major_faults(v); });
  if (end.proportional_bytes) result.set_proportional_bytes(*end.proportional_bytes);
  if (end.private_bytes) result.set_private_bytes(*end.private_bytes);
  if (end.shared_bytes) result.set_shared_bytes(*end.shared_bytes);
  if (end.peak_resident_bytes) result.set_peak_resident_bytes(*end.peak_resident_bytes);
  return result;
}

MachineTime ReadMachineTime(const std::string& proc) {
  MachineTime time{.now = Clock::System().Now(), .idle_ns = std::nullopt};
  std::ifstream file(proc + "/stat");
  std::string name;
  uint64_t user = 0, nice = 0, system = 0, idle = 0, waiting = 0;
  if (file >> name >> user >> nice >> system >> idle >> waiting && name == "cpu") {
    time.idle_ns = (idle + waiting) * (1'000'000'000 / static_cast<uint64_t>(sysconf(_SC_CLK_TCK)));
  }
  return time;
}

record::MachineUsage MachineBetween(const MachineTime& start, const MachineTime& end,
                                    const google::protobuf::RepeatedPtrField<record::ProcessUsage>& ours) {
  record::MachineUsage machine;
  machine.set_elapsed_ns(static_cast<uint64_t>((end.now - start.now).count()));
  machine.set_cpus(static_cast<uint32_t>(sysconf(_SC_NPROCESSORS_ONLN)));
  if (!start.idle_ns || !end.idle_ns) return machine;
  uint64_t known = *end.idle_ns - *start.idle_ns;
  for (const record::ProcessUsage& process : ours) {
    if (!process.has_cpu_user_ns()) return machine;
    known += process.cpu_user_ns() + process.cpu_system_ns();
  }
  const uint64_t all = machine.elapsed_ns() * machine.cpus();
  machine.set_other_cpu_ns(all - std::min(all, known));
  return machine;
}

}  // namespace routebench::loadgen
