// A broker in the test's own process, behind a real socket in a private directory.
#ifndef ROUTEBENCH_TESTS_DAEMON_HOSTED_DAEMON_H_
#define ROUTEBENCH_TESTS_DAEMON_HOSTED_DAEMON_H_

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "daemon/client/daemon_client.h"
#include "daemon/server/broker.h"
#include "gtest/gtest.h"

namespace routebench::testing {

// A directory of its own, mode 0700, gone with this object.
class PrivateDirectory {
 public:
  PrivateDirectory() {
    std::string path = (std::filesystem::temp_directory_path() / "routebench-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
  }
  ~PrivateDirectory() { std::filesystem::remove_all(path_); }
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class HostedDaemon {
 public:
  // Of `options` everything but the socket path.
  explicit HostedDaemon(daemon::BrokerOptions options = {}) {
    options.socket_path = socket_path();
    broker_ = daemon::Broker::Start(std::move(options)).value();
  }

  std::string socket_path() const { return (directory_.path() / "eventd.sock").string(); }
  daemon::Broker& broker() { return *broker_; }

  std::unique_ptr<DaemonClient> Connect(RouterOptions router = {}, const Clock& clock = Clock::System(),
                                        Timers* timers = nullptr) {
    return DaemonClient::Connect({.socket_path = socket_path(),
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
