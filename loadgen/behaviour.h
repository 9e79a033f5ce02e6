// What the handlers of a run do besides measuring: take time, fail, answer.
#ifndef ROUTEBENCH_LOADGEN_BEHAVIOUR_H_
#define ROUTEBENCH_LOADGEN_BEHAVIOUR_H_

#include <cstdint>
#include <functional>

#include "analysis/record/run_record.h"
#include "events/clock.h"
#include "events/router.h"

namespace routebench::loadgen {

// Thread-safe to use where `respond` is.
struct Behaviour {
  Duration time{};              // for each event
  bool sleeps = false;          // blocks the thread that long; otherwise uses a processor
  double failures = 0;          // share of the events
  uint32_t attempts = 0;        // failed ones are tried that often; 0: they are rejected
  Duration delivery_timeout{};  // zero: none
  uint32_t concurrency = 1;     // handlers of one subscription at once
  // Answers a request, or says that it failed; false: the answer could not be sent. Null: no requests.
  std::function<bool(const Event& request, bool failed)> respond;

  // By publisher and sequence alone: in every attempt, at every receiver and in every run the same events.
  bool Fails(const EventHeader& header) const;
  Verdict VerdictOf(bool failed) const {
    return !failed ? Verdict::kAck : attempts == 0 ? Verdict::kReject : Verdict::kRetry;
  }
  // Returns once `time` has passed by the clock, or as soon after it as the machine allows.
  void SpendTime(const Clock& clock) const;
};

// Without `respond`.
Behaviour BehaviourOf(const record::RunPlan& plan);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_BEHAVIOUR_H_
