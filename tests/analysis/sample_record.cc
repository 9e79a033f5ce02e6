#include "sample_record.h"

#include <cmath>

#include "absl/strings/str_format.h"
#include "analysis/record/histogram.h"
#include "analysis/record/run_record.h"

namespace routebench::testing {
namespace {

using record::Histogram;
using record::RunRecord;

void FillPlan(const SampleRun& run, record::RunPlan* plan) {
  plan->set_backend(run.backend);
  plan->set_pattern(run.pattern);
  plan->set_level("light");
  plan->set_arrivals("even");
  plan->set_loop("open");
  plan->set_rate_per_s(2000);
  plan->set_warmup_ns(1'000'000'000);
  plan->set_duration_ns(10'000'000'000);
  plan->set_events(run.events);
  plan->set_payload_min_bytes(512);
  plan->set_payload_max_bytes(512);
  plan->set_publishers(1);
  plan->set_seed(run.block);
  auto* service = plan->add_services();
  service->set_id("service-1");
  service->add_categories("filesystem");
  service->add_categories("database");
  plan->mutable_subscription()->set_capacity(4096);
  plan->mutable_subscription()->set_full_policy("block");
  plan->set_wait_policy("block");
  plan->set_pacer("sleep");
  plan->set_same_process(run.backend == "coordinator");
  plan->set_fan_out(1);
}

void FillEnvironment(record::Environment* environment) {
  environment->set_tool_version("0.1.0");
  environment->set_host("example");
  environment->set_kernel("6.1.0");
  environment->set_cpu_model("Example CPU");
  environment->set_cpus(2);
  environment->set_memory_bytes(uint64_t{8} << 30);
  environment->set_clock_source("tsc");
  environment->set_clock_read_ns(25);
  environment->set_compiler("gcc 12.2.0");
  environment->set_build_type("release");
}

void FillCell(const SampleRun& run, const char* category, uint64_t offered, uint64_t delivered,
              RunRecord& record) {
  Histogram response;
  Histogram service;
  for (uint64_t i = 0; i < delivered; ++i) {
    const double position = (static_cast<double>(i) + 0.5) / static_cast<double>(delivered);
    const double nanos = 20'000 * std::pow(100, position) * run.scale;
    response.Record(std::llround(nanos));
    service.Record(std::llround(nanos * 0.9));
  }
  Histogram small;
  for (uint64_t i = 0; i < offered; ++i) small.Record(static_cast<int64_t>(500 + i % 100));
  record::Cell* cell = record.add_cells();
  cell->set_phase("steady");
  cell->set_category(category);
  cell->set_offered(offered);
  cell->set_expected(offered);
  cell->set_delivered(delivered);
  response.ToData(cell->mutable_response());
  service.ToData(cell->mutable_service());
  small.ToData(cell->mutable_self_lag());
  small.ToData(cell->mutable_blocked());
}

void FillBooks(const SampleRun& run, record::BooksRecord* books) {
  const auto add = [](auto* counts, const char* name, uint64_t count) {
    auto* named = counts->Add();
    named->set_name(name);
    named->set_count(count);
  };
  add(books->mutable_answers(), "accepted", run.events);
  books->set_routed(run.events);
  add(books->mutable_outcomes(), "delivered", run.events - run.lost);
  if (run.lost > 0) add(books->mutable_outcomes(), "dropped_queue_full", run.lost);
  books->set_probe_delivered(run.events - run.lost);
  books->set_expected(run.events);
  books->set_balanced(true);
}

void AddProcess(const SampleRun& run, const char* role, uint32_t pid, double cpu_per_event_ns,
                RunRecord& record) {
  record::ProcessUsage* process = record.add_processes();
  process->set_role(role);
  process->set_pid(pid);
  const double cpu = cpu_per_event_ns * run.scale * static_cast<double>(run.events);
  process->set_cpu_user_ns(static_cast<uint64_t>(cpu / 2));
  process->set_cpu_system_ns(static_cast<uint64_t>(cpu / 2));
  process->set_voluntary_switches(2 * run.events);
  process->set_involuntary_switches(10);
  process->set_run_queue_wait_ns(1000 * run.events);
  process->set_proportional_bytes(8 << 20);
  process->set_peak_resident_bytes(12 << 20);
}

void FillStages(const SampleRun& run, RunRecord& record) {
  constexpr uint64_t kOneIn = 20;
  record.mutable_plan()->set_stage_sampling(kOneIn);
  record::StageRecord& stages = *record.mutable_stages();
  for (const char* const mark : {"due", "sent", "routed", "queued"}) stages.add_marks(mark);
  const bool daemon = run.backend != "coordinator";
  if (daemon) stages.add_marks("written");
  stages.add_marks("handled");
  for (uint64_t i = 0; i < run.events; i += kOneIn) {
    const double position = (static_cast<double>(i) + 0.5) / static_cast<double>(run.events);
    const auto response = static_cast<uint64_t>(20'000 * std::pow(100, position) * run.scale);
    uint64_t rest = response;
    for (int stage = 1; stage + 1 < stages.marks_size(); ++stage) {
      stages.add_stage_ns(response / 10);
      rest -= response / 10;
    }
    stages.add_stage_ns(rest);
    stages.set_deliveries(stages.deliveries() + 1);
    const auto nanos = static_cast<double>(response);
    stages.set_response_sum_ns(stages.response_sum_ns() + nanos);
    stages.set_response_sum_of_squares(stages.response_sum_of_squares() + nanos * nanos);
  }
}

}  // namespace

RunRecord MakeRecord(const SampleRun& run) {
  RunRecord record;
  record.set_schema(record::kRunSchema);
  record.set_run_id(absl::StrFormat("%032x", run.block));
  FillPlan(run, record.mutable_plan());
  FillEnvironment(record.mutable_environment());
  record.set_schedule_hash(0x1000 + run.block);
  record.set_started_unix_ns(1'700'000'000'000'000'000 + int64_t{run.block} * 60'000'000'000);
  record.set_measured_ns(10'000'000'000);
  record.set_drain_ns(1'000'000);
  FillCell(run, "filesystem", run.events / 2, run.events / 2 - run.lost, record);
  FillCell(run, "database", run.events / 2, run.events / 2, record);
  FillBooks(run, record.mutable_books());
  if (run.backend == "coordinator" || run.backend == "null") {
    AddProcess(run, "publisher+receiver", 100, 5'000, record);
  } else {
    AddProcess(run, "publisher", 100, 4'000, record);
    AddProcess(run, "receiver", 101, 4'000, record);
    AddProcess(run, "daemon", 102, 8'000, record);
    record.mutable_wire()->set_bytes_sent(1200 * run.events);
    record.mutable_wire()->set_bytes_received(1200 * run.events);
  }
  for (const char* name : {"offered_load", "accounting", "self_lag"}) {
    record::Gate* gate = record.add_gates();
    gate->set_name(name);
    gate->set_passed(true);
    gate->set_finding("as it should be");
  }
  if (run.stages) FillStages(run, record);
  if (run.block > 0) {
    record::CampaignPlace* place = record.mutable_campaign();
    place->set_campaign("sample");
    place->set_cell(run.pattern);
    place->set_block(run.block);
    place->set_position(run.backend == "coordinator" ? 1 : 2);
    place->set_planned_blocks(run.planned_blocks);
    place->set_primary_metric(run.primary_metric);
  }
  return record;
}

}  // namespace routebench::testing
