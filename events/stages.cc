#include "events/stages.h"

namespace routebench {
namespace {

constexpr std::array<std::string_view, kStageMarkCount> kNames = {
    "due", "sent", "encoded", "received", "routed", "queued", "written", "arrived", "decoded", "handled"};

}  // namespace

std::string_view Name(StageMark mark) { return kNames[static_cast<size_t>(mark)]; }

std::optional<StageMark> ParseStageMark(std::string_view name) {
  for (size_t i = 0; i < kStageMarkCount; ++i) {
    if (kNames[i] == name) return static_cast<StageMark>(i);
  }
  return std::nullopt;
}

bool StageStamps::monotone() const {
  int64_t last = 0;
  for (const int64_t time : nanos) {
    if (time < 0) continue;
    if (time < last) return false;
    last = time;
  }
  return true;
}

void StageClock::Start(const EventHeader& header, StageStamps& stamps) const {
  stamps.nanos.fill(StageStamps::kNone);
  stamps.Set(StageMark::kDue, header.due);
  stamps.Set(StageMark::kSent, clock_.Now());
}

void StageClock::Stamp(StageMark mark, StageStamps& stamps) const { stamps.Set(mark, clock_.Now()); }

}  // namespace routebench
