#include "events/clock.h"

namespace routebench {
namespace {

class SystemClock final : public Clock {
 public:
  TimePoint Now() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace

const Clock& Clock::System() {
  static const SystemClock& clock = *new SystemClock();
  return clock;
}

}  // namespace routebench
