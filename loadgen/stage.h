// Everything that a run starts besides its publishers, and what that uses.
#ifndef ROUTEBENCH_LOADGEN_STAGE_H_
#define ROUTEBENCH_LOADGEN_STAGE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "analysis/record/run_record.h"
#include "events/dispatch/thread_timers.h"
#include "events/stage_injection.h"
#include "loadgen/asker.h"
#include "loadgen/backend_factory.h"
#include "loadgen/daemon_process.h"
#include "loadgen/load_processes.h"
#include "loadgen/options.h"
#include "loadgen/outstanding.h"
#include "loadgen/receiver.h"
#include "loadgen/usage.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// In the order in which it is started; destroyed in the reverse one. Not thread-safe.
struct Stage {
  std::unique_ptr<InjectingHooks> hooks;  // null: nothing is injected
  std::unique_ptr<DaemonProcess> daemon;  // null: none of our own
  std::unique_ptr<Backend> publishing;
  std::unique_ptr<Backend> receiving;  // null: the publishing one, or another process
  std::unique_ptr<Receiver> receiver;
  std::unique_ptr<OutstandingLimit> outstanding;   // null: open loop
  std::unique_ptr<dispatch::ThreadTimers> timers;  // of the askers
  std::vector<std::unique_ptr<Asker>> askers;      // one for each publisher; none where events go one way
  std::unique_ptr<LoadProcesses> clients;          // null: the publishers are threads of this process
  Usage daemon_before_clients;                     // when nobody of them was connected

  // What ended of it that should not have, or empty.
  std::string Trouble();
};

// Starts what the plan needs into an empty stage. Unavailable, NotFound or InvalidArgument with a sentence;
// what was started until then is in the stage.
absl::Status StartStage(const RunOptions& options, const record::RunPlan& plan, const Schedule& schedule,
                        const std::string& run_id, Stage& stage);

// One moment of all processes of a stage, and of the machine around them.
struct Snapshot {
  Usage publisher;
  Usage receiver;
  Usage daemon;
  std::vector<Usage> clients;  // the processes that host them
  MachineTime machine;
};

Snapshot TakeSnapshot(const Stage& stage);

// What the processes used between two snapshots.
void AddUsage(const Stage& stage, const Snapshot& before, const Snapshot& after, record::RunRecord& record);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_STAGE_H_
