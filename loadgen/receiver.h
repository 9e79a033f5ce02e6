// The receiving side of a run: the planned services, subscribed through a backend, with probes as handlers.
#ifndef ROUTEBENCH_LOADGEN_RECEIVER_H_
#define ROUTEBENCH_LOADGEN_RECEIVER_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "analysis/record/run_record.h"
#include "events/router.h"
#include "loadgen/backend_factory.h"
#include "loadgen/child_process.h"
#include "loadgen/probe.h"
#include "loadgen/workload/schedule.h"
#include "receiver.pb.h"

namespace routebench::loadgen {

// Where events of a run are received. Not thread-safe.
class Receiver {
 public:
  virtual ~Receiver() = default;
  // The warm-up is over: bytes on the wire count from here. Does not block.
  virtual void BeginMeasuredPart() = 0;
  // Waits until everything that the receiving side has published has its outcomes. DeadlineExceeded, or
  // where the receiver is gone.
  virtual absl::Status Drain(Duration deadline) = 0;
  // After the run is drained: ends the subscriptions and says what came. Errors where the receiver is gone.
  virtual absl::StatusOr<ReceiverReport> Finish() = 0;
  // The process that receives, where it is another one; 0 otherwise.
  virtual pid_t pid() const { return 0; }
  // Why it can receive no more (its process ended), or empty.
  virtual std::string Trouble() { return ""; }
};

// Receives in this process, through `backend`, which must outlive the receiver. Subscribed on return, and the
// plan's rules are in force. `run_id` makes the names of at-least-once subscriptions unique.
absl::StatusOr<std::unique_ptr<Receiver>> ReceiveHere(Backend& backend, const record::RunPlan& plan,
                                                      const Schedule& schedule, const std::string& run_id);

// Starts this executable again as a receiving process with a connection of its own. Subscribed on return.
absl::StatusOr<std::unique_ptr<Receiver>> ReceiveInProcess(const record::RunPlan& plan,
                                                           const DaemonAddress& daemon,
                                                           const std::string& run_id);

// That process's life: obeys the orchestrator at the other end of `control`, an inherited socket; ends when
// it closes. Returns the exit code.
int RunReceiverProcess(int control);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_RECEIVER_H_
