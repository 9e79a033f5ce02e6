// The clients of a run, spread over processes of their own.
#ifndef ROUTEBENCH_LOADGEN_LOAD_PROCESSES_H_
#define ROUTEBENCH_LOADGEN_LOAD_PROCESSES_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "analysis/record/histogram.h"
#include "loadgen/backend_factory.h"
#include "loadgen/child_process.h"
#include "loadgen/load.h"
#include "loadgen/workload/schedule.h"
#include "receiver.pb.h"

namespace routebench::loadgen {

// Not thread-safe. The destructor ends the processes, whose clients take leave of the daemon properly.
class LoadProcesses final : public Load {
 public:
  // Starts this executable plan.load_processes() times, with shares of plan.clients() as equal as can be. All
  // are connected on return. Errors of theirs. Borrows the schedule.
  static absl::StatusOr<std::unique_ptr<LoadProcesses>> Start(const record::RunPlan& plan,
                                                              const Schedule& schedule,
                                                              const DaemonAddress& daemon);
  ~LoadProcesses() override;

  // See Crowd.
  const record::Histogram& connect_times() const { return connect_times_; }

  void Start(TimePoint start) override;
  Progress progress() override;
  void BeginMeasuredPart() override;
  void StopSending() override;
  absl::Status Drain(Duration deadline) override;
  void Dismiss() override {}  // they end with this object
  absl::StatusOr<LoadResults> Finish() override;
  std::vector<pid_t> pids() const override;
  std::string Trouble() override;

 private:
  struct Process {
    std::unique_ptr<ChildProcess> process;
    Descriptor control;
  };

  explicit LoadProcesses(const Schedule& schedule) : schedule_(schedule) {}
  absl::Status Launch(const record::RunPlan& plan, const DaemonAddress& daemon, uint32_t first,
                      uint32_t count);
  absl::Status AwaitConnected();
  void SendAll(const LoadCommand& command);
  absl::Status AwaitAll(Duration patience);
  absl::Status Explain(const absl::Status& status);

  const Schedule& schedule_;
  std::vector<Process> processes_;
  record::Histogram connect_times_;
};

// Such a process's life: obeys the orchestrator at the other end of `control`, an inherited socket; ends when
// it closes. Returns the exit code.
int RunLoadProcess(int control);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_LOAD_PROCESSES_H_
