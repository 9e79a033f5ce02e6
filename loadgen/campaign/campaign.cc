#include "loadgen/campaign/campaign.h"

#include <google/protobuf/util/json_util.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "analysis/record/run_record.h"
#include "events/event_id.h"
#include "loadgen/campaign/plan.h"
#include "loadgen/child_process.h"
#include "loadgen/exit_codes.h"
#include "loadgen/interrupt.h"
#include "loadgen/workload/quantities.h"

namespace routebench::loadgen {
namespace {

constexpr Duration kTick = std::chrono::milliseconds(200);
constexpr Duration kStopPatience = std::chrono::seconds(15);
constexpr double kAssumedOverheadNs = 0.7e9;  // of a run, until the first ones have shown it

// A temporary file in memory that a child writes to.
class Capture {
 public:
  Capture() : file_(memfd_create("routebench-output", MFD_CLOEXEC)) {}
  int descriptor() const { return file_.get(); }
  std::string Text() const {
    std::string text;
    char buffer[4096];
    for (off_t at = 0;;) {
      const ssize_t got = pread(file_.get(), buffer, sizeof buffer, at);
      if (got <= 0) return text;
      text.append(buffer, static_cast<size_t>(got));
      at += got;
    }
  }

 private:
  Descriptor file_;
};

class Campaign {
 public:
  Campaign(const CampaignOptions& options, std::vector<Cell> cells, std::ostream& out, std::ostream& err)
      : options_(options),
        cells_(std::move(cells)),
        out_(out),
        err_(err),
        id_(ToString(EventIdGenerator(RandomSeed()).Next())) {}

  int Run() {
    const std::vector<PlannedRun> runs =
        PlanRuns(options_.a, options_.b, options_.seed, options_.floor, cells_);
    for (Cell& cell : cells_) {
      if (const int code = AskForPlan(cell); code != kExitOk) return code;
    }
    Announce(runs);
    if (options_.dry_run) return kExitOk;
    std::error_code error;
    std::filesystem::create_directories(options_.out, error);
    if (error) return Fail(absl::StrCat("--out: ", options_.out, ": ", error.message()));
    for (const PlannedRun& run : runs) {
      if (std::filesystem::exists(PathOf(run)))
        return Fail(absl::StrCat("--out: ", PathOf(run), " exists already"));
    }
    for (size_t i = 0; i < runs.size(); ++i) {
      if (const int code = Execute(runs, i); code != kExitOk) return code;
      if (i + 1 == runs.size() || runs[i + 1].cell != runs[i].cell) EndCell(cells_[runs[i].cell]);
    }
    ClearProgress();
    out_ << absl::StrFormat("%d runs, %d of them invalid; records in %s\n", runs.size(), invalid_,
                            options_.out);
    return invalid_ > 0 ? kExitInvalid : kExitOk;
  }

 private:
  std::string Executable() const {
    return options_.executable.empty() ? "/proc/self/exe" : options_.executable;
  }

  std::string PathOf(const PlannedRun& run) const {
    const std::string name = absl::StrCat(
        cells_[run.cell].name,
        run.block == 0 ? "-floor" : absl::StrFormat("-b%03d-%d", run.block, run.position), "-", run.backend);
    return absl::StrCat(options_.out, "/", absl::StrReplaceAll(name, {{":", "-"}, {" ", "-"}, {"/", "-"}}),
                        record::kRunExtension);
  }

  std::vector<std::string> FlagsOf(const Cell& cell, const std::string& backend, uint64_t seed) const {
    std::vector<std::string> flags = {Executable(), "--backend",        backend,   cell.flag, cell.value,
                                      "--seed",     absl::StrCat(seed), "--quiet", "--json"};
    for (std::string& flag : FlagsForArm(options_.run_flags, backend, options_.a, options_.b))
      flags.push_back(std::move(flag));
    return flags;
  }

  // What a cell amounts to, in the words of the executable that will run it, for both arms and the floor:
  // wrong flags are found before anything runs.
  int AskForPlan(Cell& cell) {
    std::vector<std::string> backends = {options_.a, options_.b};
    if (options_.floor) backends.push_back("null");
    for (const std::string& backend : backends) {
      if (const int code = AskForPlan(backend, cell); code != kExitOk) return code;
    }
    return kExitOk;
  }

  int AskForPlan(const std::string& backend, Cell& cell) {
    const Capture capture;
    std::vector<std::string> flags = FlagsOf(cell, backend, options_.seed);
    flags.push_back("--print-plan");
    auto child = ChildProcess::Start(flags, {}, capture.descriptor());
    if (!child.ok()) return Fail(std::string(child.status().message()));
    (*child)->AwaitEnd(std::chrono::minutes(1));
    const auto ended = (*child)->Ended();
    // Remarks on a trace come before the plan; both arms have the same to say.
    const std::string text = capture.Text();
    const size_t start = text.rfind("{", 0) == 0 ? 0 : std::min(text.find("\n{"), text.size());
    const auto plan = nlohmann::json::parse(text.substr(start), nullptr, false);
    if (!ended.has_value() || (*child)->exit_code() != kExitOk || !plan.is_object()) {
      err_ << text;
      Fail(absl::StrCat("the runs of ", cell.name, " with ", backend, " cannot be planned"));
      return (*child)->exit_code().value_or(kExitError) == kExitUsage ? kExitUsage : kExitError;
    }
    if (backend == options_.a) err_ << text.substr(0, start);
    cell.planned_ns = plan.value("warmup_ns", 0.0) + plan.value("duration_ns", 0.0);
    cell.events = plan.value("events", uint64_t{0});
    return kExitOk;
  }

  void Announce(const std::vector<PlannedRun>& runs) {
    uint64_t events = 0;
    double nanos = 0;
    for (const PlannedRun& run : runs) {
      events += cells_[run.cell].events;
      nanos += cells_[run.cell].planned_ns + kAssumedOverheadNs;
    }
    out_ << absl::StrFormat("%s against %s: %d runs, %d events, about %s\n", options_.a, options_.b,
                            runs.size(), events, FormatDuration(nanos));
    for (const Cell& cell : cells_) {
      out_ << absl::StrFormat("  %-24s %3d paired blocks, %s\n", cell.name, cell.blocks,
                              cell.blocks >= kBlocksForVerdict
                                  ? absl::StrCat("verdict on ", options_.primary_metric)
                                  : std::string("exploratory: too few for a verdict"));
    }
    out_ << std::flush;
  }

  int Execute(const std::vector<PlannedRun>& runs, size_t index) {
    const PlannedRun& run = runs[index];
    const Cell& cell = cells_[run.cell];
    const Capture capture;
    auto child = ChildProcess::Start(Arguments(run), {}, capture.descriptor());
    if (!child.ok()) return Fail(std::string(child.status().message()));
    const TimePoint start = Clock::System().Now();
    ShowProgress(runs, index, Duration::zero());
    while (!(*child)->AwaitEnd(kTick)) {
      ShowProgress(runs, index, Clock::System().Now() - start);
      if (!interrupt_.WaitFor(Duration::zero())) continue;
      (*child)->Stop(kStopPatience);
      // The run itself wrote an interrupted record: no part of the campaign.
      std::error_code ignored;
      std::filesystem::remove(PathOf(run), ignored);
      ClearProgress();
      err_ << "loadgen: interrupted; the finished runs are in " << options_.out << "\n";
      return kExitInterrupted;
    }
    overhead_ns_ +=
        std::max(0.0, static_cast<double>((Clock::System().Now() - start).count()) - cell.planned_ns);
    ++finished_;
    const auto code = (*child)->exit_code();
    if (code == kExitOk) return kExitOk;
    ClearProgress();
    if (code == kExitInvalid) {
      ++invalid_;
      err_ << "loadgen: " << std::filesystem::path(PathOf(run)).filename().string()
           << " is invalid; see its gates\n";
      return kExitOk;
    }
    err_ << capture.Text();
    return Fail(absl::StrCat("the run of ", run.backend, " in block ", run.block, " of ", cell.name, " ",
                             *(*child)->Ended(), "; the finished runs are in ", options_.out));
  }

  std::vector<std::string> Arguments(const PlannedRun& run) const {
    const Cell& cell = cells_[run.cell];
    record::CampaignPlace place;
    place.set_campaign(id_);
    place.set_cell(cell.name);
    place.set_block(run.block);
    place.set_position(run.position);
    place.set_planned_blocks(cell.blocks);
    if (cell.blocks >= kBlocksForVerdict) place.set_primary_metric(options_.primary_metric);
    std::string json;
    google::protobuf::util::MessageToJsonString(place, &json);
    // One schedule inside a block, another in the next.
    std::vector<std::string> arguments = FlagsOf(cell, run.backend, SeedOfBlock(options_.seed, run.block));
    for (const std::string& more :
         {std::string("--out"), PathOf(run), std::string("--campaign-place"), json}) {
      arguments.push_back(more);
    }
    return arguments;
  }

  void ShowProgress(const std::vector<PlannedRun>& runs, size_t index, Duration in_run) {
    if (!options_.progress) return;
    const double overhead =
        finished_ == 0 ? kAssumedOverheadNs : overhead_ns_ / static_cast<double>(finished_);
    double left = -static_cast<double>(in_run.count());
    for (size_t i = index; i < runs.size(); ++i) left += cells_[runs[i].cell].planned_ns + overhead;
    err_ << absl::StrFormat("\r\033[Krun %d of %d: %s, block %d, %s; %.0f s left", index + 1, runs.size(),
                            cells_[runs[index].cell].name, runs[index].block, runs[index].backend,
                            std::max(0.0, left) / 1e9)
         << std::flush;
  }

  void ClearProgress() {
    if (options_.progress) err_ << "\r\033[K" << std::flush;
  }

  void EndCell(const Cell& cell) {
    ClearProgress();
    err_ << absl::StrFormat("%s: %d blocks done\n", cell.name, cell.blocks);
  }

  int Fail(const std::string& sentence) {
    err_ << "loadgen: " << sentence << "\n";
    return kExitError;
  }

  const CampaignOptions& options_;
  std::vector<Cell> cells_;
  std::ostream& out_;
  std::ostream& err_;
  const std::string id_;
  Interrupt interrupt_;
  uint64_t invalid_ = 0;
  uint64_t finished_ = 0;
  double overhead_ns_ = 0;
};

}  // namespace

CLI::App* AddCampaignCommand(CLI::App& app, CampaignOptions& options) {
  CLI::App* const command = app.add_subcommand("campaign", "Compare two backends by paired runs in blocks.");
  command->add_option("--a", options.a, "the first backend")->capture_default_str();
  command->add_option("--b", options.b, "the second backend; improvement is its over the first's")
      ->capture_default_str();
  command->add_option("--cell", options.cells, "PATTERN:BLOCKS or replay=FILE:BLOCKS; repeatable")
      ->required()
      ->allow_extra_args(false);  // or it would take the `--` before RUN_FLAGS
  command->add_option("--primary", options.primary_metric, "the metric of the verdict")
      ->capture_default_str();
  command->add_option("--seed", options.seed, "of the schedules and of the order")->capture_default_str();
  command->add_option("--out", options.out, "directory of the records")->required();
  command->add_flag("--floor", options.floor, "also one run without a backend for each cell");
  command->add_flag("--dry-run", options.dry_run, "print runs, events and time, and stop");
  command->add_option("RUN_FLAGS", options.run_flags,
                      "after --: passed on to every run, for instance --rate 20k/s");
  return command;
}

int RunCampaign(const CampaignOptions& options, std::ostream& out, std::ostream& err) {
  std::vector<Cell> cells;
  if (options.a == options.b) {
    err << "loadgen: --a and --b: a comparison takes two different backends\n";
    return kExitUsage;
  }
  for (const std::string& text : options.cells) {
    auto cell = ParseCell(text);
    if (!cell.ok()) {
      err << "loadgen: " << std::string(cell.status().message()) << "\n";
      return kExitUsage;
    }
    const auto same = [&](const Cell& other) { return other.name == cell->name; };
    if (std::any_of(cells.begin(), cells.end(), same)) {
      err << "loadgen: --cell: " << cell->name << " is named twice\n";
      return kExitUsage;
    }
    cells.push_back(*std::move(cell));
  }
  return Campaign(options, std::move(cells), out, err).Run();
}

}  // namespace routebench::loadgen
