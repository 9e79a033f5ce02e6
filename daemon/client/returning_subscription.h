// A subscription that comes back after its connection has ended.
#ifndef ROUTEBENCH_DAEMON_CLIENT_RETURNING_SUBSCRIPTION_H_
#define ROUTEBENCH_DAEMON_CLIENT_RETURNING_SUBSCRIPTION_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "daemon/client/redeliveries.h"
#include "events/mutex.h"
#include "events/router.h"

namespace routebench::daemon {

// The user's handler, and what stands between it and one connection after another. Thread-safe. Owned by
// shared_ptr: handlers and acknowledgers of connections that have ended keep it alive.
class ReturningSubscription : public std::enable_shared_from_this<ReturningSubscription> {
 public:
  // Both are called under no lock: `on_idle` when the last handler of a connection that has ended has
  // returned, `on_redelivery` for each event that is not handed because it was before.
  ReturningSubscription(SubscriptionSpec spec, Handler handler, size_t window, std::function<void()> on_idle,
                        std::function<void()> on_redelivery);

  const SubscriptionSpec& spec() const { return spec_; }

  // From now on this connection's deliveries are handed, and no other's. False: handlers of the one before
  // still run, or the subscription has ended.
  bool StartConnection(uint64_t connection);
  void EndConnection();
  // The handler for one connection.
  Handler HandlerFor(uint64_t connection);

  // The handler does not start from now on.
  void End();
  // Returns when no handler runs, at once when called from this subscription's own handler.
  void AwaitHandlers();

 private:
  class Handing;
  Verdict Hand(uint64_t connection, Delivery& delivery);
  Verdict Call(Delivery& delivery);
  void Answer(const EventId& id, uint8_t attempt, Verdict verdict);

  const SubscriptionSpec spec_;
  const Handler handler_;
  const std::function<void()> on_idle_;
  const std::function<void()> on_redelivery_;

  Mutex mutex_;
  CondVar rested_;
  uint64_t connection_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: none
  uint32_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  Redeliveries seen_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_RETURNING_SUBSCRIPTION_H_
