// Known delays and freezes at the marks of the stage clock: how the instrument and the diagnosis are tested.
#ifndef ROUTEBENCH_EVENTS_STAGE_INJECTION_H_
#define ROUTEBENCH_EVENTS_STAGE_INJECTION_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "events/clock.h"
#include "events/stages.h"

namespace routebench {

// What is injected; never at kDue. Empty: nothing.
struct StageInjection {
  // Every event that reaches the mark keeps its thread busy for so long.
  struct Delay {
    StageMark mark;
    Duration time;
    friend bool operator==(const Delay&, const Delay&) = default;
  };
  // From `at` after the first event that reaches the mark, whoever reaches it stands still, up to `length`
  // later.
  struct Freeze {
    StageMark mark;
    Duration at;
    Duration length;
    friend bool operator==(const Freeze&, const Freeze&) = default;
  };
  std::vector<Delay> delays;
  std::vector<Freeze> freezes;
  bool empty() const { return delays.empty() && freezes.empty(); }
  friend bool operator==(const StageInjection&, const StageInjection&) = default;
};

// For command lines between our own programs: "delay:routed:20000,freeze:handled:1000000000:500000000", in
// nanoseconds.
std::string ToText(const StageInjection& injection);
// InvalidArgument: not what ToText writes.
absl::StatusOr<StageInjection> ParseStageInjection(std::string_view text);

// Does so, in the process that passes the marks. `clock` runs by itself and outlives the object.
class InjectingHooks final : public StageHooks {
 public:
  explicit InjectingHooks(const StageInjection& injection, const Clock& clock = Clock::System());
  void Pass(StageMark mark) override;

 private:
  struct AtMark {
    Duration delay{};
    std::vector<StageInjection::Freeze> freezes;
    std::atomic<int64_t> first{0};  // when the first event reached it; 0: none has
  };
  void Freeze(AtMark& at) const;

  const Clock& clock_;
  std::array<AtMark, kStageMarkCount> marks_;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_STAGE_INJECTION_H_
