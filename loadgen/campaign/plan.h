// Which runs a campaign consists of, in which order, and with which flags.
#ifndef ROUTEBENCH_LOADGEN_CAMPAIGN_PLAN_H_
#define ROUTEBENCH_LOADGEN_CAMPAIGN_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace routebench::loadgen {

inline constexpr uint32_t kBlocksForVerdict = 12;

// One comparison of the campaign.
struct Cell {
  std::string name;  // the pattern, or the trace's file name
  std::string flag;  // --pattern or --replay
  std::string value;
  uint32_t blocks = 0;
  double planned_ns = 0;  // of one run
  uint64_t events = 0;    // of one run
};

// From PATTERN:BLOCKS or replay=FILE:BLOCKS; InvalidArgument names --cell.
absl::StatusOr<Cell> ParseCell(const std::string& text);

struct PlannedRun {
  size_t cell;
  uint32_t block;     // from 1; 0: the floor
  uint32_t position;  // in the block, from 1
  std::string backend;
};

// Both arms of a block next to each other, the next block in reverse order; the order of the first block of
// each cell is drawn from the seed. With `floor`, one run of null after each cell.
std::vector<PlannedRun> PlanRuns(const std::string& a, const std::string& b, uint64_t seed, bool floor,
                                 const std::vector<Cell>& cells);

// The seed of a block's schedules: another one in each block, and in no relation to those of a campaign with
// a neighbouring seed. Below 2^32, so that every reader of JSON takes it.
uint64_t SeedOfBlock(uint64_t seed, uint32_t block);

// The flags for all runs, without those that only a daemon takes (where it is, or which one to start) when
// `backend` is none and one of the arms is.
std::vector<std::string> FlagsForArm(const std::vector<std::string>& flags, const std::string& backend,
                                     const std::string& a, const std::string& b);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_CAMPAIGN_PLAN_H_
