#include "daemon/client/daemon_client.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "daemon/client/calls.h"
#include "daemon/client/channel_wait.h"
#include "daemon/client/greeting.h"
#include "daemon/client/mailbox.h"
#include "daemon/client/outbox.h"
#include "daemon/client/outcomes.h"
#include "daemon/client/remote_control.h"
#include "daemon/client/wire_parcel.h"
#include "daemon/transport/transport.h"
#include "daemon/wire/attribute_table.h"
#include "daemon/wire/frames.h"
#include "daemon/wire/handshake.h"
#include "daemon/wire/parse.h"
#include "daemon/wire/specs.h"
#include "daemon/wire/stage_block.h"
#include "daemon/wire/token.h"
#include "events/dispatch/service_gate.h"
#include "events/dispatch/thread_timers.h"
#include "events/dispatch/worker_pool.h"
#include "events/mutex.h"
#include "events/stages.h"
#include "events/validation.h"

namespace routebench {

using daemon::Mailbox;
using daemon::Outbox;
using daemon::SharedAttributes;
using dispatch::ServiceGate;
using dispatch::WorkerPool;
using transport::FrameReader;
using transport::IoResult;
using wire::FrameType;

namespace {

// For the farewell, when the deadline leaves less.
constexpr Duration kFarewell = std::chrono::milliseconds(200);
// Beyond the daemon's own deadline, before a client gives its answer up.
constexpr Duration kAnswerGrace = std::chrono::seconds(1);
// Of the number of a request, encoded.
constexpr size_t kRequestBytes = 16;

absl::Status NoAtLeastOnce() {
  return absl::FailedPreconditionError("the daemon does not know at-least-once subscriptions");
}

// False: not one of ours.
bool DecodeEvent(std::string_view data, Event* event) {
  wire::EventView view;
  auto attributes = std::make_shared<Attributes>();
  if (!wire::ParseEvent(data, &view) || view.header.attributes_number != 0 ||
      !DecodeAttributes(view.attributes, attributes.get()) || Crc32c(view.body) != view.header.body_crc32c ||
      !BodyDecoder().Decode(view.header, view.body, &event->payload)) {
    return false;
  }
  event->header = view.header.event;
  event->attributes = std::move(attributes);
  return true;
}

}  // namespace

class DaemonClient::Core final : public DeadLetters, public std::enable_shared_from_this<Core> {
 public:
  Core(DaemonClientOptions options, ConnectionHooks hooks, std::unique_ptr<transport::ByteChannel> channel,
       std::unique_ptr<FrameReader> reader, const wire::Welcome& welcome);
  ~Core() override;

  void Start(const std::shared_ptr<WorkerPool>& pool);

  PublishResult Publish(const Event& event);
  absl::Status Register(const ServiceSpec& service);
  absl::Status Deregister(const std::string& service);
  PublishResult PublishKept(const Event& event, bool resent);
  void AwaitWindow(Duration timeout) { outbox_->AwaitWindow(timeout); }
  absl::StatusOr<SubscriptionId> Subscribe(SubscriptionId resumed, const SubscriptionSpec& spec,
                                           Handler handler);
  absl::Status Unsubscribe(SubscriptionId subscription);
  Control& control() { return control_; }
  absl::Status SetPaused(SubscriptionId subscription, bool paused);
  absl::StatusOr<std::vector<DeadLetter>> List(uint64_t from, size_t most) override;
  absl::Status Replay(uint64_t number) override;
  absl::Status Discard(uint64_t number) override;
  absl::StatusOr<RouterStatistics> Statistics();
  absl::Status Drain(Duration deadline, bool deliveries);
  absl::Status Close(Duration deadline, WorkerPool& pool);
  WireBytes wire_bytes() const { return {outbox_->bytes_sent(), bytes_received_.load()}; }

  daemon::ChannelWait& wait() { return wait_; }
  std::optional<WaitPolicy> daemon_wait() const { return daemon_wait_; }

 private:
  daemon::ChannelWait::Came OnReadable();
  bool ReadFrames();
  bool OnFrame(std::string_view frame);
  bool OnDeliver(std::string_view frame);
  bool OnDefineAttributes(std::string_view frame);
  bool OnEventOutcome(std::string_view frame);
  bool OnReleased(std::string_view frame);
  bool OnProgressRequest(std::string_view frame);
  bool OnControl(std::string_view frame);
  void OnEnd(std::string reason);
  void AddMailbox(SubscriptionId id, const SubscriptionSpec& spec, Handler handler,
                  std::shared_ptr<ServiceGate> gate, bool report_at_once);
  std::vector<std::shared_ptr<Mailbox>> TakeMailboxes(const std::string* service);
  void ScheduleOutcomes();

  absl::StatusOr<wire::Reply> Call(wire::ClientControl& control,
                                   daemon::Calls::OnSuccess on_success = nullptr,
                                   TimePoint due = TimePoint::max());

  const DaemonClientOptions options_;
  const ConnectionHooks hooks_;
  const bool at_least_once_;  // the daemon knows it
  const std::optional<WaitPolicy> daemon_wait_;
  const std::unique_ptr<Timers> own_timers_;
  Timers& timers_;
  const StageClock stage_clock_;
  const std::unique_ptr<transport::ByteChannel> channel_;
  daemon::ChannelWait wait_;

  std::array<std::atomic<uint64_t>, kPublishResultCount> answers_{};
  std::atomic<uint64_t> bytes_received_{0};
  std::atomic<bool> closing_{false};
  std::atomic<bool> eager_{false};
  daemon::WireParcelPool parcels_;
  const std::shared_ptr<daemon::Calls> calls_ = std::make_shared<daemon::Calls>();
  const std::shared_ptr<daemon::Outcomes> outcomes_;
  const std::shared_ptr<Outbox> outbox_;
  std::weak_ptr<WorkerPool> pool_;
  daemon::RemoteControl control_;

  // The reader's: of the thread inside OnReadable.
  const std::unique_ptr<FrameReader> in_;
  std::deque<SharedAttributes> defined_;  // by the daemon: number - 1
  size_t defined_bytes_ = 0;
  absl::flat_hash_map<SubscriptionId, std::shared_ptr<Mailbox>> mailboxes_;
  SubscriptionId last_id_ = 0;
  Mailbox* last_mailbox_ = nullptr;  // of last_id_
  bool outcomes_added_ = false;
  std::string farewell_;  // the daemon's

  Mutex mutex_;
  CondVar ended_changed_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<std::string, std::shared_ptr<ServiceGate>> services_ ABSL_GUARDED_BY(mutex_);
  absl::btree_map<SubscriptionId, std::shared_ptr<Mailbox>> living_ ABSL_GUARDED_BY(mutex_);
};

// The core's wait, which lives as long as a thread that is stuck in a handler.
class DaemonClient::SharedWait final : public dispatch::IdleWait {
 public:
  explicit SharedWait(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  void Wait() override { core_->wait().Wait(); }
  void WakeOne() override { core_->wait().WakeOne(); }

 private:
  const std::shared_ptr<Core> core_;
};

DaemonClient::Core::Core(DaemonClientOptions options, ConnectionHooks hooks,
                         std::unique_ptr<transport::ByteChannel> channel, std::unique_ptr<FrameReader> reader,
                         const wire::Welcome& welcome)
    : options_(std::move(options)),
      hooks_(std::move(hooks)),
      at_least_once_((welcome.features() & wire::kAtLeastOnce) != 0),
      daemon_wait_(ParseWaitPolicy(welcome.wait_policy())),
      own_timers_(options_.timers == nullptr ? std::make_unique<dispatch::ThreadTimers>() : nullptr),
      timers_(options_.timers == nullptr ? *own_timers_ : *options_.timers),
      stage_clock_(*options_.clock, options_.router.stage_sampling, options_.router.stage_hooks),
      channel_(std::move(channel)),
      wait_(
          *channel_, options_.router.wait,
          {.on_readable = [this] { return OnReadable(); }, .on_writable = [this] { outbox_->OnWritable(); }}),
      outcomes_(std::make_shared<daemon::Outcomes>(options_.router.outcome_sink)),
      outbox_(std::make_shared<Outbox>(
          *channel_,
          daemon::OutboxOptions{
              .window_bytes = welcome.publish_window_bytes(),
              .interned_attributes = (welcome.features() & wire::kInternedAttributes) != 0,
              .report_delivered = options_.router.outcome_sink != nullptr && options_.router.report_delivered,
              .stages = (welcome.features() & wire::kStageStamps) != 0,
              .remember = options_.router.outcome_sink != nullptr,
              .publish_timeout = options_.router.publish_timeout},
          *options_.clock, timers_, stage_clock_, [this] { wait_.WantWritable(); })),
      control_([this](wire::ClientControl& control,
                      daemon::Calls::OnSuccess done) { return Call(control, std::move(done)); },
               options_.router.max_body_bytes),
      in_(std::move(reader)) {}

DaemonClient::Core::~Core() = default;

void DaemonClient::Core::Start(const std::shared_ptr<WorkerPool>& pool) {
  pool_ = pool;
  control_.Start(pool);
  wait_.Start();
}

// ---- Receiving

// One read, and every frame in it; then the next thread may read while this one runs a handler.
daemon::ChannelWait::Came DaemonClient::Core::OnReadable() {
  using Came = daemon::ChannelWait::Came;
  const IoResult result = in_->Fill(*channel_);
  if (result.status == IoResult::Status::kWouldBlock) return Came::kNothing;
  if (result.status != IoResult::Status::kDone) {
    OnEnd(farewell_.empty() ? "the daemon has gone" : farewell_);
    return Came::kEnd;
  }
  bytes_received_.fetch_add(result.bytes, std::memory_order_relaxed);
  const bool understood = ReadFrames();
  if (std::exchange(outcomes_added_, false)) ScheduleOutcomes();
  if (understood) return Came::kSomething;
  channel_->Shutdown();
  OnEnd("the daemon broke the protocol");
  return Came::kEnd;
}

bool DaemonClient::Core::ReadFrames() {
  std::string_view frame;
  FrameReader::Result next;
  while ((next = in_->Next(&frame)) == FrameReader::Result::kFrame) {
    if (!OnFrame(frame)) return false;
  }
  if (last_mailbox_ != nullptr) last_mailbox_->ReportUrgent();
  return next != FrameReader::Result::kTooLong;
}

bool DaemonClient::Core::OnFrame(std::string_view frame) {
  wire::Prefix prefix;
  if (!wire::LoadFront(frame, &prefix)) return false;
  switch (prefix.type) {
    case FrameType::kDeliver:
      return OnDeliver(frame);
    case FrameType::kDefineAttributes:
      return OnDefineAttributes(frame);
    case FrameType::kPublishCredit: {
      wire::PublishCredit credit;
      return wire::LoadExactly(frame, &credit) && outbox_->OnCredit(credit);
    }
    case FrameType::kEventOutcome:
      return OnEventOutcome(frame);
    case FrameType::kReleased:
      return OnReleased(frame);
    case FrameType::kProgressRequest:
      return OnProgressRequest(frame);
    case FrameType::kControl:
      return OnControl(frame);
    default:
      return false;
  }
}

bool DaemonClient::Core::OnDeliver(std::string_view frame) {
  wire::DeliverPrefix prefix;
  if (!wire::LoadFront(frame, &prefix)) return false;
  wire::EventView view;
  StageStamps storage;
  StageStamps* stages;
  std::string_view rest = frame.substr(sizeof prefix);
  if (!wire::TakeStages(prefix.prefix.flags, &rest, storage, &stages) || !wire::ParseEvent(rest, &view))
    return false;
  if (prefix.subscription != last_id_) {
    if (last_mailbox_ != nullptr) last_mailbox_->ReportUrgent();
    const auto mailbox = mailboxes_.find(prefix.subscription);
    if (mailbox == mailboxes_.end()) return false;
    last_id_ = prefix.subscription;
    last_mailbox_ = mailbox->second.get();
  }
  const SharedAttributes* interned = nullptr;
  SharedAttributes own;
  if (const uint32_t number = view.header.attributes_number; number != 0) {
    if (number > defined_.size()) return false;
    interned = &defined_[number - 1];
  } else if (!view.attributes.empty()) {
    auto attributes = std::make_shared<Attributes>();
    if (!DecodeAttributes(view.attributes, attributes.get())) return false;
    own = std::move(attributes);
  }
  const bool report_delivered = (prefix.prefix.flags & wire::kReportDelivered) != 0;
  return last_mailbox_->OnDelivery(view, stages, interned, std::move(own), report_delivered);
}

bool DaemonClient::Core::OnDefineAttributes(std::string_view frame) {
  wire::DefineAttributes define;
  if (!wire::LoadFront(frame, &define)) return false;
  defined_bytes_ += frame.size() - sizeof define;
  auto attributes = std::make_shared<Attributes>();
  if (define.number != defined_.size() + 1 || define.number > wire::kMaxSets ||
      defined_bytes_ > wire::kMaxSetBytes ||
      !DecodeAttributes(frame.substr(sizeof define), attributes.get())) {
    return false;
  }
  defined_.push_back(std::move(attributes));
  return true;
}

bool DaemonClient::Core::OnEventOutcome(std::string_view frame) {
  wire::EventOutcome outcome;
  if (!wire::LoadExactly(frame, &outcome) || outcome.outcome >= kOutcomeCount) return false;
  outcomes_->Add(
      {outcome.event, outcome.sequence, outcome.subscription, static_cast<Outcome>(outcome.outcome)});
  outcomes_added_ = true;
  return true;
}

bool DaemonClient::Core::OnReleased(std::string_view frame) {
  wire::Released released;
  if (!wire::LoadExactly(frame, &released) || hooks_.on_released == nullptr) return false;
  hooks_.on_released(released.first, released.count, (released.prefix.flags & wire::kNotByAll) == 0);
  return true;
}

bool DaemonClient::Core::OnProgressRequest(std::string_view frame) {
  wire::ProgressRequest request;
  if (!wire::LoadExactly(frame, &request)) return false;
  eager_.store((request.prefix.flags & wire::kEager) != 0);
  for (const auto& [id, mailbox] : mailboxes_) mailbox->Report();
  outbox_->Append([&](transport::FrameWriter& out) {
    wire::ProgressDone done;
    done.number = request.number;
    wire::Store(done, out.Append(sizeof done));
  });
  outbox_->Flush();
  return true;
}

bool DaemonClient::Core::OnControl(std::string_view frame) {
  wire::BrokerControl control;
  const std::string_view body = frame.substr(sizeof(wire::Prefix));
  if (!wire::ParseControl(body, &control)) return false;
  if (control.has_goodbye()) {
    farewell_ = absl::StrCat("the daemon ended the connection: ", control.goodbye().error(),
                             control.goodbye().detail().empty() ? "" : ": ", control.goodbye().detail());
    return true;
  }
  if (control.has_change()) return control_.OnChange(control.change());
  return control.has_reply() && calls_->OnReply(control.request(), control.reply());
}

void DaemonClient::Core::OnEnd(std::string reason) {
  for (const Outbox::Uncredited& lost : outbox_->Close()) {
    outcomes_->Add(
        {lost.event, lost.sequence, 0, closing_.load() ? Outcome::kDroppedClosed : Outcome::kLostWithPeer});
  }
  ScheduleOutcomes();
  calls_->FailAll(std::move(reason));
  if (!closing_.load()) control_.OnEnd();
  {
    MutexLock lock(mutex_);
    ended_ = true;
    ended_changed_.NotifyAll();
  }
  if (hooks_.on_end != nullptr) hooks_.on_end();
}

void DaemonClient::Core::ScheduleOutcomes() {
  if (options_.router.outcome_sink == nullptr) return;
  if (const auto pool = pool_.lock()) pool->Schedule(outcomes_);
}

// ---- The router

PublishResult DaemonClient::Core::Publish(const Event& event) {
  StageStamps storage;
  StageStamps* const stages = stage_clock_.Begin(event.header, storage);
  PublishResult result = Validate(event, options_.router.max_body_bytes);
  if (result == PublishResult::kAccepted) result = outbox_->Publish(event, stages);
  answers_[static_cast<size_t>(result)].fetch_add(1, std::memory_order_relaxed);
  return result;
}

PublishResult DaemonClient::Core::PublishKept(const Event& event, bool resent) {
  StageStamps storage;
  StageStamps* const stages = stage_clock_.Begin(event.header, storage);
  const PublishResult result = Validate(event, options_.router.max_body_bytes);
  if (result != PublishResult::kAccepted) return result;
  return outbox_->Publish(event, stages, Duration::zero(),
                          resent ? wire::kKept | wire::kResent : wire::kKept);
}

absl::StatusOr<wire::Reply> DaemonClient::Core::Call(wire::ClientControl& control,
                                                     daemon::Calls::OnSuccess on_success, TimePoint due) {
  if (closing_.load() && !control.has_drain()) return absl::UnavailableError("the client is closed");
  if (control.ByteSizeLong() + sizeof(wire::Prefix) + kRequestBytes > wire::kMaxClientControlBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a request has at most ", wire::kMaxClientControlBytes, " bytes when it is encoded"));
  }
  control.set_request(calls_->Start(std::move(on_success)));
  outbox_->SendControl(control);
  return due == TimePoint::max() ? calls_->Await(control.request())
                                 : calls_->AwaitUntil(control.request(), due, timers_);
}

absl::Status DaemonClient::Core::Register(const ServiceSpec& service) {
  if (absl::Status status = Validate(service); !status.ok()) return status;
  wire::ClientControl control;
  wire::Store(service, control.mutable_register_service());
  const auto reply = Call(control);
  if (!reply.ok()) return reply.status();
  MutexLock lock(mutex_);
  services_[service.id] =
      service.max_concurrent == 0 ? nullptr : std::make_shared<ServiceGate>(service.max_concurrent);
  return absl::OkStatus();
}

absl::Status DaemonClient::Core::Deregister(const std::string& service) {
  {
    MutexLock lock(mutex_);
    if (!ended_ && services_.erase(service) == 0) {
      return absl::NotFoundError(absl::StrCat("no service ", service, " is registered here"));
    }
  }
  const auto ended = TakeMailboxes(&service);
  for (const auto& mailbox : ended) mailbox->End(Outcome::kDroppedUnsubscribed);
  wire::ClientControl control;
  control.mutable_deregister()->set_id(service);
  const auto reply = Call(control, [this, &ended](const wire::Reply&) {
    for (const auto& mailbox : ended) mailboxes_.erase(mailbox->id());
    last_id_ = 0;
    last_mailbox_ = nullptr;
  });
  for (const auto& mailbox : ended) {
    mailbox->AwaitHandlers();
    mailbox->Report();
  }
  return reply.status();
}

absl::StatusOr<SubscriptionId> DaemonClient::Core::Subscribe(SubscriptionId resumed,
                                                             const SubscriptionSpec& spec, Handler handler) {
  if (absl::Status status = Validate(spec); !status.ok()) return status;
  if (handler == nullptr) return absl::InvalidArgumentError("a subscription needs a handler");
  if (spec.guarantee == Guarantee::kAtLeastOnce && !at_least_once_) return NoAtLeastOnce();
  std::shared_ptr<ServiceGate> gate;
  {
    MutexLock lock(mutex_);
    if (const auto service = services_.find(spec.service); service != services_.end()) gate = service->second;
  }
  if (spec.batch.most > 1 && gate != nullptr) {
    return absl::InvalidArgumentError("a service that limits its concurrent events has no batches");
  }
  wire::ClientControl control;
  wire::Store(spec, control.mutable_subscribe());
  control.mutable_subscribe()->set_resumed(resumed);
  const auto reply = Call(control, [&](const wire::Reply& answer) {
    AddMailbox(answer.subscription(), spec, std::move(handler), std::move(gate), answer.report_at_once());
  });
  if (!reply.ok()) return reply.status();
  return reply->subscription();
}

void DaemonClient::Core::AddMailbox(SubscriptionId id, const SubscriptionSpec& spec, Handler handler,
                                    std::shared_ptr<ServiceGate> gate, bool report_at_once) {
  const auto mailbox = std::make_shared<Mailbox>(
      dispatch::SubscriberOptions{id, spec, std::move(handler), std::move(gate), options_.router.stage_hooks},
      daemon::MailboxContext{.pool = pool_,
                             .clock = options_.clock,
                             .timers = &timers_,
                             .outbox = outbox_.get(),
                             .parcels = &parcels_,
                             .stage_clock = &stage_clock_,
                             .eager = &eager_,
                             .report_at_once = report_at_once,
                             .owner = shared_from_this()});
  mailboxes_.emplace(id, mailbox);
  MutexLock lock(mutex_);
  living_.emplace(id, mailbox);
}

// Of one service, or all.
std::vector<std::shared_ptr<Mailbox>> DaemonClient::Core::TakeMailboxes(const std::string* service) {
  std::vector<std::shared_ptr<Mailbox>> taken;
  MutexLock lock(mutex_);
  for (auto it = living_.begin(); it != living_.end();) {
    if (service != nullptr && it->second->spec().service != *service) {
      ++it;
      continue;
    }
    taken.push_back(std::move(it->second));
    it = living_.erase(it);
  }
  return taken;
}

absl::Status DaemonClient::Core::Unsubscribe(SubscriptionId subscription) {
  std::shared_ptr<Mailbox> mailbox;
  {
    MutexLock lock(mutex_);
    const auto it = living_.find(subscription);
    if (it == living_.end()) return absl::NotFoundError(absl::StrCat("no subscription ", subscription));
    mailbox = std::move(it->second);
    living_.erase(it);
  }
  mailbox->End(Outcome::kDroppedUnsubscribed);
  wire::ClientControl control;
  control.mutable_unsubscribe()->set_subscription(subscription);
  const auto reply = Call(control, [this, subscription](const wire::Reply&) {
    mailboxes_.erase(subscription);
    last_id_ = 0;
    last_mailbox_ = nullptr;
  });
  mailbox->AwaitHandlers();
  mailbox->Report();  // the reader has forgotten it: nobody else would
  return reply.status();
}

absl::Status DaemonClient::Core::SetPaused(SubscriptionId subscription, bool paused) {
  std::shared_ptr<Mailbox> mailbox;
  {
    MutexLock lock(mutex_);
    const auto it = living_.find(subscription);
    if (it == living_.end()) return absl::NotFoundError(absl::StrCat("no subscription ", subscription));
    mailbox = it->second;
  }
  if (paused) {
    mailbox->Pause();
  } else {
    mailbox->Resume();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<DeadLetter>> DaemonClient::Core::List(uint64_t from, size_t most) {
  wire::ClientControl control;
  control.mutable_list_dead_letters()->set_from(from);
  control.mutable_list_dead_letters()->set_most(most);
  const auto reply = Call(control);
  if (!reply.ok()) return reply.status();
  std::vector<DeadLetter> letters;
  for (const wire::DeadLetter& entry : reply->dead_letters()) {
    DeadLetter& letter = letters.emplace_back();
    letter.number = entry.number();
    letter.subscription = entry.subscription();
    letter.service = entry.service();
    if (!DecodeEvent(entry.event(), &letter.event) || entry.reason() >= kOutcomeCount) {
      return absl::DataLossError(absl::StrCat("dead letter ", entry.number(), " is damaged"));
    }
    letter.reason = static_cast<Outcome>(entry.reason());
  }
  return letters;
}

absl::Status DaemonClient::Core::Replay(uint64_t number) {
  wire::ClientControl control;
  control.mutable_replay_dead_letter()->set_number(number);
  return Call(control).status();
}

absl::Status DaemonClient::Core::Discard(uint64_t number) {
  wire::ClientControl control;
  control.mutable_discard_dead_letter()->set_number(number);
  return Call(control).status();
}

absl::StatusOr<RouterStatistics> DaemonClient::Core::Statistics() {
  wire::ClientControl control;
  control.mutable_statistics();
  const auto reply = Call(control);
  if (!reply.ok()) return reply.status();
  RouterStatistics statistics;
  for (size_t i = 0; i < kPublishResultCount; ++i) statistics.answers[i] = answers_[i].load();
  wire::Load(reply->statistics(), &statistics);
  return statistics;
}

// With `deliveries`, also what others published and is in the mailboxes here.
absl::Status DaemonClient::Core::Drain(Duration deadline, bool deliveries) {
  wire::ClientControl control;
  control.mutable_drain()->set_deliveries(deliveries);
  control.mutable_drain()->set_deadline_nanos(deadline.count());
  const auto reply = Call(control, nullptr, options_.clock->Now() + deadline + kAnswerGrace);
  outcomes_->Deliver();
  return reply.status();
}

absl::Status DaemonClient::Core::Close(Duration deadline, WorkerPool& pool) {
  {
    MutexLock lock(mutex_);
    if (std::exchange(closed_, true)) return absl::OkStatus();
  }
  const TimePoint end = options_.clock->Now() + deadline;
  outbox_->StopPublishing();
  const absl::Status drained = deadline > Duration::zero() ? Drain(deadline, true) : absl::OkStatus();
  closing_.store(true);
  control_.Close();
  const auto mailboxes = TakeMailboxes(nullptr);
  for (const auto& mailbox : mailboxes) mailbox->End(Outcome::kDroppedClosed);
  wire::ClientControl control;
  control.mutable_goodbye();
  outbox_->SendControl(control);
  {
    MutexLock lock(mutex_);
    const TimePoint farewell = std::chrono::steady_clock::now() + kFarewell;
    while (!ended_ && ended_changed_.WaitUntil(mutex_, farewell)) {
    }
  }
  channel_->Shutdown();
  pool.Stop(std::max(Duration::zero(), Duration(end - options_.clock->Now())));
  for (const auto& mailbox : mailboxes) mailbox->Abandon();
  calls_->FailAll("the client is closed");
  outcomes_->Deliver();
  mailboxes_.clear();  // nobody reads any more
  return absl::IsUnavailable(drained) ? absl::OkStatus() : drained;
}

// ----

absl::StatusOr<std::unique_ptr<DaemonClient>> DaemonClient::Connect(DaemonClientOptions options,
                                                                    ConnectionHooks hooks) {
  wire::Hello hello = wire::MakeHello(wire::TimeDomain::OfThisProcess(), options.name,
                                      options.router.outcome_sink != nullptr);
  if (!options.token_file.empty()) {
    auto token = wire::ReadTokenFile(options.token_file);
    if (!token.ok()) return token.status();
    hello.set_token(*std::move(token));
  }
  auto channel = transport::Dial(options.endpoint, {.timeout = options.connect_timeout});
  if (!channel.ok()) return channel.status();
  auto reader = std::make_unique<FrameReader>(wire::MaxFrameBytes(options.router.max_body_bytes));
  const auto welcome = daemon::Greet(**channel, *reader, hello, options.connect_timeout);
  if (!welcome.ok()) return welcome.status();
  if (hooks.on_released != nullptr && (welcome->features() & wire::kAtLeastOnce) == 0) return NoAtLeastOnce();
  options.router.max_body_bytes = std::min<size_t>(options.router.max_body_bytes, welcome->max_body_bytes());
  const uint32_t handlers = std::max(1u, options.router.handler_threads);
  const auto core = std::make_shared<Core>(std::move(options), std::move(hooks), *std::move(channel),
                                           std::move(reader), *welcome);
  // One more than run handlers, so that the socket is read even when all of those are stuck.
  const auto pool = std::make_shared<WorkerPool>(
      dispatch::WorkerPoolOptions{.threads = handlers + 1, .running = handlers, .name = "daemon-client"},
      std::make_unique<SharedWait>(core));
  core->Start(pool);
  return std::unique_ptr<DaemonClient>(new DaemonClient(core, pool));
}

DaemonClient::DaemonClient(std::shared_ptr<Core> core, std::shared_ptr<WorkerPool> pool)
    : core_(std::move(core)), pool_(std::move(pool)) {}

DaemonClient::~DaemonClient() { core_->Close(Duration::zero(), *pool_).IgnoreError(); }

PublishResult DaemonClient::Publish(const Event& event) { return core_->Publish(event); }
absl::Status DaemonClient::Register(const ServiceSpec& service) { return core_->Register(service); }
absl::Status DaemonClient::Deregister(const std::string& service) { return core_->Deregister(service); }
absl::StatusOr<SubscriptionId> DaemonClient::Subscribe(const SubscriptionSpec& spec, Handler handler) {
  return core_->Subscribe(0, spec, std::move(handler));
}
absl::StatusOr<SubscriptionId> DaemonClient::Resubscribe(SubscriptionId subscription,
                                                         const SubscriptionSpec& spec, Handler handler) {
  return core_->Subscribe(subscription, spec, std::move(handler));
}
PublishResult DaemonClient::PublishKept(const Event& event, bool resent) {
  return core_->PublishKept(event, resent);
}
void DaemonClient::AwaitWindow(Duration timeout) { core_->AwaitWindow(timeout); }
absl::Status DaemonClient::Unsubscribe(SubscriptionId subscription) {
  return core_->Unsubscribe(subscription);
}
Control& DaemonClient::control() { return core_->control(); }
absl::Status DaemonClient::Pause(SubscriptionId subscription) { return core_->SetPaused(subscription, true); }
absl::Status DaemonClient::Resume(SubscriptionId subscription) {
  return core_->SetPaused(subscription, false);
}
DeadLetters& DaemonClient::dead_letters() { return *core_; }
absl::StatusOr<RouterStatistics> DaemonClient::Statistics() { return core_->Statistics(); }
absl::Status DaemonClient::Drain(Duration deadline) { return core_->Drain(deadline, false); }
absl::Status DaemonClient::Close(Duration deadline) { return core_->Close(deadline, *pool_); }
WireBytes DaemonClient::wire_bytes() const { return core_->wire_bytes(); }
std::optional<WaitPolicy> DaemonClient::daemon_wait() const { return core_->daemon_wait(); }

}  // namespace routebench
