// DaemonClient: events routed by a daemon in another process.
//
// Publish encodes into the connection's buffer and sends from the caller's thread; deliveries are read by the
// threads that run the handlers: whoever reads an event runs its handler, if it is free.
#ifndef ROUTEBENCH_DAEMON_CLIENT_DAEMON_CLIENT_H_
#define ROUTEBENCH_DAEMON_CLIENT_DAEMON_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "events/clock.h"
#include "events/router.h"

namespace routebench {

namespace dispatch {
class WorkerPool;
}

struct DaemonClientOptions {
  std::string endpoint;    // of the daemon (daemon/transport/transport.h): unix:PATH, or a path
  std::string token_file;  // with the daemon's secret (daemon/wire/token.h), where its transport demands one
  std::string name;        // for the daemon's log
  RouterOptions router;
  Duration connect_timeout = std::chrono::seconds(5);
  // Both outlive the client and every Acknowledger it gave out. `timers` null: timers of its own.
  const Clock* clock = &Clock::System();
  Timers* timers = nullptr;
};

// Bytes on the connection so far, lengths and control frames included.
struct WireBytes {
  uint64_t sent = 0;
  uint64_t received = 0;
};

// For ReconnectingClient. On the thread that reads: must not block. May be null.
struct ConnectionHooks {
  std::function<void()> on_end;  // the connection has ended; once
  // The daemon releases what PublishKept has sent: `count` events from number `first`, from 1. Never without
  // it.
  std::function<void(uint64_t first, uint64_t count, bool by_all)> on_released;
};

// See EventRouter. A service belongs to the client that registered it; only this client subscribes for it.
//
// Publish is accepted once the event is in the connection's window (1 MiB of events that the daemon has not
// brought to all their queues; one event may overdraw it); without room it blocks up to publish_timeout. A
// full queue of policy block holds the publisher's events back in the daemon, in order, and so fills the
// window.
//
// When the daemon dies, Publish answers kClosed and every other call Unavailable at once; events that it had
// not yet confirmed to be in their queues are reported as kLostWithPeer, whatever became of them.
//
// Close as the coordinator: it returns by its deadline (and a fraction of a second for the farewell) even
// when a handler is stuck; what the handler refers to must live as long as it runs.
class DaemonClient final : public EventRouter {
 public:
  // Blocks up to the connect timeout. Errors: those of transport::Dial and wire::ReadTokenFile; Unavailable
  // and FailedPrecondition with the daemon's reason when it refuses; DeadlineExceeded.
  static absl::StatusOr<std::unique_ptr<DaemonClient>> Connect(DaemonClientOptions options,
                                                               ConnectionHooks hooks = {});
  ~DaemonClient() override;

  PublishResult Publish(const Event& event) override;
  absl::Status Register(const ServiceSpec& service) override;
  absl::Status Deregister(const std::string& service) override;
  absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec& spec, Handler handler) override;
  absl::Status Unsubscribe(SubscriptionId subscription) override;
  Control& control() override;
  absl::Status Pause(SubscriptionId subscription) override;
  absl::Status Resume(SubscriptionId subscription) override;
  DeadLetters& dead_letters() override;
  absl::StatusOr<RouterStatistics> Statistics() override;
  absl::Status Drain(Duration deadline) override;
  absl::Status Close(Duration deadline) override;

  // For ReconnectingClient. Publish that does not wait, of an event that is kept until on_released names it;
  // `resent`: it was published before, in another session. A client that calls it does not call Publish.
  PublishResult PublishKept(const Event& event, bool resent);
  // Waits until Publish may succeed, at most so long.
  void AwaitWindow(Duration timeout);
  // Subscribe, under the number that the subscription had in an earlier session.
  absl::StatusOr<SubscriptionId> Resubscribe(SubscriptionId subscription, const SubscriptionSpec& spec,
                                             Handler handler);

  // Thread-safe.
  WireBytes wire_bytes() const;
  // How the daemon waits; nothing where it is of a kind that is not known here.
  std::optional<WaitPolicy> daemon_wait() const;

 private:
  class Core;
  class SharedWait;
  DaemonClient(std::shared_ptr<Core> core, std::shared_ptr<dispatch::WorkerPool> pool);

  const std::shared_ptr<Core> core_;  // shared with what may outlive the client: stuck handlers
  const std::shared_ptr<dispatch::WorkerPool> pool_;
};

}  // namespace routebench

#endif  // ROUTEBENCH_DAEMON_CLIENT_DAEMON_CLIENT_H_
