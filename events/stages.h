// The stage clock: when a sampled event passed which mark on its way from its due time to its handler.
//
//   mark      reached when                                                   coordinator  daemon  in
//   due       its schedule wanted it made (EventHeader::due)                 x            x       publisher
//   sent      Publish was called                                             x            x       publisher
//   encoded   the client has put it into its outbox, as a frame                           x       publisher
//   received  the daemon has parsed that frame                                            x       daemon
//   routed    its targets are decided                                        x            x       both
//   queued    all its queues have room for it and take it                    x            x       both
//   written   the daemon has put the delivery into a frame for a subscriber               x       daemon
//   arrived   the subscriber's client has parsed that frame                               x       subscriber
//   decoded   the typed event is ready                                                    x       subscriber
//   handled   the handler is called next                                     x            x       subscriber
//
// A stage is the time between a mark and the one before it that the backend has, and is named after the later
// one: "routed" is what came before the targets were decided. Marks up to queued are of the event, later ones
// of one delivery: with several receivers each has its own. An event that is tried again keeps its marks up
// to queued, so that failed attempts and backoff are part of the stage behind it. Of an event that is
// published again (a ReconnectingClient whose daemon died, or was away) they are those of the last sending.
#ifndef ROUTEBENCH_EVENTS_STAGES_H_
#define ROUTEBENCH_EVENTS_STAGES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>

#include "events/clock.h"
#include "events/event.h"

namespace routebench {

// In the order in which they are passed.
enum class StageMark : uint8_t {
  kDue,
  kSent,
  kEncoded,
  kReceived,
  kRouted,
  kQueued,
  kWritten,
  kArrived,
  kDecoded,
  kHandled,
};
inline constexpr size_t kStageMarkCount = 10;

// Stable: "due", "routed".
std::string_view Name(StageMark mark);
std::optional<StageMark> ParseStageMark(std::string_view name);

// Uninitialised until it is assigned: it lies on the stack of every Publish and is used by few.
struct StageStamps {
  static constexpr int64_t kNone = -1;  // not passed, or no mark of this backend

  std::array<int64_t, kStageMarkCount> nanos;  // of CLOCK_MONOTONIC, by mark

  bool has(StageMark mark) const { return nanos[static_cast<size_t>(mark)] >= 0; }
  TimePoint of(StageMark mark) const { return FromNanos(nanos[static_cast<size_t>(mark)]); }
  void Set(StageMark mark, TimePoint time) { nanos[static_cast<size_t>(mark)] = ToNanos(time); }
  // No mark lies before an earlier one that is there.
  bool monotone() const;
};
static_assert(std::is_trivially_copyable_v<StageStamps> &&
              std::is_trivially_default_constructible_v<StageStamps>);

// What a test does to events on their way. Whoever reaches a mark calls Pass first, for every event, sampled
// or not, on the thread that carries it and possibly under a lock: what Pass takes belongs to the stage that
// ends there. Thread-safe. Never with kDue.
class StageHooks {
 public:
  virtual ~StageHooks() = default;
  virtual void Pass(StageMark mark) = 0;
};

// What every party that passes marks has. Thread-safe; both references outlive it.
class StageClock {
 public:
  // `one_in`: of that many events one is sampled, by its id; 0: none. `hooks` may be null.
  StageClock(const Clock& clock, uint32_t one_in, StageHooks* hooks)
      : clock_(clock), threshold_(one_in == 0 ? 0 : kRange / one_in), hooks_(hooks) {}

  // By a hash of the id, so that everybody who asks gets the same answer.
  bool Samples(const EventId& id) const { return HashOf(id) < threshold_; }

  // Publish was called. Null: not sampled, and `storage` stays as it is.
  StageStamps* Begin(const EventHeader& header, StageStamps& storage) const {
    if (hooks_ != nullptr) [[unlikely]]
      hooks_->Pass(StageMark::kSent);
    if (!Samples(header.id)) [[likely]]
      return nullptr;
    Start(header, storage);
    return &storage;
  }

  // An event passes `mark`; `stamps` is null where it is not sampled.
  void Reach(StageMark mark, StageStamps* stamps) const {
    if (hooks_ != nullptr) [[unlikely]]
      hooks_->Pass(mark);
    if (stamps != nullptr) [[unlikely]]
      Stamp(mark, *stamps);
  }
  // It passed the mark too early, and does so once more.
  void ReachAgain(StageMark mark, StageStamps* stamps) const {
    if (stamps != nullptr) [[unlikely]]
      Stamp(mark, *stamps);
  }

 private:
  static constexpr uint64_t kRange = uint64_t{1} << 63;

  // The last step of SplitMix64 (Steele et al. 2014), below kRange: ids of one publisher differ in few bits.
  static constexpr uint64_t HashOf(const EventId& id) {
    uint64_t z = id.low + id.high * 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (z ^ (z >> 31)) >> 1;
  }
  // Out of line: rare.
  void Start(const EventHeader& header, StageStamps& stamps) const;
  void Stamp(StageMark mark, StageStamps& stamps) const;

  const Clock& clock_;
  const uint64_t threshold_;
  StageHooks* const hooks_;
};

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_STAGES_H_
