#include "daemon/wire/stage_block.h"

#include <cstring>

namespace routebench::wire {
namespace {

// Differences of two such times fit.
constexpr int64_t kLatest = int64_t{1} << 62;

}  // namespace

void StoreStages(const StageStamps& stages, char* out) {
  std::memcpy(out, stages.nanos.data(), kStageBlockSize);
}

bool TakeStages(uint8_t flags, std::string_view* rest, StageStamps& storage, StageStamps** stages) {
  *stages = nullptr;
  if ((flags & kStages) == 0) [[likely]]
    return true;
  if (rest->size() < kStageBlockSize) return false;
  std::memcpy(storage.nanos.data(), rest->data(), kStageBlockSize);
  for (int64_t& nanos : storage.nanos) {
    if (nanos < 0 || nanos > kLatest) nanos = StageStamps::kNone;
  }
  rest->remove_prefix(kStageBlockSize);
  *stages = &storage;
  return true;
}

}  // namespace routebench::wire
