// The publishing side of a run, as the orchestrator sees it.
#ifndef ROUTEBENCH_LOADGEN_LOAD_H_
#define ROUTEBENCH_LOADGEN_LOAD_H_

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "events/clock.h"
#include "loadgen/asker.h"
#include "loadgen/backend_factory.h"
#include "loadgen/publisher.h"

namespace routebench::loadgen {

// What came of publishing.
struct LoadResults {
  explicit LoadResults(size_t phases) : offers(phases) {}
  OfferResults offers;
  std::optional<AnswerResults> answers;  // where requests were made
  std::optional<WireBytes> wire;         // in the measured part, where bytes leave the process
};

// Controlled by one thread, in the order of its methods.
class Load {
 public:
  virtual ~Load() = default;

  // Due times count from `start`.
  virtual void Start(TimePoint start) = 0;
  struct Progress {
    uint64_t running = 0;     // publishers that have not sent everything
    uint64_t sent = 0;        // events
    uint64_t unanswered = 0;  // requests
    Turns turns;
  };
  virtual Progress progress() = 0;
  // Bytes on the wire count from here.
  virtual void BeginMeasuredPart() = 0;
  // Sends nothing more; blocks until the last call of Publish has returned.
  virtual void StopSending() = 0;
  // Waits until everything that was published has its outcomes. DeadlineExceeded; other errors are final.
  virtual absl::Status Drain(Duration deadline) = 0;
  // After StopSending: ends the threads. Until then the kernel's counters of them can be read.
  virtual void Dismiss() = 0;
  // After Dismiss, once. Errors where a process is gone.
  virtual absl::StatusOr<LoadResults> Finish() = 0;

  // The processes that publish, where they are others.
  virtual std::vector<pid_t> pids() const { return {}; }
  // Why it can publish no more (a process ended), or empty.
  virtual std::string Trouble() { return ""; }
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_LOAD_H_
