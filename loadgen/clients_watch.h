// What many clients cost the daemon, and whether their closed loop obeys its law.
#ifndef ROUTEBENCH_LOADGEN_CLIENTS_WATCH_H_
#define ROUTEBENCH_LOADGEN_CLIENTS_WATCH_H_

#include <cstdint>
#include <optional>

#include "analysis/record/run_record.h"
#include "events/clock.h"
#include "loadgen/interrupt.h"
#include "loadgen/load.h"
#include "loadgen/stage.h"

namespace routebench::loadgen {

// One moment of a closed loop: what the daemon counts, and what the clients do.
struct ClosedLoopMoment {
  TimePoint at;
  uint64_t delivered = 0;  // requests, over all planned services, by the daemon
  Turns turns;
};

// The law between two moments at which all clients were active, each with one request outstanding. Nothing
// where nothing happened in between.
std::optional<record::ClosedLoop> LawBetween(const ClosedLoopMoment& start, const ClosedLoopMoment& end,
                                             const record::RunPlan& plan);

// Fills ClientsRecord of a run with a stage of clients. Not thread-safe; borrows what it is given.
class ClientsWatch {
 public:
  ClientsWatch(const record::RunPlan& plan, Stage& stage, record::RunRecord& record);

  // Watches the daemon for as long as the plan says, or until an interrupt. Nothing of it is known of a
  // daemon that was already running.
  void WatchIdle(Interrupt& interrupt);
  // Once in a while in the measured part: the window is from the first call to the last one at which no
  // client had sent everything.
  void WatchClosedLoop(Load& load);
  void Conclude();

 private:
  const record::RunPlan& plan_;
  Stage& stage_;
  record::RunRecord& record_;
  std::optional<ClosedLoopMoment> first_;
  std::optional<ClosedLoopMoment> last_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_CLIENTS_WATCH_H_
