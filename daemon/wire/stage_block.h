// The times of a sampled event on the wire: a block of fixed size between the prefix of a Publish or Deliver
// frame and the encoded event, there where the prefix has the flag kStages and the feature kStageStamps was
// agreed on.
//
//   StageBlock = one int64 for each StageMark in their order: nanoseconds of CLOCK_MONOTONIC; negative:
//   absent
//
// Nothing but reports reads it: whatever a peer writes here changes no decision.
#ifndef ROUTEBENCH_DAEMON_WIRE_STAGE_BLOCK_H_
#define ROUTEBENCH_DAEMON_WIRE_STAGE_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/wire/frames.h"
#include "events/stages.h"

namespace routebench::wire {

inline constexpr size_t kStageBlockSize = kStageMarkCount * sizeof(int64_t);
static_assert(sizeof(StageStamps) == kStageBlockSize);

void StoreStages(const StageStamps& stages, char* out);

// Takes the block off the front of `rest`, the frame behind its prefix, where `flags` say that there is one:
// then *stages is `storage`, else null. False: it is cut off. Times that no clock shows are absent.
bool TakeStages(uint8_t flags, std::string_view* rest, StageStamps& storage, StageStamps** stages);

}  // namespace routebench::wire

#endif  // ROUTEBENCH_DAEMON_WIRE_STAGE_BLOCK_H_
