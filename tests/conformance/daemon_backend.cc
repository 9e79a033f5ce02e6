#include "tests/conformance/daemon_backend.h"

#include "tests/daemon/hosted_daemon.h"

namespace routebench::conformance {
namespace {

daemon::BrokerOptions OnTime(testing::FakeTime& time, const RouterOptions& router) {
  daemon::BrokerOptions options;
  options.routing = router.routing;
  options.stage_hooks = router.stage_hooks;
  options.wait = router.wait;
  options.clock = &time;
  options.timers = &time;
  return options;
}

RouterOptions WithoutSink(RouterOptions options) {
  options.outcome_sink = nullptr;
  return options;
}

class DaemonBackend final : public Backend {
 public:
  DaemonBackend(const RouterOptions& options, testing::FakeTime& time, std::string_view transport)
      : daemon_(OnTime(time, options), transport),
        publisher_(daemon_.Connect(options, time, &time)),
        subscriber_(daemon_.Connect(WithoutSink(options), time, &time)) {}
  EventRouter& publisher() override { return *publisher_; }
  EventRouter& subscriber() override { return *subscriber_; }

 private:
  testing::HostedDaemon daemon_;
  const std::unique_ptr<DaemonClient> publisher_;
  const std::unique_ptr<DaemonClient> subscriber_;
};

}  // namespace

std::unique_ptr<Backend> MakeDaemonUnix(const RouterOptions& options, testing::FakeTime& time) {
  return std::make_unique<DaemonBackend>(options, time, "unix");
}

std::unique_ptr<Backend> MakeDaemonTcp(const RouterOptions& options, testing::FakeTime& time) {
  return std::make_unique<DaemonBackend>(options, time, "tcp");
}

std::unique_ptr<Backend> MakeDaemonPipe(const RouterOptions& options, testing::FakeTime& time) {
  return std::make_unique<DaemonBackend>(options, time, "pipe");
}

std::unique_ptr<Backend> MakeDaemonShm(const RouterOptions& options, testing::FakeTime& time) {
  return std::make_unique<DaemonBackend>(options, time, "shm");
}

}  // namespace routebench::conformance
