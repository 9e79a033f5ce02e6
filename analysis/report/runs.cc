#include "analysis/report/runs.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "analysis/record/metrics.h"
#include "analysis/record/run_record.h"
#include "analysis/record/stages.h"

namespace routebench::report {
namespace {

namespace fs = std::filesystem;
using record::RunPlan;

absl::Status Refuse(const Run& one, const Run& other, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat(one.path, " and ", other.path, " cannot be compared: ", why));
}

absl::StatusOr<std::vector<std::string>> FilesOf(const std::vector<std::string>& paths) {
  std::vector<std::string> files;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
      if (it->is_regular_file() && it->path().extension() == record::kRunExtension)
        files.push_back(it->path());
    }
    if (error) return absl::UnknownError(absl::StrCat(path, ": ", error.message()));
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return files;
}

std::string CellName(const record::RunRecord& record) {
  if (!record.campaign().cell().empty()) return record.campaign().cell();
  return record.plan().trace().empty() ? record.plan().pattern() : record.plan().trace();
}

// What must be equal within a cell; what may differ is cleared.
std::string Comparable(RunPlan plan) {
  plan.clear_backend();
  plan.clear_endpoint();
  plan.clear_same_process();
  plan.clear_seed();
  plan.clear_events();
  plan.clear_fan_out();  // follows from the seed's schedule
  plan.clear_wait_policy();
  plan.clear_injected_delays();  // they are in the name of the arm
  plan.clear_injected_freezes();
  return plan.SerializeAsString();
}

std::string Machine(const record::Environment& environment) {
  return absl::StrCat(environment.host(), ", ", environment.cpu_model(), ", ", environment.cpus(),
                      " CPUs, kernel ", environment.kernel());
}

absl::Status CheckComparable(const Run& one, const Run& other, Waits waits) {
  const RunPlan& plan = one.record.plan();
  const std::string machine = Machine(one.record.environment());
  const std::string other_machine = Machine(other.record.environment());
  if (machine != other_machine) {
    return Refuse(one, other,
                  absl::StrCat("they ran on different machines (", machine, "; ", other_machine, ")"));
  }
  if (waits == Waits::kEqual && plan.wait_policy() != other.record.plan().wait_policy()) {
    return Refuse(one, other,
                  absl::StrCat("their wait policies differ (", plan.wait_policy(), ", ",
                               other.record.plan().wait_policy(),
                               "); --allow-unequal-waits compares them all the same"));
  }
  if (Comparable(plan) != Comparable(other.record.plan())) {
    return Refuse(
        one, other,
        "their plans differ in more than the backend and the seed; put other loads into directories "
        "of their own");
  }
  return absl::OkStatus();
}

// Campaign and block; runs without a campaign are numbered by the order of their starts.
using BlockKey = std::pair<std::string, uint64_t>;

absl::StatusOr<std::map<BlockKey, const Run*>> BlocksOf(const Cell& cell, const std::string& arm) {
  std::vector<const Run*> runs;
  for (const Run& run : cell.runs) {
    if (run.arm == arm) runs.push_back(&run);
  }
  std::stable_sort(runs.begin(), runs.end(), [](const Run* one, const Run* other) {
    return one->record.started_unix_ns() < other->record.started_unix_ns();
  });
  std::map<BlockKey, const Run*> blocks;
  uint64_t unplanned = 0;
  for (const Run* run : runs) {
    const record::CampaignPlace& place = run->record.campaign();
    const BlockKey key(place.campaign(), place.block() > 0 ? place.block() : ++unplanned);
    auto [it, is_new] = blocks.try_emplace(key, run);
    if (is_new || !run->valid()) continue;
    if (it->second->valid()) {
      return Refuse(*it->second, *run, absl::StrCat("both are block ", key.second, " of ", arm));
    }
    it->second = run;  // an invalid run was repeated
  }
  return blocks;
}

}  // namespace

absl::StatusOr<std::vector<Run>> LoadRuns(const std::vector<std::string>& paths, Waits waits) {
  const auto files = FilesOf(paths);
  if (!files.ok()) return files.status();
  std::vector<Run> runs;
  for (const std::string& file : *files) {
    auto record = record::ReadRunRecord(file);
    if (!record.ok()) return record.status();
    std::vector<std::string> invalid = record::InvalidReasons(*record);
    const std::string injected = record::InjectionText(record->plan());
    std::string arm = absl::StrCat(record->plan().backend(), injected.empty() ? "" : ", ", injected);
    const std::string& wait = record->plan().wait_policy();
    if (waits == Waits::kMayDiffer && wait != "block") absl::StrAppend(&arm, ", ", wait);
    runs.push_back({file, arm, *std::move(record), std::move(invalid)});
  }
  if (runs.empty()) {
    return absl::NotFoundError(absl::StrCat("there is no run record (*", record::kRunExtension, ") in ",
                                            paths.empty() ? "nothing" : paths.front()));
  }
  return runs;
}

absl::StatusOr<std::vector<Cell>> GroupIntoCells(std::vector<Run> runs, Waits waits) {
  std::map<std::string, Cell> cells;
  for (Run& run : runs) {
    Cell& cell = cells[CellName(run.record)];
    cell.name = CellName(run.record);
    cell.planned_blocks = std::max(cell.planned_blocks, run.record.campaign().planned_blocks());
    if (cell.primary_metric.empty()) cell.primary_metric = run.record.campaign().primary_metric();
    cell.runs.push_back(std::move(run));
  }
  std::vector<Cell> ordered;
  for (auto& [name, cell] : cells) {
    for (const Run& run : cell.runs) {
      if (absl::Status status = CheckComparable(cell.runs.front(), run, waits); !status.ok()) return status;
    }
    ordered.push_back(std::move(cell));
  }
  for (const Cell& cell : ordered) {
    const Run& one = ordered.front().runs.front();
    const Run& other = cell.runs.front();
    if (Machine(one.record.environment()) != Machine(other.record.environment())) {
      return Refuse(one, other, "they ran on different machines");
    }
  }
  return ordered;
}

record::RunRecord WithoutFigures(const Cell& cell) {
  record::RunRecord record;
  if (!cell.runs.empty()) *record.mutable_plan() = cell.runs.front().record.plan();
  return record;
}

absl::StatusOr<std::vector<Pair>> PairUp(const Cell& cell, const std::string& a, const std::string& b) {
  const auto blocks_a = BlocksOf(cell, a);
  if (!blocks_a.ok()) return blocks_a.status();
  const auto blocks_b = BlocksOf(cell, b);
  if (!blocks_b.ok()) return blocks_b.status();
  std::vector<Pair> pairs;
  for (const auto& [key, run_a] : *blocks_a) {
    const auto it = blocks_b->find(key);
    if (it == blocks_b->end() || !run_a->valid() || !it->second->valid()) continue;
    if (run_a->record.schedule_hash() != it->second->record.schedule_hash()) {
      return Refuse(
          *run_a, *it->second,
          absl::StrCat("they are block ", key.second, " and had different schedules (seeds ",
                       run_a->record.plan().seed(), " and ", it->second->record.plan().seed(), ")"));
    }
    pairs.push_back({run_a, it->second});
  }
  return pairs;
}

}  // namespace routebench::report
