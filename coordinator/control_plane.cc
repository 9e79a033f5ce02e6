#include "coordinator/control_plane.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace routebench::coordinator {

using dispatch::Watcher;

ControlPlane::ControlPlane(const RoutingOptions& options, Host& host,
                           std::weak_ptr<dispatch::Executor> executor)
    : max_watches_(options.max_watches), host_(host), executor_(std::move(executor)), directory_(options) {}

// Changes reach every watcher's queue under the lock, so in one order.
template <typename Change>
absl::Status ControlPlane::ChangeDirectory(const Change& change) {
  MutexLock lock(mutex_);
  if (closed_) return absl::UnavailableError("the coordinator is closed");
  const absl::Status status = change(directory_);
  for (const ServiceChange& each : directory_.TakeChanges()) {
    for (const auto& [id, watcher] : watchers_) {
      if (watcher->Push(each)) woken_.push_back(watcher);
    }
  }
  return status;
}

template <typename Change>
absl::Status ControlPlane::ChangeRules(const Change& change) {
  absl::Status status = ChangeDirectory(change);
  if (status.ok()) host_.OnRulesChanged();
  return status;
}

void ControlPlane::Announce() {
  std::vector<std::shared_ptr<Watcher>> woken;
  {
    MutexLock lock(mutex_);
    woken.swap(woken_);
  }
  const auto executor = executor_.lock();
  if (executor == nullptr) return;
  for (auto& watcher : woken) executor->Schedule(std::move(watcher));
}

void ControlPlane::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  for (const auto& [id, watcher] : watchers_) watcher->End();
  watchers_.clear();
  woken_.clear();
}

absl::Status ControlPlane::Register(const ServiceSpec& spec) {
  return ChangeDirectory([&](routing::Directory& directory) { return directory.Register(spec); });
}

absl::Status ControlPlane::Deregister(const std::string& id) {
  return ChangeDirectory([&](routing::Directory& directory) { return directory.Deregister(id); });
}

std::shared_ptr<routing::Service> ControlPlane::Find(const std::string& id) {
  MutexLock lock(mutex_);
  return directory_.Find(id);
}

routing::Table ControlPlane::MakeTable(std::vector<routing::Table::Subscription> subscriptions) {
  MutexLock lock(mutex_);
  return directory_.MakeTable(std::move(subscriptions));
}

bool ControlPlane::CountsInFlight(const routing::Service& service) {
  MutexLock lock(mutex_);
  return directory_.CountsInFlight(service);
}

void ControlPlane::AddPast(const routing::Service& service, const Books& books) {
  MutexLock lock(mutex_);
  directory_.AddPast(service, books);
}

void ControlPlane::Complete(const absl::flat_hash_map<const routing::Service*, Books>& current,
                            RouterStatistics& statistics) {
  MutexLock lock(mutex_);
  directory_.Complete(current, statistics);
}

absl::Status ControlPlane::AddRule(const Rule& rule) {
  return ChangeRules([&](routing::Directory& directory) { return directory.AddRule(rule); });
}

absl::Status ControlPlane::RemoveRule(const std::string& id) {
  return ChangeRules([&](routing::Directory& directory) { return directory.RemoveRule(id); });
}

absl::Status ControlPlane::SetRuleEnabled(const std::string& id, bool enabled) {
  return ChangeRules([&](routing::Directory& directory) { return directory.SetRuleEnabled(id, enabled); });
}

absl::Status ControlPlane::SetHealth(const std::string& service, Health health) {
  const absl::Status status =
      ChangeDirectory([&](routing::Directory& directory) { return directory.SetHealth(service, health); });
  Announce();
  return status;
}

absl::StatusOr<std::vector<ServiceState>> ControlPlane::Services(const ServiceQuery& query) {
  MutexLock lock(mutex_);
  if (closed_) return absl::UnavailableError("the coordinator is closed");
  return directory_.List(query);
}

absl::StatusOr<WatchId> ControlPlane::Watch(WatchHandler handler) {
  if (handler == nullptr) return absl::InvalidArgumentError("a watch needs a handler");
  WatchId id = 0;
  {
    MutexLock lock(mutex_);
    if (closed_) return absl::UnavailableError("the coordinator is closed");
    if (watchers_.size() >= max_watches_) {
      return absl::ResourceExhaustedError(absl::StrCat("there are at most ", max_watches_, " watches"));
    }
    const std::vector<ServiceChange> present = directory_.Present();
    const auto watcher = std::make_shared<Watcher>(std::move(handler), present.size());
    for (const ServiceChange& change : present) {
      if (watcher->Push(change)) woken_.push_back(watcher);
    }
    id = ++last_watch_;
    watchers_.emplace(id, watcher);
  }
  Announce();
  return id;
}

absl::Status ControlPlane::Unwatch(WatchId watch) {
  std::shared_ptr<Watcher> watcher;
  {
    MutexLock lock(mutex_);
    const auto found = watchers_.find(watch);
    if (found == watchers_.end()) return absl::NotFoundError(absl::StrCat("no watch ", watch));
    watcher = std::move(found->second);
    watchers_.erase(found);
  }
  watcher->End();
  watcher->Await();
  return absl::OkStatus();
}

absl::StatusOr<Explanation> ControlPlane::Explain(const Event& event) { return host_.OnExplain(event); }

}  // namespace routebench::coordinator
