#include "events/stage_injection.h"

#include <thread>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace routebench {
namespace {

// A day: sums with a time of the clock fit.
constexpr int64_t kLongest = int64_t{86'400} * 1'000'000'000;

bool ReadNanos(absl::string_view text, Duration* time) {
  int64_t nanos;
  if (!absl::SimpleAtoi(text, &nanos) || nanos < 0 || nanos > kLongest) return false;
  *time = Duration(nanos);
  return true;
}

std::string NameText(StageMark mark) { return std::string(Name(mark)); }

bool ReadOne(const std::vector<std::string>& parts, StageInjection& injection) {
  if (parts.size() < 3) return false;
  const auto mark = ParseStageMark(parts[1]);
  if (!mark.has_value() || *mark == StageMark::kDue) return false;
  if (parts[0] == "delay" && parts.size() == 3) {
    return ReadNanos(parts[2], &injection.delays.emplace_back(StageInjection::Delay{*mark, {}}).time);
  }
  if (parts[0] != "freeze" || parts.size() != 4) return false;
  StageInjection::Freeze& freeze = injection.freezes.emplace_back(StageInjection::Freeze{*mark, {}, {}});
  return ReadNanos(parts[2], &freeze.at) && ReadNanos(parts[3], &freeze.length);
}

}  // namespace

std::string ToText(const StageInjection& injection) {
  std::vector<std::string> parts;
  for (const auto& [mark, time] : injection.delays) {
    parts.push_back(absl::StrCat("delay:", NameText(mark), ":", time.count()));
  }
  for (const auto& [mark, at, length] : injection.freezes) {
    parts.push_back(absl::StrCat("freeze:", NameText(mark), ":", at.count(), ":", length.count()));
  }
  return absl::StrJoin(parts, ",");
}

absl::StatusOr<StageInjection> ParseStageInjection(std::string_view text) {
  StageInjection injection;
  if (text.empty()) return injection;
  const std::vector<std::string> all = absl::StrSplit(absl::string_view(text.data(), text.size()), ',');
  for (const std::string& one : all) {
    if (!ReadOne(absl::StrSplit(one, ':'), injection)) {
      return absl::InvalidArgumentError(absl::StrCat("'", one,
                                                     "' is neither delay:MARK:NANOSECONDS nor "
                                                     "freeze:MARK:NANOSECONDS:NANOSECONDS"));
    }
  }
  return injection;
}

InjectingHooks::InjectingHooks(const StageInjection& injection, const Clock& clock) : clock_(clock) {
  for (const auto& [mark, time] : injection.delays) marks_[static_cast<size_t>(mark)].delay += time;
  for (const auto& freeze : injection.freezes) {
    marks_[static_cast<size_t>(freeze.mark)].freezes.push_back(freeze);
  }
}

void InjectingHooks::Pass(StageMark mark) {
  AtMark& at = marks_[static_cast<size_t>(mark)];
  if (!at.freezes.empty()) Freeze(at);
  if (at.delay == Duration::zero()) return;
  const TimePoint end = clock_.Now() + at.delay;
  while (clock_.Now() < end) {
  }
}

void InjectingHooks::Freeze(AtMark& at) const {
  int64_t first = ToNanos(clock_.Now());
  const TimePoint now = FromNanos(first);
  int64_t seen = 0;
  if (!at.first.compare_exchange_strong(seen, first)) first = seen;
  for (const auto& [mark, start, length] : at.freezes) {
    const TimePoint begin = FromNanos(first) + start;
    if (now < begin) continue;
    // Standing still is what was asked for.
    while (clock_.Now() < begin + length) std::this_thread::sleep_until(begin + length);
  }
}

}  // namespace routebench
