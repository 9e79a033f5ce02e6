// What a run says on the terminal.
#ifndef ROUTEBENCH_LOADGEN_OUTPUT_H_
#define ROUTEBENCH_LOADGEN_OUTPUT_H_

#include <iosfwd>

#include "analysis/record/run_record.h"
#include "events/clock.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// One line that is rewritten while a run lasts; nothing at all where standard error is no terminal or `quiet`
// is set.
class ProgressLine {
 public:
  ProgressLine(std::ostream& err, bool quiet);
  ~ProgressLine() { Clear(); }
  // `elapsed` may be negative: the run has not started.
  void Show(Duration elapsed, Duration total, uint64_t sent, uint64_t events);
  void Clear();

 private:
  std::ostream& err_;
  const bool visible_;
  bool shown_ = false;
};

// The readable summary, or the flat object routebench.run.v1.
void PrintRun(const record::RunRecord& record, bool json, std::ostream& out);

// What the flags amount to: events, expected deliveries, fan-out, who subscribes to what. Nothing is run.
void PrintPlan(const record::RunPlan& plan, const Schedule& schedule, bool json, std::ostream& out);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_OUTPUT_H_
