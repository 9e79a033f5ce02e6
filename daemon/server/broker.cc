#include "daemon/server/broker.h"

#include <poll.h>

#include <algorithm>
#include <deque>
#include <future>
#include <list>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/server/descriptors.h"
#include "daemon/server/loop_timers.h"
#include "daemon/server/loop_wait.h"
#include "daemon/server/name_store.h"
#include "daemon/server/session.h"
#include "daemon/transport/transport.h"
#include "daemon/wire/token.h"
#include "events/validation.h"

namespace routebench::daemon {

namespace asio = boost::asio;
using boost::system::error_code;
using wire::ProtocolError;

namespace {

// How long a question waits for peers that do not answer.
constexpr Duration kInquiryTimeout = std::chrono::seconds(1);
// Taken from the listener at once, so that a flood of peers does not stop the events.
constexpr int kAcceptsAtOnce = 16;
// A peer that would leave fewer descriptors than this is refused: what they are needed for (its own transport
// may take several, the names of subscriptions their files, and the next one who is to be told so) must not
// fail.
constexpr size_t kSpareDescriptors = 16;
// Blocks kept for all sessions: a few reads that wait for the rest of a frame, and what some peers are sent.
constexpr size_t kSpareReadBlocks = 4;
constexpr size_t kSpareWriteBlocks = 32;
// Where even that is not enough: until somebody looks again whether a peer can be accepted.
constexpr Duration kAcceptPause = std::chrono::seconds(1);
// Of the number of a subscription, below the millisecond in which its daemon began.
constexpr int kNumberBits = 22;

// A descriptor that somebody else owns, and closes after this has gone or let go.
class Watched {
 public:
  Watched(asio::io_context& loop, int descriptor) : descriptor_(loop) {
    descriptor_.assign(descriptor, error_);
  }
  ~Watched() { Release(); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;

  // False: the kernel refuses to watch it.
  bool ok() const { return !error_; }

  template <typename Handler>
  void Await(const transport::Pollable& what, Handler handler) {
    descriptor_.async_wait(what.events == POLLIN ? asio::posix::stream_descriptor::wait_read
                                                 : asio::posix::stream_descriptor::wait_write,
                           std::move(handler));
  }
  void Release() {
    if (descriptor_.is_open()) descriptor_.release();
  }

 private:
  asio::posix::stream_descriptor descriptor_;
  error_code error_;
};

}  // namespace

// A session and its polls. Shared with the handlers of the polls: they outlive a dropped session.
struct Connection final : LookedAt {
  Connection(asio::io_context& loop, const Session::Shared& shared,
             std::unique_ptr<transport::ByteChannel> channel, uint32_t number, pid_t pid,
             std::string_view token)
      : session(shared, std::move(channel), number, pid, token),
        input(loop, session.channel().readable().descriptor) {
    const int descriptor = session.channel().writable().descriptor;
    if (descriptor != session.channel().readable().descriptor) output.emplace(loop, descriptor);
  }

  bool watched_well() const { return input.ok() && (!output.has_value() || output->ok()); }

  template <typename Handler>
  void AwaitReadable(Handler handler) {
    input.Await(session.channel().readable(), std::move(handler));
  }
  template <typename Handler>
  void AwaitWritable(Handler handler) {
    (output.has_value() ? *output : input).Await(session.channel().writable(), std::move(handler));
  }
  transport::ByteChannel& channel() override { return session.channel(); }
  bool OnBytes() override {
    if (!dropped) on_bytes(*this);
    return !dropped;
  }
  void StopPolling() {
    input.Release();
    if (output.has_value()) output->Release();
  }

  Session session;
  Watched input;
  std::optional<Watched> output;  // where it is not the same descriptor
  std::function<void(Connection&)> on_bytes;
  bool dropped = false;
  bool writing = false;           // polled for room
  bool watched = false;           // for a stall
  uint64_t written_at_check = 0;  // by the last check for a stall
  bool eager = false;             // was asked to report whenever it is quiet
};

class Broker::Loop final : public SessionHost {
 public:
  using Listeners = std::vector<std::unique_ptr<transport::Listener>>;
  Loop(BrokerOptions options, std::string token, Listeners listeners, std::unique_ptr<NameStore> names);
  ~Loop() override { Stop(); }

  // On an error it has not started and must not be used.
  absl::Status Start();

  absl::Status Drain(Duration deadline);
  void Stop();
  const std::vector<std::string>& endpoints() const { return endpoints_; }
  RouterStatistics Statistics();
  BrokerCounters Counters();

 private:
  // A place where peers may come.
  struct Door {
    Door(asio::io_context& loop, std::unique_ptr<transport::Listener> at)
        : listener(std::move(at)), watched(loop, listener->readable().descriptor) {}
    std::unique_ptr<transport::Listener> listener;
    Watched watched;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;
  // A question to all peers for what they have not reported.
  struct Inquiry {
    absl::btree_set<uint32_t> missing;
    std::function<void()> done;
  };
  // Who waits until everything is settled.
  struct Drainer {
    std::function<bool()> quiet;
    std::function<void(bool)> done;
  };

  void OnDirty(Session& session) override;
  void OnStatisticsRequest(Session& session, uint64_t request) override;
  void OnDrainRequest(Session& session, uint64_t request, TimePoint deadline, bool deliveries) override;
  void OnProgressDone(Session& session, uint32_t number) override;
  void OnEstablished(Session& session) override;

  void AcceptNext(Door& door);
  // False: peers may wait that could not be accepted.
  bool AcceptAll(Door& door);
  void Admit(transport::Accepted peer, std::string_view token);
  void WatchGreetings();
  void Refuse(std::unique_ptr<transport::ByteChannel> channel, pid_t pid, ProtocolError error);
  void ReadNext(const ConnectionPtr& connection);
  void Read(const ConnectionPtr& connection);
  void WriteNext(const ConnectionPtr& connection);
  void WatchForStall(const ConnectionPtr& connection);
  void CheckStall(uint32_t number);
  void CheckDeserted();
  void WorkOnDirty();
  void Work(const ConnectionPtr& connection);
  void Drop(const ConnectionPtr& connection, const Session::End& end);
  ConnectionPtr Find(uint32_t number) const;

  void Inquire(std::function<void()> done);
  void Answered(uint32_t inquiry, uint32_t session);
  void AddDrainer(Drainer drainer, TimePoint deadline);
  void CheckDrainers();
  void SetEager(bool eager);
  // By the clock of the events, or by the peers': how they behave is a matter of real time.
  void At(TimePoint due, absl::AnyInvocable<void()> callback);
  void After(Duration delay, absl::AnyInvocable<void()> callback);

  void CloseAll();
  template <typename Call>
  auto OnLoop(Call call);
  void Log(LogLevel level, const std::string& line) {
    if (options_.log) options_.log(level, line);
  }

  const BrokerOptions options_;
  const std::string token_;
  const wire::TimeDomain domain_ = wire::TimeDomain::OfThisProcess();
  // One read is under way at a time; the rest of a frame that is not complete stays in its block.
  transport::BlockPool read_blocks_{transport::FrameReader::kReadBytes, kSpareReadBlocks};
  transport::BlockPool write_blocks_{transport::FrameWriter::kBlockBytes, kSpareWriteBlocks};
  EventStore store_;  // outlives the loop, whose last handlers hold sessions, and these events
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> busy_{io_.get_executor()};
  LoopWait wait_;
  std::vector<std::string> endpoints_;
  std::list<Door> doors_;
  const std::unique_ptr<Timers> peer_timers_;
  const std::unique_ptr<Timers> event_timers_;

  const std::unique_ptr<NameStore> names_;  // null: there are none
  Exchange exchange_;
  const Session::Shared shared_;
  BrokerCounters counters_;
  uint32_t last_session_ = 0;
  absl::btree_map<uint32_t, ConnectionPtr> connections_;
  std::deque<std::pair<TimePoint, uint32_t>> ungreeted_;  // until when, who; a timer waits for the first
  std::vector<uint32_t> dirty_;
  std::vector<uint32_t> working_;
  bool work_posted_ = false;

  absl::btree_map<uint32_t, Inquiry> inquiries_;
  uint32_t last_inquiry_ = 0;
  absl::btree_map<uint64_t, Drainer> drainers_;
  uint64_t last_drainer_ = 0;
  bool eager_ = false;

  std::thread thread_;
  RouterStatistics final_;  // once the thread has ended
};

Broker::Loop::Loop(BrokerOptions options, std::string token, Listeners listeners,
                   std::unique_ptr<NameStore> names)
    : options_(std::move(options)),
      token_(std::move(token)),
      wait_(io_, options_.wait),
      peer_timers_(options_.peer_timers == nullptr ? MakeLoopTimers(io_)
                                                   : PostToLoop(*options_.peer_timers, io_)),
      event_timers_(options_.timers == nullptr ? MakeLoopTimers(io_) : PostToLoop(*options_.timers, io_)),
      names_(std::move(names)),
      exchange_(options_.routing, *options_.clock, *event_timers_, options_.stage_hooks),
      shared_{exchange_, store_,       *this,         options_.limits,
              domain_,   read_blocks_, write_blocks_, Name(options_.wait)} {
  for (auto& listener : listeners) {
    endpoints_.push_back(listener->endpoint());
    doors_.emplace_back(io_, std::move(listener));
  }
}

absl::Status Broker::Loop::Start() {
  // No daemon of this boot has given these: its clock was behind, and none gives as many in a millisecond.
  exchange_.NumberAfter(
      static_cast<SubscriptionId>(options_.clock->Now().time_since_epoch() / std::chrono::milliseconds(1))
      << kNumberBits);
  absl::Status status = names_ == nullptr ? absl::OkStatus() : exchange_.UseNames(*names_);
  if (!status.ok()) return status;
  for (Door& door : doors_) AcceptNext(door);
  thread_ = std::thread([this] { wait_.Run(); });
  return absl::OkStatus();
}

template <typename Call>
auto Broker::Loop::OnLoop(Call call) {
  std::packaged_task<decltype(call())()> task(std::move(call));
  auto result = task.get_future();
  asio::post(io_, std::move(task));
  return result.get();
}

// ---- Connections

void Broker::Loop::AcceptNext(Door& door) {
  door.watched.Await(door.listener->readable(), [this, &door](const error_code& error) {
    if (error) return;
    const bool able = AcceptAll(door);
    if (door.listener->is_over()) return;
    if (able) return AcceptNext(door);
    After(kAcceptPause, [this, &door] { AcceptNext(door); });
  });
}

bool Broker::Loop::AcceptAll(Door& door) {
  exchange_.UpdateTime();
  for (int i = 0; i < kAcceptsAtOnce; ++i) {
    auto peer = door.listener->Accept();
    if (!peer.ok()) {
      const ProtocolError error = absl::IsPermissionDenied(peer.status())    ? ProtocolError::kOtherUser
                                  : absl::IsResourceExhausted(peer.status()) ? ProtocolError::kNoDescriptors
                                                                             : ProtocolError::kSystem;
      ++counters_.ended[static_cast<size_t>(error)];
      Log(LogLevel::kWarning, absl::StrCat("event=peer_refused reason=", std::string(wire::Name(error)),
                                           " detail=\"", peer.status().message(), "\""));
      return error == ProtocolError::kOtherUser;
    }
    if (peer->channel == nullptr) return true;
    Admit(*std::move(peer), door.listener->knows_peers() ? std::string_view() : token_);
  }
  return true;
}

void Broker::Loop::Admit(transport::Accepted peer, std::string_view token) {
  ++counters_.accepted;
  if (connections_.size() >= options_.limits.max_sessions) {
    return Refuse(std::move(peer.channel), peer.pid, ProtocolError::kTooManySessions);
  }
  if (!DescriptorsLeft(kSpareDescriptors))
    return Refuse(std::move(peer.channel), peer.pid, ProtocolError::kNoDescriptors);
  const uint32_t number = ++last_session_;
  auto connection =
      std::make_shared<Connection>(io_, shared_, std::move(peer.channel), number, peer.pid, token);
  if (!connection->watched_well()) {
    ++counters_.ended[static_cast<size_t>(ProtocolError::kSystem)];
    connection->session.SayEnd({ProtocolError::kSystem, false, "the system cannot watch it"});
    return Log(LogLevel::kWarning,
               absl::StrFormat("event=peer_refused pid=%d reason=%s", connection->session.pid(),
                               wire::Name(ProtocolError::kSystem)));
  }
  connection->on_bytes = [this](Connection& self) {
    if (const ConnectionPtr found = Find(self.session.number())) Read(found);
  };
  connections_.emplace(number, connection);
  exchange_.AddPeer(connection->session);
  ungreeted_.emplace_back(std::chrono::steady_clock::now() + options_.limits.stall_timeout, number);
  if (ungreeted_.size() == 1) WatchGreetings();
  ReadNext(connection);
}

// One timer for all: a thousand peers that greeted well wake nobody a thousand times.
void Broker::Loop::WatchGreetings() {
  if (ungreeted_.empty()) return;
  peer_timers_->Schedule(ungreeted_.front().first, [this] {
    exchange_.UpdateTime();
    const TimePoint due = ungreeted_.front().first;
    for (; !ungreeted_.empty(); ungreeted_.pop_front()) {
      const ConnectionPtr late = Find(ungreeted_.front().second);
      if (late == nullptr || late->session.established()) continue;
      if (ungreeted_.front().first > due) break;
      Drop(late, {ProtocolError::kHandshakeTimeout, false, "no greeting in time"});
    }
    WatchGreetings();
  });
}

void Broker::Loop::Refuse(std::unique_ptr<transport::ByteChannel> channel, pid_t pid, ProtocolError error) {
  ++counters_.ended[static_cast<size_t>(error)];
  Session(shared_, std::move(channel), 0, pid).SayEnd({error, false, {}});
  Log(LogLevel::kWarning, absl::StrFormat("event=peer_refused pid=%d reason=%s", pid, wire::Name(error)));
}

void Broker::Loop::OnEstablished(Session& session) {
  ++counters_.established;
  Log(LogLevel::kInfo, absl::StrFormat("event=peer_connected session=%u pid=%d name=\"%s\"", session.number(),
                                       session.pid(), session.name()));
}

Broker::Loop::ConnectionPtr Broker::Loop::Find(uint32_t number) const {
  const auto it = connections_.find(number);
  return it == connections_.end() ? nullptr : it->second;
}

void Broker::Loop::ReadNext(const ConnectionPtr& connection) {
  connection->AwaitReadable([this, connection](const error_code& error) {
    if (error || connection->dropped) return;
    wait_.Heard(connection);
    Read(connection);
    if (!connection->dropped) ReadNext(connection);
  });
}

void Broker::Loop::Read(const ConnectionPtr& connection) {
  exchange_.UpdateTime();
  if (const Session::MaybeEnd end = connection->session.Read(); end.has_value()) Drop(connection, *end);
  CheckDrainers();
}

void Broker::Loop::WriteNext(const ConnectionPtr& connection) {
  if (std::exchange(connection->writing, true)) return;
  WatchForStall(connection);
  connection->AwaitWritable([this, connection](const error_code& error) {
    if (error || connection->dropped) return;
    connection->writing = false;
    exchange_.UpdateTime();
    Work(connection);
    CheckDrainers();
  });
}

// One timer for each connection, however often it has to wait for room.
void Broker::Loop::WatchForStall(const ConnectionPtr& connection) {
  if (std::exchange(connection->watched, true)) return;
  connection->written_at_check = connection->session.written();
  After(options_.limits.stall_timeout, [this, number = connection->session.number()] { CheckStall(number); });
}

void Broker::Loop::CheckStall(uint32_t number) {
  const ConnectionPtr connection = Find(number);
  if (connection == nullptr) return;
  connection->watched = false;
  if (!connection->writing) return;
  if (connection->session.written() != connection->written_at_check) return WatchForStall(connection);
  Drop(connection, {ProtocolError::kStalled, false, "did not read what waits for it"});
}

void Broker::Loop::OnDirty(Session& session) {
  dirty_.push_back(session.number());
  if (std::exchange(work_posted_, true)) return;
  // Behind the handlers that are ready now: what they bring is written together.
  asio::post(io_, [this] { WorkOnDirty(); });
}

void Broker::Loop::WorkOnDirty() {
  work_posted_ = false;
  working_.swap(dirty_);
  for (const uint32_t number : working_) {
    if (const auto it = connections_.find(number); it != connections_.end()) Work(ConnectionPtr(it->second));
  }
  working_.clear();
  CheckDrainers();
}

void Broker::Loop::Work(const ConnectionPtr& connection) {
  if (eager_ && !connection->eager && connection->session.established()) {
    connection->eager = true;
    connection->session.RequestProgress(0, true);
  }
  if (const Session::MaybeEnd end = connection->session.Work(); end.has_value())
    return Drop(connection, *end);
  if (connection->session.wants_write()) WriteNext(connection);
}

void Broker::Loop::Drop(const ConnectionPtr& connection, const Session::End& end) {
  Session& session = connection->session;
  if (std::exchange(connection->dropped, true)) return;
  const bool stopping = end.error == ProtocolError::kShutdown;
  if (end.orderly) {
    ++counters_.left;
  } else {
    ++counters_.ended[static_cast<size_t>(end.error)];
  }
  Log(end.orderly || stopping ? LogLevel::kInfo : LogLevel::kWarning,
      absl::StrFormat("event=%s session=%u pid=%d reason=%s%s",
                      session.established() ? "peer_gone" : "peer_refused", session.number(), session.pid(),
                      end.orderly ? "goodbye" : wire::Name(end.error),
                      end.detail.empty() ? "" : absl::StrCat(" detail=\"", end.detail, "\"")));
  const Outcome outcome = end.orderly || stopping ? Outcome::kDroppedClosed : Outcome::kLostWithPeer;
  session.Abandon(outcome);
  exchange_.RemovePeer(session, outcome);
  session.SayEnd(end);
  connection->StopPolling();
  connections_.erase(session.number());
  if (!stopping) CheckDeserted();
  for (auto it = inquiries_.begin(); it != inquiries_.end();) Answered((it++)->first, session.number());
  CheckDrainers();
}

void Broker::Loop::CheckDeserted() {
  if (options_.deserted == nullptr || !connections_.empty()) return;
  for (const Door& door : doors_) {
    if (!door.listener->is_over()) return;
  }
  options_.deserted();
}

// ---- Questions

void Broker::Loop::At(TimePoint due, absl::AnyInvocable<void()> callback) {
  event_timers_->Schedule(due, [this, callback = std::move(callback)]() mutable {
    exchange_.UpdateTime();
    callback();
  });
}

void Broker::Loop::After(Duration delay, absl::AnyInvocable<void()> callback) {
  peer_timers_->Schedule(std::chrono::steady_clock::now() + delay,
                         [this, callback = std::move(callback)]() mutable {
                           exchange_.UpdateTime();
                           callback();
                         });
}

void Broker::Loop::Inquire(std::function<void()> done) {
  Inquiry inquiry;
  const uint32_t number = ++last_inquiry_;
  for (const auto& [session, connection] : connections_) {
    if (!Exchange::HasUnanswered(connection->session)) continue;
    inquiry.missing.insert(session);
    connection->session.RequestProgress(number, connection->eager);
  }
  if (inquiry.missing.empty()) return done();
  inquiry.done = std::move(done);
  inquiries_.emplace(number, std::move(inquiry));
  After(kInquiryTimeout, [this, number] {
    const auto late = inquiries_.find(number);
    if (late == inquiries_.end()) return;
    const auto finish = std::move(late->second.done);
    inquiries_.erase(late);
    finish();
  });
}

void Broker::Loop::Answered(uint32_t number, uint32_t session) {
  const auto it = inquiries_.find(number);
  if (it == inquiries_.end() || it->second.missing.erase(session) == 0 || !it->second.missing.empty()) return;
  const auto done = std::move(it->second.done);
  inquiries_.erase(it);
  done();
}

void Broker::Loop::OnProgressDone(Session& session, uint32_t number) { Answered(number, session.number()); }

void Broker::Loop::OnStatisticsRequest(Session& session, uint64_t request) {
  Inquire([this, number = session.number(), request] {
    if (const ConnectionPtr asker = Find(number)) asker->session.Reply(request, exchange_.Statistics());
  });
}

void Broker::Loop::OnDrainRequest(Session& session, uint64_t request, TimePoint deadline, bool deliveries) {
  const uint32_t number = session.number();
  AddDrainer({.quiet =
                  [this, number, deliveries] {
                    const ConnectionPtr asker = Find(number);
                    if (asker == nullptr) return true;
                    return asker->session.quiet() && !(deliveries && Exchange::HasUnanswered(asker->session));
                  },
              .done =
                  [this, number, request](bool quiet) {
                    const ConnectionPtr asker = Find(number);
                    if (asker == nullptr) return;
                    asker->session.Reply(
                        request, quiet ? absl::OkStatus()
                                       : absl::DeadlineExceededError(absl::StrCat(asker->session.unsettled(),
                                                                                  " events are in flight")));
                  }},
             deadline);
}

void Broker::Loop::AddDrainer(Drainer drainer, TimePoint deadline) {
  if (drainer.quiet()) return drainer.done(true);
  const uint64_t number = ++last_drainer_;
  drainers_.emplace(number, std::move(drainer));
  SetEager(true);
  At(deadline, [this, number] {
    const auto late = drainers_.find(number);
    if (late == drainers_.end()) return;
    const auto done = std::move(late->second.done);
    drainers_.erase(late);
    done(false);
    CheckDrainers();
  });
}

void Broker::Loop::CheckDrainers() {
  if (drainers_.empty()) return;
  for (auto it = drainers_.begin(); it != drainers_.end();) {
    if (!it->second.quiet()) {
      ++it;
      continue;
    }
    const auto done = std::move(it->second.done);
    it = drainers_.erase(it);
    done(true);
  }
  if (drainers_.empty()) SetEager(false);
}

void Broker::Loop::SetEager(bool eager) {
  if (std::exchange(eager_, eager) == eager) return;
  for (const auto& [number, connection] : connections_) {
    const bool wanted = eager && Exchange::HasUnanswered(connection->session);
    if (connection->eager == wanted) continue;
    connection->eager = wanted;
    connection->session.RequestProgress(0, wanted);
  }
}

// ---- From other threads

absl::Status Broker::Loop::Drain(Duration deadline) {
  if (!thread_.joinable()) return absl::OkStatus();
  auto result = std::make_shared<std::promise<absl::Status>>();
  auto drained = result->get_future();
  asio::post(io_, [this, deadline, result] {
    exchange_.UpdateTime();
    exchange_.StopAdmitting();
    AddDrainer({.quiet = [this] { return exchange_.InFlight() == 0; },
                .done =
                    [this, result](bool quiet) {
                      result->set_value(quiet ? absl::OkStatus()
                                              : absl::DeadlineExceededError(absl::StrCat(
                                                    exchange_.InFlight(), " events are in flight")));
                    }},
               exchange_.now() + deadline);
  });
  return drained.get();
}

void Broker::Loop::Stop() {
  if (!thread_.joinable()) return;
  asio::post(io_, [this] { CloseAll(); });
  thread_.join();
  final_ = exchange_.Statistics();
  doors_.clear();
}

void Broker::Loop::CloseAll() {
  exchange_.UpdateTime();
  exchange_.StopAdmitting();
  while (!connections_.empty()) {
    const ConnectionPtr connection = connections_.begin()->second;
    Drop(connection, {ProtocolError::kShutdown, false, "the daemon stops"});
  }
  exchange_.EndAbsent();
  for (auto it = drainers_.begin(); it != drainers_.end(); it = drainers_.begin()) {
    const auto done = std::move(it->second.done);
    drainers_.erase(it);
    done(true);
  }
  busy_.reset();
  io_.stop();
}

RouterStatistics Broker::Loop::Statistics() {
  if (!thread_.joinable()) return final_;
  return OnLoop([this] { return exchange_.Statistics(); });
}

BrokerCounters Broker::Loop::Counters() {
  if (!thread_.joinable()) return counters_;
  return OnLoop([this] { return counters_; });
}

absl::StatusOr<std::unique_ptr<Broker>> Broker::Start(BrokerOptions options) {
  if (absl::Status status = Validate(options.routing); !status.ok()) return status;
  std::unique_ptr<NameStore> names;
  if (!options.state_directory.empty()) {
    auto opened = NameStore::Open(options.state_directory);
    if (!opened.ok()) return opened.status();
    names = *std::move(opened);
  }
  if (options.listen.empty()) return absl::InvalidArgumentError("a daemon needs an endpoint to listen on");
  std::string token;
  if (!options.token_file.empty()) {
    auto read = wire::ReadTokenFile(options.token_file);
    if (!read.ok()) return read.status();
    token = *std::move(read);
  }
  Loop::Listeners listeners;
  for (const std::string& endpoint : options.listen) {
    auto listener = transport::Listen(endpoint, {.allow_remote = options.allow_remote});
    if (!listener.ok()) return listener.status();
    if (!(*listener)->knows_peers() && token.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(endpoint, " cannot tell who connects: it needs a token file"));
    }
    listeners.push_back(*std::move(listener));
  }
  auto loop =
      std::make_unique<Loop>(std::move(options), std::move(token), std::move(listeners), std::move(names));
  if (absl::Status status = loop->Start(); !status.ok()) return status;
  return std::unique_ptr<Broker>(new Broker(std::move(loop)));
}

Broker::Broker(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
Broker::~Broker() = default;

absl::Status Broker::Drain(Duration deadline) { return loop_->Drain(deadline); }
void Broker::Stop() { loop_->Stop(); }
const std::vector<std::string>& Broker::endpoints() const { return loop_->endpoints(); }
RouterStatistics Broker::Statistics() { return loop_->Statistics(); }
BrokerCounters Broker::Counters() { return loop_->Counters(); }

}  // namespace routebench::daemon
