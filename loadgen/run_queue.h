// How long a thread that is ready to run has waited for a processor.
#ifndef ROUTEBENCH_LOADGEN_RUN_QUEUE_H_
#define ROUTEBENCH_LOADGEN_RUN_QUEUE_H_

#include "events/clock.h"
#include "loadgen/child_process.h"

namespace routebench::loadgen {

// Of the thread that makes it; not thread-safe.
class RunQueueDelay {
 public:
  RunQueueDelay();
  // Since the thread's start, as the kernel counts it; always zero where it does not. About a microsecond.
  Duration Read() const;

 private:
  Descriptor file_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_RUN_QUEUE_H_
