#include "loadgen/options_stages.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "events/stages.h"
#include "loadgen/backend_factory.h"

namespace routebench::loadgen {
namespace {

bool IsOfDaemon(StageMark mark) {
  return mark == StageMark::kReceived || mark == StageMark::kRouted || mark == StageMark::kQueued ||
         mark == StageMark::kWritten;
}

// Where something can be injected.
std::vector<std::string> BoundariesOf(const RunOptions& options, const record::RunPlan& plan) {
  std::vector<std::string> names;
  if (!Delivers(plan.backend())) return names;
  const bool daemon = NeedsDaemon(plan.backend());
  for (size_t i = 1; i < kStageMarkCount; ++i) {
    const auto mark = static_cast<StageMark>(i);
    const bool in_coordinator = mark == StageMark::kSent || mark == StageMark::kRouted ||
                                mark == StageMark::kQueued || mark == StageMark::kHandled;
    const bool foreign = daemon && IsOfDaemon(mark) && !options.endpoint.empty();
    if ((daemon && !foreign) || (!daemon && in_coordinator)) names.emplace_back(Name(mark));
  }
  return names;
}

// The parts of each of the comma-separated pieces; none where one of them has another number.
std::vector<std::vector<std::string>> PiecesOf(const char* flag, const std::string& text, size_t parts,
                                               const char* form, const std::vector<std::string>& boundaries,
                                               FlagReader& reader) {
  std::vector<std::vector<std::string>> pieces;
  if (text.empty()) return pieces;
  reader.Require(!boundaries.empty(), absl::StrCat(flag, ": this backend has no marks"));
  const std::vector<std::string> all = absl::StrSplit(text, ',');
  for (const std::string& one : all) {
    const std::vector<std::string>& piece = pieces.emplace_back(absl::StrSplit(one, ':'));
    reader.Require(piece.size() == parts, absl::StrCat(flag, ": '", one, "' is not ", form));
    if (reader.status().ok()) reader.OneOf(flag, piece.front(), boundaries);
  }
  if (!reader.status().ok()) pieces.clear();
  return pieces;
}

}  // namespace

void AddStageFlags(CLI::App& app, RunOptions& options) {
  const char* group = "Stages";
  app.add_option("--stages", options.stages,
                 "of so many events one carries the times of its stages; 0: none [128]")
      ->group(group);
  app.add_option("--inject-delay", options.inject_delay,
                 "for tests: MARK:TIME[,...], as routed:20us: every event that reaches the mark keeps its "
                 "thread busy for so long")
      ->group(group);
  app.add_option("--inject-freeze", options.inject_freeze,
                 "for tests: MARK:AT:FOR[,...], as handled:1s:200ms: whoever reaches the mark stands still, "
                 "from AT after the first event there (warm-up included)")
      ->group(group);
}

void SetStages(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  plan.set_stage_sampling(options.stages);
  const std::vector<std::string> boundaries = BoundariesOf(options, plan);
  for (const auto& piece :
       PiecesOf("--inject-delay", options.inject_delay, 2, "MARK:TIME, as routed:20us", boundaries, reader)) {
    record::InjectedDelay& delay = *plan.add_injected_delays();
    delay.set_mark(piece[0]);
    delay.set_delay_ns(reader.Duration("--inject-delay", piece[1], 0));
  }
  for (const auto& piece : PiecesOf("--inject-freeze", options.inject_freeze, 3,
                                    "MARK:AT:FOR, as handled:1s:200ms", boundaries, reader)) {
    record::InjectedFreeze& freeze = *plan.add_injected_freezes();
    freeze.set_mark(piece[0]);
    freeze.set_at_ns(reader.Duration("--inject-freeze", piece[1], 0));
    freeze.set_for_ns(reader.Duration("--inject-freeze", piece[2], 0));
  }
}

StageInjection InjectionOf(const record::RunPlan& plan) {
  const auto nanos = [](uint64_t value) { return Duration(static_cast<int64_t>(value)); };
  StageInjection injection;
  for (const record::InjectedDelay& delay : plan.injected_delays()) {
    if (const auto mark = ParseStageMark(delay.mark()))
      injection.delays.push_back({*mark, nanos(delay.delay_ns())});
  }
  for (const record::InjectedFreeze& freeze : plan.injected_freezes()) {
    if (const auto mark = ParseStageMark(freeze.mark()))
      injection.freezes.push_back({*mark, nanos(freeze.at_ns()), nanos(freeze.for_ns())});
  }
  return injection;
}

}  // namespace routebench::loadgen
