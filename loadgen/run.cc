#include "loadgen/run.h"

#include <google/protobuf/util/json_util.h>

#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loadgen/environment.h"
#include "loadgen/gates.h"
#include "loadgen/input.h"
#include "loadgen/interrupt.h"
#include "loadgen/measurement.h"
#include "loadgen/output.h"
#include "loadgen/stage.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

int Fail(Streams& streams, int code, const absl::Status& status) {
  streams.err << "loadgen: " << std::string(status.message()) << "\n";
  return code;
}

absl::Status OutputLost() {
  return absl::UnavailableError("cannot write to standard output: it is full or closed");
}

absl::Status ReadCampaignPlace(const RunOptions& options, record::RunRecord& record) {
  if (options.campaign_place.empty()) return absl::OkStatus();
  const auto status =
      google::protobuf::util::JsonStringToMessage(options.campaign_place, record.mutable_campaign());
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("--campaign-place: ", std::string(status.message().data(), status.message().size())));
}

int Finish(const RunOptions& options, const absl::Status& status, const record::RunRecord& record,
           Streams& streams) {
  if (!options.out.empty()) {
    if (absl::Status written = record::WriteRunRecord(record, options.out); !written.ok()) {
      return Fail(streams, kExitError, written);
    }
  }
  PrintRun(record, options.json, streams.out);
  if (!streams.out.good()) return Fail(streams, kExitError, OutputLost());
  if (record.interrupted()) return kExitInterrupted;
  if (!status.ok()) streams.err << "loadgen: the run is invalid: " << std::string(status.message()) << "\n";
  for (const record::Gate& gate : record.gates()) {
    if (!gate.passed())
      streams.err << "loadgen: the run is invalid: " << gate.name() << ": " << gate.finding() << "\n";
  }
  return status.ok() && IsValid(record) ? kExitOk : kExitInvalid;
}

// Starts everything, measures, and has stopped everything on return. `started` is left false where it never
// came to a measurement.
absl::Status RunOnStage(const RunOptions& options, const Input& input, Interrupt& interrupt, Streams& streams,
                        record::RunRecord& record, bool& started) {
  Stage stage;
  if (absl::Status status = StartStage(options, record.plan(), input.schedule, record.run_id(), stage);
      !status.ok())
    return status;
  started = true;
  ProgressLine progress(streams.err, options.quiet);
  return Measure(input, stage, interrupt, progress, record);
}

}  // namespace

int RunOnce(const RunOptions& options, int argc, const char* const* argv, Streams streams) {
  absl::StatusOr<record::RunPlan> plan = MakePlan(options);
  if (!plan.ok()) return Fail(streams, kExitUsage, plan.status());
  const absl::StatusOr<Input> input = ReadInput(*plan);
  if (!input.ok()) return Fail(streams, plan->trace().empty() ? kExitUsage : kExitError, input.status());
  if (!input->remarks.empty()) streams.err << "loadgen: " << input->remarks << "\n";
  const Schedule* const schedule = &input->schedule;
  plan->set_events(schedule->events.size());
  plan->set_fan_out(Delivers(plan->backend()) ? FanOut(*schedule, *plan) : 0);
  if (options.print_plan) {
    PrintPlan(*plan, *schedule, options.json, streams.out);
    return streams.out.flush().good() ? kExitOk : Fail(streams, kExitError, OutputLost());
  }

  Interrupt interrupt;
  record::RunRecord record;
  *record.mutable_plan() = *plan;
  *record.mutable_environment() = ReadEnvironment({argv, argv + argc});
  record.set_schedule_hash(schedule->hash);
  EventIdGenerator ids(RandomSeed());
  record.set_run_id(ToString(ids.Next()));
  if (absl::Status status = ReadCampaignPlace(options, record); !status.ok())
    return Fail(streams, kExitUsage, status);

  bool started = false;
  const absl::Status status = RunOnStage(options, *input, interrupt, streams, record, started);
  if (!started) return Fail(streams, kExitError, status);
  return Finish(options, status, record, streams);
}

}  // namespace routebench::loadgen
