// The only door to concrete backends.
#ifndef ROUTEBENCH_LOADGEN_BACKEND_FACTORY_H_
#define ROUTEBENCH_LOADGEN_BACKEND_FACTORY_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "events/clock.h"
#include "events/router.h"

namespace routebench::loadgen {

struct WireBytes {
  uint64_t sent = 0;
  uint64_t received = 0;
};

// One process's side of a backend.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual EventRouter& router() = 0;
  // So far; nothing where no byte leaves the process.
  virtual std::optional<WireBytes> wire_bytes() const { return std::nullopt; }
};

// How a process reaches the daemon.
struct DaemonAddress {
  std::string endpoint;    // a path, unix:PATH, tcp:HOST:PORT, or pipe:READ,WRITE of its own descriptors
  std::string token_file;  // with the secret that tcp demands
};

// Whether events of the backend cross to a daemon at an endpoint.
bool NeedsDaemon(const std::string& backend);
// Over which transport they do: what is behind the colon.
std::string TransportOf(const std::string& backend);
// Whether receivers get events at all (null's do not).
bool Delivers(const std::string& backend);

// `backend` is a canonical name (daemon:unix, not daemon). `daemon` is where that is; `peer_name` is how
// this process introduces itself there. With `guarantee` at least once, what is published through it and not
// acknowledged is kept, and sent again. `timers` are the connection's, and outlive it; null: its own.
absl::StatusOr<std::unique_ptr<Backend>> OpenBackend(const std::string& backend, const DaemonAddress& daemon,
                                                     const std::string& peer_name, RouterOptions options,
                                                     Guarantee guarantee, Timers* timers = nullptr);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_BACKEND_FACTORY_H_
