#include "daemon/client/returning_control.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace routebench::daemon {

// Between a watch and its handler: kLost comes exactly once and last, whether the connection's own threads
// get to it or not.
class ReturningControl::Relay {
 public:
  explicit Relay(WatchHandler handler) : handler_(std::move(handler)) {}

  void On(const ServiceChange& change) {
    {
      MutexLock lock(mutex_);
      if (lost_ || ended_) return;
      running_ = true;
      lost_ = change.kind == ServiceChange::Kind::kLost;
      told_ = lost_;
    }
    Tell(change);
    bool tell_lost;
    {
      MutexLock lock(mutex_);
      running_ = false;
      tell_lost = lost_ && !told_ && !ended_;
      told_ = true;
    }
    if (tell_lost) Tell({.kind = ServiceChange::Kind::kLost});
  }

  void Lose() {
    {
      MutexLock lock(mutex_);
      if (lost_ || ended_) return;
      lost_ = true;
      if (running_) return;  // it will tell when the handler has returned
      told_ = true;
    }
    Tell({.kind = ServiceChange::Kind::kLost});
  }

  void End() {
    MutexLock lock(mutex_);
    ended_ = true;
  }

 private:
  void Tell(const ServiceChange& change) const {
    try {
      handler_(change);
    } catch (...) {
    }
  }

  const WatchHandler handler_;
  Mutex mutex_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;
  bool told_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

void ReturningControl::Set(std::shared_ptr<DaemonClient> client) {
  std::vector<std::shared_ptr<Relay>> lost;
  {
    MutexLock lock(mutex_);
    client_.swap(client);
    for (auto& [id, entry] : watches_) {
      if (client_ != nullptr || entry.client == nullptr) continue;
      entry.client.reset();
      lost.push_back(entry.relay);
    }
  }
  for (const auto& relay : lost) relay->Lose();
}

template <typename Call>
auto ReturningControl::Ask(const Call& call) {
  std::shared_ptr<DaemonClient> client;
  {
    MutexLock lock(mutex_);
    client = client_;
  }
  using Answer = decltype(call(client->control()));
  if (client == nullptr) {
    return Answer(absl::UnavailableError("the daemon is away; the client tries to reconnect"));
  }
  return call(client->control());
}

absl::Status ReturningControl::AddRule(const Rule& rule) {
  return Ask([&](Control& control) { return control.AddRule(rule); });
}
absl::Status ReturningControl::RemoveRule(const std::string& id) {
  return Ask([&](Control& control) { return control.RemoveRule(id); });
}
absl::Status ReturningControl::SetRuleEnabled(const std::string& id, bool enabled) {
  return Ask([&](Control& control) { return control.SetRuleEnabled(id, enabled); });
}
absl::Status ReturningControl::SetHealth(const std::string& service, Health health) {
  return Ask([&](Control& control) { return control.SetHealth(service, health); });
}
absl::StatusOr<std::vector<ServiceState>> ReturningControl::Services(const ServiceQuery& query) {
  return Ask([&](Control& control) { return control.Services(query); });
}
absl::StatusOr<Explanation> ReturningControl::Explain(const Event& event) {
  return Ask([&](Control& control) { return control.Explain(event); });
}

absl::StatusOr<WatchId> ReturningControl::Watch(WatchHandler handler) {
  if (handler == nullptr) return absl::InvalidArgumentError("a watch needs a handler");
  std::shared_ptr<DaemonClient> client;
  {
    MutexLock lock(mutex_);
    client = client_;
  }
  if (client == nullptr) return absl::UnavailableError("the daemon is away; the client tries to reconnect");
  const auto relay = std::make_shared<Relay>(std::move(handler));
  const auto watch = client->control().Watch([relay](const ServiceChange& change) { relay->On(change); });
  if (!watch.ok()) return watch.status();
  bool lost;
  WatchId id;
  {
    MutexLock lock(mutex_);
    id = ++last_watch_;
    lost = client != client_;
    watches_[id] = {lost ? nullptr : client, *watch, relay};
  }
  if (lost) relay->Lose();
  return id;
}

absl::Status ReturningControl::Unwatch(WatchId watch) {
  Entry entry;
  {
    MutexLock lock(mutex_);
    const auto found = watches_.find(watch);
    if (found == watches_.end()) return absl::NotFoundError(absl::StrCat("no watch ", watch));
    entry = std::move(found->second);
    watches_.erase(found);
  }
  if (entry.client != nullptr) {
    // It may go away just now: then its handlers have ended with it.
    entry.client->control().Unwatch(entry.watch).IgnoreError();
  }
  entry.relay->End();
  return absl::OkStatus();
}

}  // namespace routebench::daemon
