#include "loadgen/behaviour.h"

#include <thread>

#include "loadgen/workload/random.h"

namespace routebench::loadgen {

bool Behaviour::Fails(const EventHeader& header) const {
  if (failures <= 0) return false;
  Random random(uint64_t{header.publisher} << 40 ^ header.sequence);
  return static_cast<double>(random.Next() >> 11) * 0x1p-53 < failures;
}

void Behaviour::SpendTime(const Clock& clock) const {
  if (time <= Duration::zero()) return;
  if (sleeps) {
    std::this_thread::sleep_for(time);
    return;
  }
  const TimePoint end = clock.Now() + time;
  while (clock.Now() < end) {
  }
}

Behaviour BehaviourOf(const record::RunPlan& plan) {
  Behaviour behaviour;
  behaviour.time = Duration(static_cast<int64_t>(plan.handler().time_ns()));
  behaviour.sleeps = plan.handler().work() == "sleep";
  behaviour.failures = plan.handler().failures();
  behaviour.attempts = plan.subscription().attempts();
  behaviour.delivery_timeout = Duration(static_cast<int64_t>(plan.subscription().delivery_timeout_ns()));
  behaviour.concurrency = plan.subscription().concurrency();
  return behaviour;
}

}  // namespace routebench::loadgen
