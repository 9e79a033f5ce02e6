// A broker in the test's own process, behind a real transport in a private place.
#ifndef ROUTEBENCH_TESTS_DAEMON_HOSTED_DAEMON_H_
#define ROUTEBENCH_TESTS_DAEMON_HOSTED_DAEMON_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/client/daemon_client.h"
#include "daemon/server/broker.h"
#include "tests/daemon/test_endpoints.h"

namespace routebench::testing {

class HostedDaemon {
 public:
  // Of `options` everything but the places.
  explicit HostedDaemon(daemon::BrokerOptions options = {}, std::string_view transport = "unix")
      : endpoints_(transport) {
    options.listen = endpoints_.listen();
    options.token_file = endpoints_.token_file();
    options.state_directory = endpoints_.File("state");
    broker_ = daemon::Broker::Start(std::move(options)).value();
  }

  // For the next peer.
  std::string NextEndpoint() { return endpoints_.Dial(broker_->endpoints()); }
  daemon::Broker& broker() { return *broker_; }

  std::unique_ptr<DaemonClient> Connect(RouterOptions router = {}, const Clock& clock = Clock::System(),
                                        Timers* timers = nullptr) {
    return DaemonClient::Connect({.endpoint = NextEndpoint(),
                                  .token_file = endpoints_.token_file(),
                                  .name = "test",
                                  .router = std::move(router),
                                  .clock = &clock,
                                  .timers = timers})
        .value();
  }

 private:
  TestEndpoints endpoints_;
  std::unique_ptr<daemon::Broker> broker_;
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_DAEMON_HOSTED_DAEMON_H_
