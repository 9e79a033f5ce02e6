// The control plane of one connection after another.
#ifndef ROUTEBENCH_DAEMON_CLIENT_RETURNING_CONTROL_H_
#define ROUTEBENCH_DAEMON_CLIENT_RETURNING_CONTROL_H_

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "daemon/client/daemon_client.h"
#include "events/control.h"
#include "events/mutex.h"

namespace routebench::daemon {

// Asks the daemon that is there, or answers Unavailable. Nothing is asked again: rules and health are the
// daemon's and go with it, and every watch ends with kLost when its connection does. Thread-safe.
class ReturningControl final : public Control {
 public:
  // The client of a new connection; null: it has ended, and its watches are told.
  void Set(std::shared_ptr<DaemonClient> client);

  absl::Status AddRule(const Rule& rule) override;
  absl::Status RemoveRule(const std::string& id) override;
  absl::Status SetRuleEnabled(const std::string& id, bool enabled) override;
  absl::Status SetHealth(const std::string& service, Health health) override;
  absl::StatusOr<std::vector<ServiceState>> Services(const ServiceQuery& query) override;
  absl::StatusOr<WatchId> Watch(WatchHandler handler) override;
  absl::Status Unwatch(WatchId watch) override;
  absl::StatusOr<Explanation> Explain(const Event& event) override;

 private:
  class Relay;
  struct Entry {
    std::shared_ptr<DaemonClient> client;
    WatchId watch;  // there
    std::shared_ptr<Relay> relay;
  };
  template <typename Call>
  auto Ask(const Call& call);

  Mutex mutex_;
  std::shared_ptr<DaemonClient> client_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<WatchId, Entry> watches_ ABSL_GUARDED_BY(mutex_);  // by our own number
  WatchId last_watch_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_RETURNING_CONTROL_H_
