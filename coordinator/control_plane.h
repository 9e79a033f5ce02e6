// The coordinator's side of Control: the directory under a lock, and the watches.
#ifndef ROUTEBENCH_COORDINATOR_CONTROL_PLANE_H_
#define ROUTEBENCH_COORDINATOR_CONTROL_PLANE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "events/control.h"
#include "events/dispatch/watcher.h"
#include "events/dispatch/worker_pool.h"
#include "events/mutex.h"
#include "events/routing/directory.h"

namespace routebench::coordinator {

// Thread-safe. Its lock is the innermost but a watcher's: nothing of the host is called under it.
class ControlPlane final : public Control {
 public:
  class Host {
   public:
    virtual ~Host() = default;
    // The rules have changed: bring a new table into use before the return.
    virtual void OnRulesChanged() = 0;
    virtual absl::StatusOr<Explanation> OnExplain(const Event& event) = 0;
  };

  // The host outlives the plane. `executor` runs the handlers of watches; held weakly.
  ControlPlane(const RoutingOptions& options, Host& host, std::weak_ptr<dispatch::Executor> executor);

  // What EventRouter's methods of these names need. Watches are told by Announce: call it afterwards, under
  // no lock.
  absl::Status Register(const ServiceSpec& spec);
  absl::Status Deregister(const std::string& id);
  void Announce();
  // Every method fails from now on, and no watch is told anything more.
  void Close();

  std::shared_ptr<routing::Service> Find(const std::string& id);
  routing::Table MakeTable(std::vector<routing::Table::Subscription> subscriptions);
  bool CountsInFlight(const routing::Service& service);
  void AddPast(const routing::Service& service, const Books& books);
  void Complete(const absl::flat_hash_map<const routing::Service*, Books>& current,
                RouterStatistics& statistics);

  absl::Status AddRule(const Rule& rule) override;
  absl::Status RemoveRule(const std::string& id) override;
  absl::Status SetRuleEnabled(const std::string& id, bool enabled) override;
  absl::Status SetHealth(const std::string& service, Health health) override;
  absl::StatusOr<std::vector<ServiceState>> Services(const ServiceQuery& query) override;
  absl::StatusOr<WatchId> Watch(WatchHandler handler) override;
  absl::Status Unwatch(WatchId watch) override;
  absl::StatusOr<Explanation> Explain(const Event& event) override;

 private:
  template <typename Change>
  absl::Status ChangeDirectory(const Change& change);
  template <typename Change>
  absl::Status ChangeRules(const Change& change);

  const size_t max_watches_;
  Host& host_;
  const std::weak_ptr<dispatch::Executor> executor_;

  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  routing::Directory directory_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<WatchId, std::shared_ptr<dispatch::Watcher>> watchers_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<dispatch::Watcher>> woken_ ABSL_GUARDED_BY(mutex_);  // to be scheduled
  WatchId last_watch_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace routebench::coordinator

#endif  // ROUTEBENCH_COORDINATOR_CONTROL_PLANE_H_
