#include "loadgen/backend_factory.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/data_coordinator.h"
#include "coordinator/inline_router.h"
#include "daemon/client/daemon_client.h"
#include "daemon/client/reconnecting_client.h"
#include "loadgen/null_router.h"

namespace routebench::loadgen {
namespace {

template <typename Router>
class InProcess final : public Backend {
 public:
  template <typename... Arguments>
  explicit InProcess(Arguments&&... arguments) : router_(std::forward<Arguments>(arguments)...) {}
  EventRouter& router() override { return router_; }

 private:
  Router router_;
};

class ThroughDaemon final : public Backend {
 public:
  explicit ThroughDaemon(std::unique_ptr<DaemonClient> client) : client_(std::move(client)) {}
  EventRouter& router() override { return *client_; }
  std::optional<WireBytes> wire_bytes() const override {
    const auto bytes = client_->wire_bytes();
    return WireBytes{bytes.sent, bytes.received};
  }

 private:
  const std::unique_ptr<DaemonClient> client_;
};

class ThroughReturningDaemon final : public Backend {
 public:
  explicit ThroughReturningDaemon(std::unique_ptr<ReconnectingClient> client) : client_(std::move(client)) {}
  EventRouter& router() override { return *client_; }
  std::optional<WireBytes> wire_bytes() const override {
    const auto bytes = client_->statistics().wire;
    return WireBytes{bytes.sent, bytes.received};
  }

 private:
  const std::unique_ptr<ReconnectingClient> client_;
};

// Of the two, the slower to wake would be measured.
absl::Status CheckWait(const DaemonClientOptions& options, std::optional<WaitPolicy> daemon) {
  if (daemon == options.router.wait) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the daemon at ", options.endpoint, " waits by ",
      daemon.has_value() ? std::string(Name(*daemon)) : "a policy unknown here", " and this run by ",
      std::string(Name(options.router.wait)), ": start both with the same --wait"));
}

absl::StatusOr<std::unique_ptr<Backend>> Connect(const DaemonClientOptions& options, Guarantee guarantee) {
  if (guarantee == Guarantee::kAtLeastOnce) {
    ReconnectingClientOptions reconnecting;
    reconnecting.client = options;
    auto client = ReconnectingClient::Connect(std::move(reconnecting));
    if (!client.ok()) return client.status();
    absl::Status status = CheckWait(options, (*client)->statistics().daemon_wait);
    if (!status.ok()) return status;
    return std::make_unique<ThroughReturningDaemon>(*std::move(client));
  }
  auto client = DaemonClient::Connect(options);
  if (!client.ok()) return client.status();
  if (absl::Status status = CheckWait(options, (*client)->daemon_wait()); !status.ok()) return status;
  return std::make_unique<ThroughDaemon>(*std::move(client));
}

}  // namespace

bool NeedsDaemon(const std::string& backend) { return backend.rfind("daemon:", 0) == 0; }

std::string TransportOf(const std::string& backend) { return backend.substr(backend.find(':') + 1); }

bool Delivers(const std::string& backend) { return backend != "null"; }

absl::StatusOr<std::unique_ptr<Backend>> OpenBackend(const std::string& backend, const DaemonAddress& daemon,
                                                     const std::string& peer_name, RouterOptions options,
                                                     Guarantee guarantee, Timers* timers) {
  if (backend == "null") return std::make_unique<InProcess<NullRouter>>();
  if (backend == "coordinator") return std::make_unique<InProcess<DataCoordinator>>(std::move(options));
  if (backend == "coordinator:inline") return std::make_unique<InProcess<InlineRouter>>(std::move(options));
  if (NeedsDaemon(backend)) {
    return Connect({.endpoint = daemon.endpoint,
                    .token_file = daemon.token_file,
                    .name = peer_name,
                    .router = std::move(options),
                    .timers = timers},
                   guarantee);
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown backend ", backend));
}

}  // namespace routebench::loadgen
