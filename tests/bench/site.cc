#include "tests/bench/site.h"

#include <cstdlib>
#include <utility>

#include "coordinator/data_coordinator.h"
#include "coordinator/inline_router.h"
#include "daemon/client/daemon_client.h"

namespace routebench::bench {

const std::vector<std::string>& SiteNames() {
  static const auto& names =
      *new std::vector<std::string>{"coordinator", "coordinator:inline", "daemon:unix"};
  return names;
}

Site::Site(const std::string& name, const RouterOptions& options, std::vector<std::string> eventd_arguments)
    : name_(name), options_(options) {
  if (name == "daemon:unix") {
    const std::string socket = (directory_.path() / "eventd.sock").string();
    eventd_arguments.insert(eventd_arguments.end(), {"--listen", socket, "--log-level", "off"});
    eventd_.emplace(eventd_arguments);
    if (!eventd_->AwaitReady()) std::abort();
    other_ = Join();
  }
  router_ = Join();
}

std::unique_ptr<EventRouter> Site::Join() const {
  if (name_ == "coordinator") return std::make_unique<DataCoordinator>(options_);
  if (name_ == "coordinator:inline") return std::make_unique<InlineRouter>(options_);
  DaemonClientOptions options;
  options.endpoint = (directory_.path() / "eventd.sock").string();
  options.name = "bench";
  options.router = options_;
  auto client = DaemonClient::Connect(std::move(options));
  if (!client.ok()) std::abort();
  return *std::move(client);
}

}  // namespace routebench::bench
