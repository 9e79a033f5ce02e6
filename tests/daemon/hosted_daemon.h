// A broker in the test's own process, behind a real socket in a private directory.
#ifndef ROUTEBENCH_TESTS_DAEMON_HOSTED_DAEMON_H_
#define ROUTEBENCH_TESTS_DAEMON_HOSTED_DAEMON_H_

#include <memory>
#include <string>
#include <utility>

#include "daemon/client/daemon_client.h"
#include "daemon/server/broker.h"
#include "tests/daemon/private_directory.h"

namespace routebench::testing {

class HostedDaemon {
 public:
  // Of `options` everything but the paths.
  explicit HostedDaemon(daemon::BrokerOptions options = {}) {
    options.listen = {socket_path()};
    options.state_directory = (directory_.path() / "state").string();
    broker_ = daemon::Broker::Start(std::move(options)).value();
  }

  std::string socket_path() const { return (directory_.path() / "eventd.sock").string(); }
  daemon::Broker& broker() { return *broker_; }

  std::unique_ptr<DaemonClient> Connect(RouterOptions router = {}, const Clock& clock = Clock::System(),
                                        Timers* timers = nullptr) {
    return DaemonClient::Connect({.endpoint = socket_path(),
                                  .name = "test",
                                  .router = std::move(router),
                                  .clock = &clock,
                                  .timers = timers})
        .value();
  }

 private:
  PrivateDirectory directory_;
  std::unique_ptr<daemon::Broker> broker_;
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_DAEMON_HOSTED_DAEMON_H_
