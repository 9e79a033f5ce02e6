#include "daemon/client/reconnecting_client.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/str_cat.h"
#include "daemon/client/returning_control.h"
#include "daemon/client/returning_subscription.h"
#include "daemon/transport/transport.h"
#include "events/event_id.h"
#include "events/mutex.h"
#include "events/routing/backoff.h"
#include "events/validation.h"

namespace routebench {

using daemon::Keeper;
using daemon::ReturningSubscription;

namespace {

// How long the thread that sends waits for the window before it looks at what else there is to do.
constexpr Duration kWindowWait = std::chrono::milliseconds(20);
// Sent under one lock.
constexpr int kSendAtOnce = 64;

absl::Status Away() { return absl::UnavailableError("the daemon is away; the client tries to reconnect"); }

TimePoint RealNow() { return std::chrono::steady_clock::now(); }

}  // namespace

// One thread connects, registers what was registered, and sends what is kept; once it has caught up,
// publishers send for themselves.
class ReconnectingClient::Core final : public DeadLetters, public std::enable_shared_from_this<Core> {
 public:
  explicit Core(ReconnectingClientOptions options)
      : options_(std::move(options)), keeper_(options_.keep), random_(RandomSeed()) {}

  absl::Status Start();

  PublishResult Publish(const Event& event);
  absl::Status Register(const ServiceSpec& service);
  absl::Status Deregister(const std::string& service);
  absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec& spec, Handler handler);
  absl::Status Unsubscribe(SubscriptionId id);
  absl::Status SetPaused(SubscriptionId id, bool paused);
  absl::StatusOr<std::vector<DeadLetter>> List(uint64_t from, size_t most) override;
  absl::Status Replay(uint64_t number) override;
  absl::Status Discard(uint64_t number) override;
  absl::StatusOr<RouterStatistics> Statistics();
  absl::Status Drain(Duration deadline);
  absl::Status Close(Duration deadline);
  ReconnectingStatistics statistics() const;
  Control& control() { return control_; }

 private:
  using ClientPtr = std::shared_ptr<DaemonClient>;

  absl::StatusOr<ClientPtr> Connect(uint64_t connection);
  absl::Status Restore(DaemonClient& client, uint64_t connection);
  absl::Status BringBack(DaemonClient& client, uint64_t connection);
  void OnEnd(uint64_t connection);
  void OnReleased(uint64_t connection, uint64_t first, uint64_t count, bool by_all);
  void OnIdle();
  void Tell(const std::vector<Event>& released, bool by_all);

  void Run();
  bool Reconnect();
  void GiveUp(Outcome outcome);
  void AddWire(const DaemonClient& client);
  bool SendSome(DaemonClient& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  PublishResult SendNext(DaemonClient& client) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return closing_ || lost_ || returning_ || (!direct_ && keeper_.NextToSend() != nullptr);
  }
  ClientPtr client() const {
    MutexLock lock(mutex_);
    return client_;
  }

  const ReconnectingClientOptions options_;
  daemon::ReturningControl control_;
  std::array<std::atomic<uint64_t>, kPublishResultCount> answers_{};
  std::atomic<uint64_t> redeliveries_{0};

  mutable Mutex mutex_;
  CondVar changed_;                                  // for the thread
  CondVar room_;                                     // in the keeper, or it is empty, or it is over
  ClientPtr client_ ABSL_GUARDED_BY(mutex_);         // null: away
  uint64_t connection_ ABSL_GUARDED_BY(mutex_) = 0;  // counts them
  bool lost_ ABSL_GUARDED_BY(mutex_) = false;        // the client's connection has ended
  bool direct_ ABSL_GUARDED_BY(mutex_) = true;      // publishers send; requires that everything has been sent
  bool returning_ ABSL_GUARDED_BY(mutex_) = false;  // some subscription may come back now
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;    // nothing more is admitted, the thread ends
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool thread_ended_ ABSL_GUARDED_BY(mutex_) = false;
  uint32_t telling_ ABSL_GUARDED_BY(mutex_) = 0;
  Keeper keeper_ ABSL_GUARDED_BY(mutex_);
  uint64_t connected_ ABSL_GUARDED_BY(mutex_) = 0;  // times
  uint64_t resent_ ABSL_GUARDED_BY(mutex_) = 0;
  WireBytes past_wire_ ABSL_GUARDED_BY(mutex_);  // of the connections before
  absl::btree_map<std::string, ServiceSpec> services_ ABSL_GUARDED_BY(mutex_);
  struct Entry {
    std::shared_ptr<ReturningSubscription> subscription;
    uint64_t connection;  // that it was brought to
    bool paused;
  };
  absl::btree_map<SubscriptionId, Entry> subscriptions_ ABSL_GUARDED_BY(mutex_);
  uint64_t random_;  // the thread's
  std::thread thread_;
};

// ---- Connections

absl::StatusOr<ReconnectingClient::Core::ClientPtr> ReconnectingClient::Core::Connect(uint64_t connection) {
  DaemonClientOptions options = options_.client;
  if (options.router.outcome_sink != nullptr) {
    // What was lost with the connection is kept, and sent again.
    options.router.outcome_sink = [sink = options_.client.router.outcome_sink](const OutcomeReport& report) {
      const bool of_connection = report.subscription == 0 && (report.outcome == Outcome::kLostWithPeer ||
                                                              report.outcome == Outcome::kDroppedClosed);
      if (!of_connection) sink(report);
    };
  }
  const std::weak_ptr<Core> weak = weak_from_this();
  auto client = DaemonClient::Connect(std::move(options),
                                      {.on_end =
                                           [weak, connection] {
                                             if (const auto self = weak.lock()) self->OnEnd(connection);
                                           },
                                       .on_released =
                                           [weak, connection](uint64_t first, uint64_t count, bool by_all) {
                                             const auto self = weak.lock();
                                             if (self != nullptr)
                                               self->OnReleased(connection, first, count, by_all);
                                           }});
  if (!client.ok()) return client.status();
  return ClientPtr(*std::move(client));
}

absl::Status ReconnectingClient::Core::Start() {
  {
    MutexLock lock(mutex_);
    connection_ = 1;
  }
  const auto endpoint = transport::Endpoint::Parse(options_.client.endpoint);
  if (!endpoint.ok()) return endpoint.status();
  if (endpoint->transport->dials_once) {
    return absl::InvalidArgumentError(
        absl::StrCat("a client cannot come back to ", options_.client.endpoint));
  }
  auto client = Connect(1);
  if (!client.ok()) return client.status();
  control_.Set(*client);
  MutexLock lock(mutex_);
  client_ = *std::move(client);
  connected_ = 1;
  thread_ = std::thread([self = shared_from_this()] { self->Run(); });
  return absl::OkStatus();
}

void ReconnectingClient::Core::OnEnd(uint64_t connection) {
  MutexLock lock(mutex_);
  if (connection != connection_) return;
  lost_ = true;
  direct_ = false;
  changed_.NotifyAll();
}

void ReconnectingClient::Core::OnReleased(uint64_t connection, uint64_t first, uint64_t count, bool by_all) {
  std::vector<Event> released;
  {
    MutexLock lock(mutex_);
    if (connection != connection_ || !keeper_.Release(first, count, released)) return;
    ++telling_;
  }
  Tell(released, by_all);
  MutexLock lock(mutex_);
  --telling_;
  room_.NotifyAll();
}

void ReconnectingClient::Core::Tell(const std::vector<Event>& released, bool by_all) {
  if (options_.release_sink == nullptr) return;
  for (const Event& event : released) options_.release_sink(event, by_all);
}

void ReconnectingClient::Core::OnIdle() {
  MutexLock lock(mutex_);
  returning_ = true;
  changed_.NotifyAll();
}

// ---- The thread

void ReconnectingClient::Core::Run() {
  mutex_.Lock();
  while (!closing_) {
    while (!HasWork()) changed_.Wait(mutex_);
    if (closing_) break;
    const ClientPtr client = client_;
    const uint64_t connection = connection_;
    if (lost_) {
      mutex_.Unlock();
      const bool connected = Reconnect();
      if (!connected) GiveUp(Outcome::kLostWithPeer);
      mutex_.Lock();
      continue;
    }
    if (std::exchange(returning_, false)) {
      mutex_.Unlock();
      // What fails here fails with the connection.
      BringBack(*client, connection).IgnoreError();
      mutex_.Lock();
      continue;
    }
    if (!SendSome(*client)) {
      mutex_.Unlock();
      client->AwaitWindow(kWindowWait);
      mutex_.Lock();
    }
  }
  thread_ended_ = true;
  room_.NotifyAll();
  mutex_.Unlock();
}

// False: the window is full, or the connection has ended.
bool ReconnectingClient::Core::SendSome(DaemonClient& client) {
  for (int i = 0; i < kSendAtOnce; ++i) {
    if (keeper_.NextToSend() == nullptr) {
      direct_ = !lost_;
      return true;
    }
    const PublishResult result = SendNext(client);
    if (result == PublishResult::kWouldBlock || result == PublishResult::kClosed) return false;
    if (result == PublishResult::kAccepted) continue;
    // The daemon takes less than the one before.
    const Event refused = keeper_.TakeNext();
    room_.NotifyAll();
    if (options_.client.router.outcome_sink == nullptr) continue;
    mutex_.Unlock();
    options_.client.router.outcome_sink({refused.header.id, refused.header.sequence, 0, Outcome::kRejected});
    mutex_.Lock();
  }
  return true;
}

PublishResult ReconnectingClient::Core::SendNext(DaemonClient& client) {
  const bool resent = keeper_.NextIsResent();
  const PublishResult result = client.PublishKept(*keeper_.NextToSend(), resent);
  if (result != PublishResult::kAccepted) return result;
  keeper_.NoteSent();
  if (resent) ++resent_;
  return result;
}

// False: it is time to give up.
bool ReconnectingClient::Core::Reconnect() {
  ClientPtr old;
  uint64_t connection;
  std::vector<std::shared_ptr<ReturningSubscription>> subscriptions;
  {
    MutexLock lock(mutex_);
    old = std::exchange(client_, nullptr);
    direct_ = false;
    for (const auto& [id, entry] : subscriptions_) subscriptions.push_back(entry.subscription);
  }
  for (const auto& subscription : subscriptions) subscription->EndConnection();
  old->Close(Duration::zero()).IgnoreError();
  AddWire(*old);
  old.reset();
  control_.Set(nullptr);

  const TimePoint start = RealNow();
  for (uint32_t attempt = 1;; ++attempt) {
    {
      MutexLock lock(mutex_);
      if (closing_) return true;
      connection = ++connection_;
      lost_ = false;
      returning_ = false;
    }
    auto client = Connect(connection);
    absl::Status status = client.status();
    if (client.ok()) status = Restore(**client, connection);
    if (status.ok()) {
      control_.Set(*client);
      MutexLock lock(mutex_);
      keeper_.StartSession();
      ++connected_;
      client_ = *std::move(client);
      direct_ = false;
      room_.NotifyAll();
      return true;
    }
    if (client.ok()) {
      for (const auto& subscription : subscriptions) subscription->EndConnection();
      (*client)->Close(Duration::zero()).IgnoreError();
    }
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    const Duration delay =
        routing::DelayAfter(options_.backoff, attempt, std::numeric_limits<uint32_t>::max(), random_)
            .value_or(options_.backoff.maximum);
    if (After(start, options_.reconnect_for) < After(RealNow(), delay)) return false;
    MutexLock lock(mutex_);
    const TimePoint next = RealNow() + delay;
    while (!closing_ && changed_.WaitUntil(mutex_, next)) {
    }
  }
}

absl::Status ReconnectingClient::Core::Restore(DaemonClient& client, uint64_t connection) {
  absl::btree_map<std::string, ServiceSpec> services;
  {
    MutexLock lock(mutex_);
    services = services_;
  }
  for (const auto& [id, service] : services) {
    if (absl::Status status = client.Register(service); !status.ok()) return status;
  }
  return BringBack(client, connection);
}

// The subscriptions that are not there yet and whose handlers have returned.
absl::Status ReconnectingClient::Core::BringBack(DaemonClient& client, uint64_t connection) {
  std::vector<std::pair<SubscriptionId, Entry>> missing;
  {
    MutexLock lock(mutex_);
    for (const auto& [id, entry] : subscriptions_) {
      if (entry.connection != connection) missing.emplace_back(id, entry);
    }
  }
  for (const auto& [id, known] : missing) {
    if (!known.subscription->StartConnection(connection)) continue;
    SubscriptionSpec spec = known.subscription->spec();
    spec.paused = known.paused;
    const auto resumed = client.Resubscribe(id, spec, known.subscription->HandlerFor(connection));
    if (!resumed.ok()) return resumed.status();
    MutexLock lock(mutex_);
    const auto entry = subscriptions_.find(id);
    if (entry != subscriptions_.end()) entry->second.connection = connection;
  }
  return absl::OkStatus();
}

// What is kept ends as `outcome`.
void ReconnectingClient::Core::GiveUp(Outcome outcome) {
  std::vector<Event> rest;
  {
    MutexLock lock(mutex_);
    closing_ = true;
    keeper_.ReleaseAll(rest);
    ++telling_;
  }
  if (options_.client.router.outcome_sink != nullptr) {
    for (const Event& event : rest) {
      options_.client.router.outcome_sink({event.header.id, event.header.sequence, 0, outcome});
    }
  }
  MutexLock lock(mutex_);
  --telling_;
  room_.NotifyAll();
}

// ---- The router

PublishResult ReconnectingClient::Core::Publish(const Event& event) {
  const auto answer = [this](PublishResult result) {
    answers_[static_cast<size_t>(result)].fetch_add(1, std::memory_order_relaxed);
    return result;
  };
  if (event.header.id.is_none()) return answer(PublishResult::kInvalid);
  const PublishResult valid = Validate(event, options_.client.router.max_body_bytes);
  if (valid != PublishResult::kAccepted) return answer(valid);
  MutexLock lock(mutex_);
  if (!keeper_.HasRoom()) {
    const TimePoint deadline = After(RealNow(), options_.client.router.publish_timeout);
    while (!closing_ && !keeper_.HasRoom()) {
      if (!room_.WaitUntil(mutex_, deadline)) break;
    }
  }
  if (closing_) return answer(PublishResult::kClosed);
  if (!keeper_.HasRoom()) return answer(PublishResult::kWouldBlock);
  keeper_.Add(event);
  if (!direct_) {
    changed_.NotifyAll();
    return answer(PublishResult::kAccepted);
  }
  const PublishResult result = SendNext(*client_);
  if (result == PublishResult::kWouldBlock || result == PublishResult::kClosed) {
    direct_ = false;
    changed_.NotifyAll();
  } else if (result != PublishResult::kAccepted) {
    keeper_.TakeNext();
    return answer(result);
  }
  return answer(PublishResult::kAccepted);
}

absl::Status ReconnectingClient::Core::Register(const ServiceSpec& service) {
  const ClientPtr client = this->client();
  if (client == nullptr) return Away();
  if (absl::Status status = client->Register(service); !status.ok()) return status;
  MutexLock lock(mutex_);
  services_[service.id] = service;
  if (client != client_) lost_ = true;  // the next connection may have been restored without it
  return absl::OkStatus();
}

absl::Status ReconnectingClient::Core::Deregister(const std::string& service) {
  const ClientPtr client = this->client();
  if (client == nullptr) return Away();
  if (absl::Status status = client->Deregister(service); !status.ok()) return status;
  std::vector<std::shared_ptr<ReturningSubscription>> ended;
  {
    MutexLock lock(mutex_);
    services_.erase(service);
    for (auto it = subscriptions_.begin(); it != subscriptions_.end();) {
      if (it->second.subscription->spec().service != service) {
        ++it;
        continue;
      }
      ended.push_back(std::move(it->second.subscription));
      it = subscriptions_.erase(it);
    }
  }
  for (const auto& subscription : ended) {
    subscription->End();
    subscription->AwaitHandlers();
  }
  return absl::OkStatus();
}

absl::StatusOr<SubscriptionId> ReconnectingClient::Core::Subscribe(const SubscriptionSpec& spec,
                                                                   Handler handler) {
  if (handler == nullptr) return absl::InvalidArgumentError("a subscription needs a handler");
  ClientPtr client;
  uint64_t connection;
  {
    MutexLock lock(mutex_);
    client = client_;
    connection = connection_;
  }
  if (client == nullptr) return Away();
  const std::weak_ptr<Core> weak = weak_from_this();
  const auto subscription = std::make_shared<ReturningSubscription>(
      spec, std::move(handler), options_.redelivery_window,
      [weak] {
        if (const auto self = weak.lock()) self->OnIdle();
      },
      [weak] {
        if (const auto self = weak.lock()) self->redeliveries_.fetch_add(1, std::memory_order_relaxed);
      });
  subscription->StartConnection(connection);
  const auto id = client->Subscribe(spec, subscription->HandlerFor(connection));
  if (!id.ok()) return id.status();
  MutexLock lock(mutex_);
  subscriptions_[*id] = {subscription, connection, spec.paused};
  if (client == client_) return *id;
  // Its connection has ended meanwhile, and the next one may have been restored without it.
  subscription->EndConnection();
  returning_ = true;
  changed_.NotifyAll();
  return *id;
}

absl::Status ReconnectingClient::Core::Unsubscribe(SubscriptionId id) {
  std::shared_ptr<ReturningSubscription> subscription;
  ClientPtr client;
  {
    MutexLock lock(mutex_);
    const auto found = subscriptions_.find(id);
    if (found == subscriptions_.end()) return absl::NotFoundError(absl::StrCat("no subscription ", id));
    subscription = std::move(found->second.subscription);
    subscriptions_.erase(found);
    client = client_;
  }
  const absl::Status status = client == nullptr ? Away() : client->Unsubscribe(id);
  subscription->End();
  subscription->AwaitHandlers();
  return status;
}

absl::Status ReconnectingClient::Core::SetPaused(SubscriptionId id, bool paused) {
  while (true) {
    ClientPtr client;
    {
      MutexLock lock(mutex_);
      const auto found = subscriptions_.find(id);
      if (found == subscriptions_.end()) return absl::NotFoundError(absl::StrCat("no subscription ", id));
      if (client_ == nullptr) return Away();
      found->second.paused = paused;
      client = client_;
    }
    const absl::Status status = paused ? client->Pause(id) : client->Resume(id);
    MutexLock lock(mutex_);
    if (client == client_ || client_ == nullptr) return status;
    // The next connection may have been restored without it.
  }
}

absl::StatusOr<std::vector<DeadLetter>> ReconnectingClient::Core::List(uint64_t from, size_t most) {
  const ClientPtr client = this->client();
  if (client == nullptr) return Away();
  return client->dead_letters().List(from, most);
}

absl::Status ReconnectingClient::Core::Replay(uint64_t number) {
  const ClientPtr client = this->client();
  return client == nullptr ? Away() : client->dead_letters().Replay(number);
}

absl::Status ReconnectingClient::Core::Discard(uint64_t number) {
  const ClientPtr client = this->client();
  return client == nullptr ? Away() : client->dead_letters().Discard(number);
}

absl::StatusOr<RouterStatistics> ReconnectingClient::Core::Statistics() {
  const ClientPtr client = this->client();
  if (client == nullptr) return Away();
  auto statistics = client->Statistics();
  if (!statistics.ok()) return statistics;
  for (size_t i = 0; i < kPublishResultCount; ++i) statistics->answers[i] = answers_[i].load();
  return statistics;
}

absl::Status ReconnectingClient::Core::Drain(Duration deadline) {
  const TimePoint end = After(RealNow(), deadline);
  ClientPtr client;
  {
    MutexLock lock(mutex_);
    while (!closing_ && (keeper_.events() > 0 || telling_ > 0)) {
      if (!room_.WaitUntil(mutex_, end)) break;
    }
    if (keeper_.events() > 0) {
      return absl::DeadlineExceededError(absl::StrCat(keeper_.events(), " events are not acknowledged"));
    }
    client = client_;
  }
  if (client == nullptr) return Away();
  return client->Drain(std::max(Duration::zero(), Duration(end - RealNow())));
}

absl::Status ReconnectingClient::Core::Close(Duration deadline) {
  const TimePoint end = After(RealNow(), deadline);
  {
    MutexLock lock(mutex_);
    if (std::exchange(closed_, true)) return absl::OkStatus();
  }
  const absl::Status drained = deadline > Duration::zero() ? Drain(deadline) : absl::OkStatus();
  GiveUp(Outcome::kDroppedClosed);
  ClientPtr client;
  bool ended;
  absl::btree_map<SubscriptionId, Entry> subscriptions;
  {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
    // In the middle of a handshake it may need longer than there is; then it ends by itself.
    while (!thread_ended_ && room_.WaitUntil(mutex_, std::max(end, RealNow() + kWindowWait))) {
    }
    ended = thread_ended_;
    client = std::exchange(client_, nullptr);
    subscriptions.swap(subscriptions_);
  }
  if (ended) {
    thread_.join();
  } else {
    thread_.detach();
  }
  if (client != nullptr) {
    client->Close(std::max(Duration::zero(), Duration(end - RealNow()))).IgnoreError();
    AddWire(*client);
  }
  control_.Set(nullptr);
  for (const auto& [id, entry] : subscriptions) entry.subscription->End();
  return absl::IsUnavailable(drained) ? absl::OkStatus() : drained;
}

// Of a connection that is over.
void ReconnectingClient::Core::AddWire(const DaemonClient& client) {
  const WireBytes bytes = client.wire_bytes();
  MutexLock lock(mutex_);
  past_wire_.sent += bytes.sent;
  past_wire_.received += bytes.received;
}

ReconnectingStatistics ReconnectingClient::Core::statistics() const {
  MutexLock lock(mutex_);
  const WireBytes present = client_ == nullptr ? WireBytes() : client_->wire_bytes();
  return {.connections = connected_,
          .kept = keeper_.events(),
          .resent = resent_,
          .redeliveries = redeliveries_.load(std::memory_order_relaxed),
          .wire = {past_wire_.sent + present.sent, past_wire_.received + present.received},
          .daemon_wait = client_ == nullptr ? std::nullopt : client_->daemon_wait()};
}

// ----

absl::StatusOr<std::unique_ptr<ReconnectingClient>> ReconnectingClient::Connect(
    ReconnectingClientOptions options) {
  if (absl::Status status = Validate(options.backoff); !status.ok()) return status;
  if (options.keep.events == 0 || options.redelivery_window == 0) {
    return absl::InvalidArgumentError("a reconnecting client keeps and recognises at least one event");
  }
  auto core = std::make_shared<Core>(std::move(options));
  if (absl::Status status = core->Start(); !status.ok()) return status;
  return std::unique_ptr<ReconnectingClient>(new ReconnectingClient(std::move(core)));
}

ReconnectingClient::ReconnectingClient(std::shared_ptr<Core> core) : core_(std::move(core)) {}
ReconnectingClient::~ReconnectingClient() { core_->Close(Duration::zero()).IgnoreError(); }

PublishResult ReconnectingClient::Publish(const Event& event) { return core_->Publish(event); }
absl::Status ReconnectingClient::Register(const ServiceSpec& service) { return core_->Register(service); }
absl::Status ReconnectingClient::Deregister(const std::string& service) { return core_->Deregister(service); }
absl::StatusOr<SubscriptionId> ReconnectingClient::Subscribe(const SubscriptionSpec& spec, Handler handler) {
  return core_->Subscribe(spec, std::move(handler));
}
absl::Status ReconnectingClient::Unsubscribe(SubscriptionId subscription) {
  return core_->Unsubscribe(subscription);
}
absl::Status ReconnectingClient::Pause(SubscriptionId subscription) {
  return core_->SetPaused(subscription, true);
}
absl::Status ReconnectingClient::Resume(SubscriptionId subscription) {
  return core_->SetPaused(subscription, false);
}
DeadLetters& ReconnectingClient::dead_letters() { return *core_; }
absl::StatusOr<RouterStatistics> ReconnectingClient::Statistics() { return core_->Statistics(); }
absl::Status ReconnectingClient::Drain(Duration deadline) { return core_->Drain(deadline); }
absl::Status ReconnectingClient::Close(Duration deadline) { return core_->Close(deadline); }
Control& ReconnectingClient::control() { return core_->control(); }
ReconnectingStatistics ReconnectingClient::statistics() const { return core_->statistics(); }

}  // namespace routebench
