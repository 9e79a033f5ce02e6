// ReconnectingClient: a client of the daemon that outlives the daemon (R18).
//
// It is a DaemonClient for as long as the connection lasts, and another one after it has reconnected. What it
// published and the daemon has not released it keeps and sends again; its services and subscriptions it
// registers again, under the same numbers; what comes to an at-least-once subscription for the second time it
// acknowledges and does not hand.
#ifndef ROUTEBENCH_DAEMON_CLIENT_RECONNECTING_CLIENT_H_
#define ROUTEBENCH_DAEMON_CLIENT_RECONNECTING_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "daemon/client/daemon_client.h"
#include "daemon/client/keeper.h"
#include "events/backoff.h"
#include "events/router.h"

namespace routebench {

// The daemon need not keep this event's publisher any longer. `by_all`: every at-least-once subscription that
// matched it has acknowledged it, or none matched; otherwise some came to another outcome, which the outcome
// sink is told. On a thread that reads: must not block, and must not call the client.
using ReleaseSink = std::function<void(const Event&, bool by_all)>;

struct ReconnectingClientOptions {
  DaemonClientOptions client;
  daemon::KeepLimits keep;
  ReleaseSink release_sink;  // may be null
  // Between two attempts to connect; the first follows at once.
  BackoffOptions backoff = {.initial = std::chrono::milliseconds(5),
                            .maximum = std::chrono::milliseconds(500)};
  // How long it tries; then it is closed, and what it keeps is kLostWithPeer.
  Duration reconnect_for = Duration::max();
  // Events answered last that an at-least-once subscription recognises. The sum of what its publishers keep
  // is enough.
  size_t redelivery_window = size_t{1} << 17;
};

struct ReconnectingStatistics {
  uint64_t connections = 0;               // so far
  uint64_t kept = 0;                      // events, right now
  uint64_t resent = 0;                    // events, each time
  uint64_t redeliveries = 0;              // that were not handed
  WireBytes wire;                         // over all connections
  std::optional<WaitPolicy> daemon_wait;  // of the present one
};

// See EventRouter and DaemonClient. What differs:
//
// Publish is accepted once the event is kept (events need an id: kInvalid). It blocks, up to publish_timeout,
// while there is no room for it, and answers kWouldBlock then, never kClosed, while the daemon is away. To
// at-most-once subscriptions an event goes only when it is sent for the first time: what the daemon had in
// its queues for them, and what waited in their mailboxes here, is gone with the daemon.
//
// Other calls are Unavailable while the daemon is away; Unsubscribe ends the subscription here all the same.
// Drain returns when everything that was published has been released. An outcome may be reported again after
// a reconnect. Close leaves names to their leases.
//
// Rules and health are the daemon's: they go with it, as its watches' kLost says.
//
// A subscription comes back once its handlers have returned: a handler never runs beside what it still does
// for the connection before.
class ReconnectingClient final : public EventRouter {
 public:
  // As DaemonClient::Connect: the first connection must succeed. InvalidArgument: the endpoint can be dialled
  // only once (a pipe). FailedPrecondition: the daemon does not know at-least-once.
  static absl::StatusOr<std::unique_ptr<ReconnectingClient>> Connect(ReconnectingClientOptions options);
  ~ReconnectingClient() override;

  PublishResult Publish(const Event& event) override;
  absl::Status Register(const ServiceSpec& service) override;
  absl::Status Deregister(const std::string& service) override;
  absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec& spec, Handler handler) override;
  absl::Status Unsubscribe(SubscriptionId subscription) override;
  absl::Status Pause(SubscriptionId subscription) override;
  absl::Status Resume(SubscriptionId subscription) override;
  DeadLetters& dead_letters() override;
  absl::StatusOr<RouterStatistics> Statistics() override;
  absl::Status Drain(Duration deadline) override;
  absl::Status Close(Duration deadline) override;
  Control& control() override;

  // Thread-safe.
  ReconnectingStatistics statistics() const;

 private:
  class Core;
  explicit ReconnectingClient(std::shared_ptr<Core> core);
  const std::shared_ptr<Core> core_;  // shared with what may outlive the client: stuck handlers
};

}  // namespace routebench

#endif  // ROUTEBENCH_DAEMON_CLIENT_RECONNECTING_CLIENT_H_
