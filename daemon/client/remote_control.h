// Control of a daemon: questions to it, and watches whose handlers run here.
#ifndef ROUTEBENCH_DAEMON_CLIENT_REMOTE_CONTROL_H_
#define ROUTEBENCH_DAEMON_CLIENT_REMOTE_CONTROL_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control.pb.h"
#include "daemon/client/calls.h"
#include "events/control.h"
#include "events/dispatch/watcher.h"
#include "events/dispatch/worker_pool.h"
#include "events/mutex.h"

namespace routebench::daemon {

// Thread-safe, but OnChange and OnEnd are the reader's alone.
class RemoteControl final : public Control {
 public:
  // Asks, and blocks for the answer. The numbers of the request are the callee's to set.
  using Call = std::function<absl::StatusOr<wire::Reply>(wire::ClientControl&, Calls::OnSuccess)>;

  RemoteControl(Call call, size_t max_body_bytes) : call_(std::move(call)), max_body_bytes_(max_body_bytes) {}

  // Before the reader starts. Where handlers run; held weakly.
  void Start(std::weak_ptr<dispatch::Executor> executor) { executor_ = std::move(executor); }
  // False: the daemon does not keep to the protocol. What comes for a watch that has ended is ignored.
  bool OnChange(const wire::ServiceChange& message);
  // The connection has ended: every watch is told kLost.
  void OnEnd();
  // No handler starts from now on.
  void Close();

  absl::Status AddRule(const Rule& rule) override;
  absl::Status RemoveRule(const std::string& id) override;
  absl::Status SetRuleEnabled(const std::string& id, bool enabled) override;
  absl::Status SetHealth(const std::string& service, Health health) override;
  absl::StatusOr<std::vector<ServiceState>> Services(const ServiceQuery& query) override;
  absl::StatusOr<WatchId> Watch(WatchHandler handler) override;
  absl::Status Unwatch(WatchId watch) override;
  absl::StatusOr<Explanation> Explain(const Event& event) override;

 private:
  absl::Status Ask(wire::ClientControl& control) { return call_(control, nullptr).status(); }
  void Push(const std::shared_ptr<dispatch::Watcher>& watcher, ServiceChange change);

  const Call call_;
  const size_t max_body_bytes_;
  std::weak_ptr<dispatch::Executor> executor_;

  Mutex mutex_;
  absl::flat_hash_map<WatchId, std::shared_ptr<dispatch::Watcher>> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_REMOTE_CONTROL_H_
