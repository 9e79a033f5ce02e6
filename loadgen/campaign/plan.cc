#include "loadgen/campaign/plan.h"

#include <charconv>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "loadgen/workload/random.h"

namespace routebench::loadgen {
namespace {

constexpr uint32_t kMaxBlocks = 1000;

bool IsDaemon(const std::string& backend) { return backend.rfind("daemon", 0) == 0; }

}  // namespace

absl::StatusOr<Cell> ParseCell(const std::string& text) {
  const size_t colon = text.rfind(':');
  const std::string what = text.substr(0, colon);
  Cell cell;
  const char* const begin = text.data() + (colon == std::string::npos ? text.size() : colon + 1);
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(begin, end, cell.blocks);
  if (what.empty() || error != std::errc() || rest != end || cell.blocks == 0 || cell.blocks > kMaxBlocks) {
    return absl::InvalidArgumentError(absl::StrCat("--cell: '", text,
                                                   "' is not PATTERN:BLOCKS or replay=FILE:BLOCKS with 1 to ",
                                                   kMaxBlocks, " blocks"));
  }
  if (what.rfind("replay=", 0) == 0) {
    cell.flag = "--replay";
    cell.value = what.substr(7);
    cell.name = "replay of " + std::filesystem::path(cell.value).filename().string();
  } else {
    cell.flag = "--pattern";
    cell.value = cell.name = what;
  }
  return cell;
}

std::vector<PlannedRun> PlanRuns(const std::string& a, const std::string& b, uint64_t seed, bool floor,
                                 const std::vector<Cell>& cells) {
  Random random(seed);
  std::vector<PlannedRun> runs;
  for (size_t c = 0; c < cells.size(); ++c) {
    bool a_first = random.Below(2) == 0;
    for (uint32_t block = 1; block <= cells[c].blocks; ++block, a_first = !a_first) {
      runs.push_back({c, block, 1, a_first ? a : b});
      runs.push_back({c, block, 2, a_first ? b : a});
    }
    if (floor) runs.push_back({c, 0, 1, "null"});
  }
  return runs;
}

uint64_t SeedOfBlock(uint64_t seed, uint32_t block) {
  return Random(Random(seed).Next() ^ block).Next() >> 32;
}

std::vector<std::string> FlagsForArm(const std::vector<std::string>& flags, const std::string& backend,
                                     const std::string& a, const std::string& b) {
  if (IsDaemon(backend) || (!IsDaemon(a) && !IsDaemon(b))) return flags;
  std::vector<std::string> kept;
  for (size_t i = 0; i < flags.size(); ++i) {
    const std::string name = flags[i].substr(0, flags[i].find('='));
    if (name == "--same-process") continue;
    if (name != "--eventd" && name != "--endpoint" && name != "--token-file") {
      kept.push_back(flags[i]);
    } else if (name == flags[i]) {
      ++i;  // its value
    }
  }
  return kept;
}

}  // namespace routebench::loadgen
