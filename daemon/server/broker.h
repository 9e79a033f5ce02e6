// The daemon: sessions over whatever transports it listens on, one exchange behind them, one thread.
//
// `eventd` runs one; tests and the daemon:thread backend host one in their own process, over a real
// transport, too.
#ifndef ROUTEBENCH_DAEMON_SERVER_BROKER_H_
#define ROUTEBENCH_DAEMON_SERVER_BROKER_H_

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/server/broker_limits.h"
#include "daemon/wire/protocol_error.h"
#include "events/clock.h"
#include "events/router.h"

namespace routebench::daemon {

enum class LogLevel : uint8_t { kInfo, kWarning };

struct BrokerOptions {
  std::vector<std::string> listen;  // endpoints (daemon/transport/transport.h), at least one
  // The secret (daemon/wire/token.h) for peers of transports that do not know them; those need it.
  std::string token_file;
  bool allow_remote = false;  // see transport::ListenOptions
  // Where the names of at-least-once subscriptions are kept (NameStore); empty: there are none.
  std::string state_directory;
  const Clock* clock = &Clock::System();
  Timers* timers = nullptr;  // null: the loop's own, on the system's clock
  // For how long a peer may be silent, in steady_clock's time whatever `clock` says; null: the loop's own.
  Timers* peer_timers = nullptr;
  BrokerLimits limits;
  RoutingOptions routing;                // valid
  StageHooks* stage_hooks = nullptr;     // for tests; outlives the broker
  WaitPolicy wait = WaitPolicy::kBlock;  // of the loop
  // The last peer has gone and no other can come: all endpoints were pipes. On the loop's thread; may be
  // null.
  std::function<void()> deserted;
  // One line of key=value pairs for each event of the broker's own life; on the loop's thread. May be null.
  std::function<void(LogLevel, const std::string&)> log;
};

struct BrokerCounters {
  uint64_t accepted = 0;                                    // connections
  uint64_t established = 0;                                 // that greeted well
  uint64_t left = 0;                                        // that said goodbye
  std::array<uint64_t, wire::kProtocolErrorCount> ended{};  // that ended otherwise, by reason
  uint64_t of(wire::ProtocolError error) const { return ended[static_cast<size_t>(error)]; }
};

// Thread-safe, but not from the log.
class Broker {
 public:
  // Reads the names, listens, and starts the loop. Errors: those of NameStore::Open, wire::ReadTokenFile and
  // transport::Listen, and InvalidArgument.
  static absl::StatusOr<std::unique_ptr<Broker>> Start(BrokerOptions options);
  // Stops.
  ~Broker();

  // Admits nothing more (what is published from now on ends as kDroppedClosed) and returns when every event
  // has its outcomes, or DeadlineExceeded after `deadline`.
  absl::Status Drain(Duration deadline);
  // Says goodbye to all peers, settles the rest as kDroppedClosed, ends the loop, listens no more.
  // Idempotent.
  void Stop();

  // Where it listens, in the order of the options.
  const std::vector<std::string>& endpoints() const;
  // Also after Stop.
  RouterStatistics Statistics();  // as far as the peers have reported
  BrokerCounters Counters();

 private:
  class Loop;
  explicit Broker(std::unique_ptr<Loop> loop);
  const std::unique_ptr<Loop> loop_;
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_BROKER_H_
