// What one peer may make the broker hold.
#ifndef ROUTEBENCH_DAEMON_SERVER_BROKER_LIMITS_H_
#define ROUTEBENCH_DAEMON_SERVER_BROKER_LIMITS_H_

#include <chrono>
#include <cstddef>

#include "events/clock.h"

namespace routebench::daemon {

struct BrokerLimits {
  size_t max_body_bytes = size_t{10} << 20;
  size_t max_sessions = 16'384;
  size_t max_subscriptions = 4096;        // of one session
  size_t max_capacity = size_t{1} << 20;  // of one subscription, in events
  // Bytes that a session may have published and not yet been given credit for; one event may overdraw it.
  size_t publish_window = size_t{1} << 20;
  // Bytes waiting for a peer that reads: above the first no event is added, above the second its own
  // publishing waits, above the third it is disconnected.
  size_t output_target = size_t{256} << 10;
  size_t output_high = size_t{1} << 20;
  size_t output_limit = size_t{64} << 20;
  // A peer that does not greet, or takes nothing though something waits for it, is disconnected after this.
  Duration stall_timeout = std::chrono::seconds(10);
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_BROKER_LIMITS_H_
