#include "daemon/server/session.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/server/control_requests.h"
#include "daemon/server/crash_point.h"
#include "daemon/wire/parse.h"
#include "daemon/wire/specs.h"
#include "daemon/wire/stage_block.h"
#include "daemon/wire/token.h"
#include "events/codec.h"

namespace routebench::daemon {

using transport::FrameReader;
using transport::FrameWriter;
using transport::IoResult;
using wire::FrameType;
using wire::ProtocolError;

namespace {

// Of a dead letter, beside its event: more than its other fields take.
constexpr size_t kDeadLetterOverhead = 512;
// Of one subscription, before the next gets its turn.
constexpr size_t kTakeAtOnce = 64;
// Credit is worth a frame of its own once so much of the window is due.
constexpr size_t kCreditShare = 8;

absl::StatusOr<SubscriptionSpec> SubscriptionOf(const wire::Subscribe& message, const BrokerLimits& limits) {
  if (message.capacity() > limits.max_capacity) {
    return absl::InvalidArgumentError(
        absl::StrCat("a subscription's capacity is at most ", limits.max_capacity, " here"));
  }
  SubscriptionSpec spec;
  if (absl::Status status = wire::Load(message, &spec); !status.ok()) return status;
  return spec;
}

// With its attributes inline, whatever number they have.
std::string EncodedWhole(const EventParcel& event) {
  EncodedHeader header = event.encoded();
  const std::string_view attributes = event.attributes() != nullptr
                                          ? std::string_view(event.attributes()->encoded())
                                          : event.inline_attributes();
  header.attributes_number = 0;
  header.attributes_size = static_cast<uint32_t>(attributes.size());
  std::string out(kEncodedHeaderSize, '\0');
  EncodeHeader(header, out.data());
  out.append(attributes);
  out.append(event.body());
  return out;
}

}  // namespace

Session::Session(const Shared& shared, std::unique_ptr<transport::ByteChannel> channel, uint32_t number,
                 pid_t pid, std::string_view token)
    : Peer(number),
      shared_(shared),
      channel_(std::move(channel)),
      pid_(pid),
      token_(token),
      in_(wire::kMaxGreetingBytes, shared.read_blocks),
      out_(shared.write_blocks) {}

Session::MaybeEnd Session::Read() {
  const IoResult result = in_.Fill(*channel_);
  if (result.status == IoResult::Status::kWouldBlock) return std::nullopt;
  if (result.status == IoResult::Status::kBroken) return End{ProtocolError::kTransport, false, {}};
  if (result.status == IoResult::Status::kFailed)
    return End{ProtocolError::kSystem, false, strerror(result.error)};
  if (result.status == IoResult::Status::kEnd) {
    return End{established_ ? ProtocolError::kDied : ProtocolError::kHandshakeBroken, goodbye_, {}};
  }
  CrashPoint(CrashAt::kPublishReceived);
  for (;;) {
    std::string_view frame;
    const FrameReader::Result next = in_.Next(&frame);
    if (next == FrameReader::Result::kIncomplete) {
      CrashPoint(CrashAt::kPublishRouted);
      return std::nullopt;
    }
    if (next == FrameReader::Result::kTooLong) return End{ProtocolError::kFrameTooLong, false, {}};
    if (const MaybeError error = OnFrame(frame)) {
      return End{*error, false, std::exchange(refusal_, {})};
    }
    if (goodbye_) return End{ProtocolError::kDied, true, {}};
  }
}

Session::MaybeError Session::OnFrame(std::string_view frame) {
  wire::Prefix prefix;
  if (!wire::LoadFront(frame, &prefix))
    return established_ ? ProtocolError::kMalformed : ProtocolError::kHandshakeBroken;
  if (!established_ && prefix.type != FrameType::kControl) return ProtocolError::kHandshakeBroken;
  switch (prefix.type) {
    case FrameType::kPublish:
      return OnPublish(frame);
    case FrameType::kDefineAttributes:
      return OnDefineAttributes(frame);
    case FrameType::kControl:
      return OnControl(frame);
    case FrameType::kProgress:
    case FrameType::kAcknowledged:
    case FrameType::kSettled:
    case FrameType::kProgressDone:
      return OnReport(frame);
    default:
      return ProtocolError::kUnknownFrame;
  }
}

Session::MaybeError Session::OnPublish(std::string_view frame) {
  wire::Prefix prefix;
  if (!wire::LoadFront(frame, &prefix)) return ProtocolError::kMalformed;
  wire::EventView view;
  StageStamps storage;
  StageStamps* stages;
  std::string_view rest = frame.substr(sizeof prefix);
  if (!wire::TakeStages(prefix.flags, &rest, storage, &stages) || (stages != nullptr && !knows_stages_) ||
      !wire::ParseEvent(rest, &view) || view.body.size() > shared_.limits.max_body_bytes) {
    return ProtocolError::kMalformed;
  }
  shared_.exchange.stage_clock().Reach(StageMark::kReceived, stages);
  if (received_bytes_ - credited_bytes_ > shared_.limits.publish_window) return ProtocolError::kWindow;
  received_bytes_ += frame.size();
  AttributeSetPtr attributes;
  if (const uint32_t number = view.header.attributes_number; number != 0) {
    if (number > defined_.size()) return ProtocolError::kAttributes;
    attributes = defined_[number - 1];
  }
  const bool intact = Crc32c(view.body) == view.header.body_crc32c;
  EventParcelPtr event = shared_.store.Make(view, stages, std::move(attributes), number(),
                                            (prefix.flags & wire::kReportDelivered) != 0, frame.size());
  if ((prefix.flags & wire::kKept) != 0) {
    KeptEventPtr kept(new KeptEvent);
    kept->number = ++kept_events_;
    kept->resent = (prefix.flags & wire::kResent) != 0;
    event->Keep(std::move(kept));
  }
  if (!intact) {
    shared_.exchange.Discard(*this, event->header(), Outcome::kDroppedCorrupt);
    if (event->kept() != nullptr) OnReleased(event->kept()->number, false);
    NoteAdmitted(*event);
  } else if (MustPark()) {
    parked_.PushBack(std::move(event));
    MarkDirty();
  } else if (shared_.exchange.Publish(*this, event)) {
    NoteAdmitted(*event);
  }
  return std::nullopt;
}

Session::MaybeError Session::OnDefineAttributes(std::string_view frame) {
  wire::DefineAttributes define;
  if (!wire::LoadFront(frame, &define)) return ProtocolError::kMalformed;
  const std::string_view encoded = frame.substr(sizeof define);
  defined_bytes_ += encoded.size();
  if (define.number != defined_.size() + 1 || define.number > wire::kMaxSets ||
      defined_bytes_ > wire::kMaxSetBytes) {
    return ProtocolError::kAttributes;
  }
  AttributeSetPtr set = shared_.store.Intern(encoded);
  if (set == nullptr) return ProtocolError::kMalformed;
  defined_.push_back(std::move(set));
  return std::nullopt;
}

Session::MaybeError Session::OnReport(std::string_view frame) {
  CrashPoint(CrashAt::kAnswerReceived);
  wire::Progress progress;
  wire::Acknowledged acknowledged;
  wire::Settled settled;
  wire::ProgressDone done;
  bool believable = false;
  switch (static_cast<FrameType>(frame.front())) {
    case FrameType::kProgress:
      if (!wire::LoadExactly(frame, &progress)) return ProtocolError::kMalformed;
      believable = shared_.exchange.Handed(*this, progress.subscription, progress.handed);
      break;
    case FrameType::kAcknowledged:
      if (!wire::LoadExactly(frame, &acknowledged)) return ProtocolError::kMalformed;
      believable = shared_.exchange.Acknowledge(*this, acknowledged.subscription, acknowledged.first,
                                                acknowledged.count);
      break;
    case FrameType::kSettled:
      if (!wire::LoadExactly(frame, &settled)) return ProtocolError::kMalformed;
      believable = shared_.exchange.Settle(*this, settled.subscription, settled.delivery, settled.outcome);
      break;
    default:
      if (!wire::LoadExactly(frame, &done)) return ProtocolError::kMalformed;
      shared_.host.OnProgressDone(*this, done.number);
      return std::nullopt;
  }
  CrashPoint(CrashAt::kAnswerTaken);
  return believable ? std::nullopt : MaybeError(ProtocolError::kProgress);
}

Session::MaybeError Session::OnControl(std::string_view frame) {
  if (frame.size() > wire::kMaxClientControlBytes) return ProtocolError::kFrameTooLong;
  const std::string_view body = frame.substr(sizeof(wire::Prefix));
  wire::ClientControl control;
  const bool parsed = wire::ParseControl(body, &control);
  if (!established_) {
    return parsed && control.has_hello() ? OnHello(control) : ProtocolError::kHandshakeBroken;
  }
  if (!parsed || control.has_hello()) return ProtocolError::kMalformed;
  switch (control.body_case()) {
    case wire::ClientControl::kGoodbye:
      goodbye_ = true;
      break;
    case wire::ClientControl::kStatistics:
      shared_.host.OnStatisticsRequest(*this, control.request());
      break;
    case wire::ClientControl::kDrain:
      shared_.host.OnDrainRequest(*this, control.request(),
                                  After(shared_.exchange.now(), Duration(control.drain().deadline_nanos())),
                                  control.drain().deliveries());
      break;
    case wire::ClientControl::BODY_NOT_SET:
      return ProtocolError::kMalformed;
    default:
      OnRequest(control);
  }
  return std::nullopt;
}

Session::MaybeError Session::OnHello(const wire::ClientControl& control) {
  const wire::Hello& hello = control.hello();
  // Before anything else: a stranger learns nothing about us.
  if (!token_.empty() && !wire::SameToken(hello.token(), token_)) return ProtocolError::kWrongToken;
  if (const MaybeError error = wire::CheckHello(hello, shared_.domain, &refusal_)) return error;
  established_ = true;
  in_.set_max_frame(wire::MaxFrameBytes(shared_.limits.max_body_bytes));
  name_ = hello.name();
  wants_outcomes_ = hello.wants_outcomes();
  knows_stages_ = (wire::kFeatures & hello.features() & wire::kStageStamps) != 0;
  wire::BrokerControl answer;
  answer.set_request(control.request());
  wire::Welcome* const welcome = answer.mutable_welcome();
  welcome->set_version(wire::kProtocolVersion);
  welcome->set_features(wire::kFeatures & hello.features());
  welcome->set_session(number());
  welcome->set_publish_window_bytes(shared_.limits.publish_window);
  welcome->set_max_body_bytes(shared_.limits.max_body_bytes);
  welcome->set_wait_policy(std::string(shared_.wait_policy));
  SendControl(answer);
  shared_.host.OnEstablished(*this);
  return std::nullopt;
}

void Session::OnRequest(const wire::ClientControl& control) {
  Exchange& exchange = shared_.exchange;
  switch (control.body_case()) {
    case wire::ClientControl::kSubscribe:
      return OnSubscribe(control);
    case wire::ClientControl::kListDeadLetters:
      return OnListDeadLetters(control);
    case wire::ClientControl::kReplayDeadLetter:
      return Reply(control.request(), exchange.ReplayDeadLetter(control.replay_dead_letter().number()));
    case wire::ClientControl::kDiscardDeadLetter:
      return Reply(control.request(), exchange.DiscardDeadLetter(control.discard_dead_letter().number()));
    case wire::ClientControl::kUnsubscribe: {
      const wire::Unsubscribe& end = control.unsubscribe();
      const Outcome outcome = end.closing() ? Outcome::kDroppedClosed : Outcome::kDroppedUnsubscribed;
      return Reply(control.request(), exchange.Unsubscribe(*this, end.subscription(), outcome));
    }
    default: {
      const absl::Status status = AnswerControl(
          exchange, *this, control, [&](const wire::Reply& reply) { SendReply(control.request(), reply); });
      if (!status.ok()) Reply(control.request(), status);
    }
  }
}

void Session::OnSubscribe(const wire::ClientControl& control) {
  absl::StatusOr<SubscriptionSpec> spec = SubscriptionOf(control.subscribe(), shared_.limits);
  absl::StatusOr<SubscriptionId> id =
      spec.ok() ? shared_.exchange.Subscribe(*this, *spec, control.subscribe().resumed())
                : absl::StatusOr<SubscriptionId>(spec.status());
  if (!id.ok()) return Reply(control.request(), id.status());
  wire::Reply reply;
  reply.set_subscription(*id);
  reply.set_report_at_once(Exchange::ReportsAtOnce(*this, *id));
  SendReply(control.request(), reply);
}

void Session::OnListDeadLetters(const wire::ClientControl& control) {
  wire::BrokerControl answer;
  answer.set_request(control.request());
  size_t bytes = 0;
  for (const auto& letter : shared_.exchange.dead_letters().letters()) {
    if (letter.number < control.list_dead_letters().from()) continue;
    const auto count = static_cast<uint64_t>(answer.reply().dead_letters_size());
    if (count >= control.list_dead_letters().most()) break;
    std::string event = EncodedWhole(static_cast<const EventParcel&>(*letter.parcel));
    bytes += event.size() + kDeadLetterOverhead;
    if (count > 0 && bytes > shared_.limits.output_target) break;
    wire::DeadLetter* const entry = answer.mutable_reply()->add_dead_letters();
    entry->set_number(letter.number);
    entry->set_subscription(letter.subscription);
    entry->set_service(letter.service);
    entry->set_reason(static_cast<uint32_t>(letter.reason));
    entry->set_event(std::move(event));
  }
  answer.mutable_reply();  // also where there is none
  SendControl(answer);
}

bool Session::MustPark() const {
  return waiting() || !parked_.empty() || out_.pending() > shared_.limits.output_high;
}

void Session::NoteAdmitted(const EventParcel& event) {
  admitted_bytes_ += event.frame_bytes();
  ++admitted_events_;
  if (admitted_bytes_ - credited_bytes_ >= shared_.limits.publish_window / kCreditShare) MarkDirty();
}

void Session::GoOnWithParked() {
  while (!parked_.empty() && !waiting() && out_.pending() <= shared_.limits.output_high) {
    const EventParcelPtr event = parked_.PopFront();
    if (shared_.exchange.Publish(*this, event)) NoteAdmitted(*event);
  }
}

Session::MaybeEnd Session::Work() {
  dirty_ = false;
  GoOnWithParked();
  IoResult result;
  do {
    const bool delivers = !deliverable_.empty();
    const bool credits = admitted_bytes_ > credited_bytes_;
    const bool releases = released_.count > 0;
    Fill();
    if (credits) GiveCredit();
    if (releases) SendReleased();
    if (out_.pending() > shared_.limits.output_limit) return End{ProtocolError::kOutputLimit, false, {}};
    result = out_.Flush(*channel_);
    if (delivers) CrashPoint(CrashAt::kDelivered);
    if (credits) CrashPoint(CrashAt::kCredited);
    if (releases) CrashPoint(CrashAt::kPublisherAcknowledged);
  } while (result.status == IoResult::Status::kDone && !deliverable_.empty());
  if (result.status == IoResult::Status::kBroken) return End{ProtocolError::kTransport, false, {}};
  if (result.status == IoResult::Status::kFailed) {
    return End{ProtocolError::kSystem, false, strerror(result.error)};
  }
  // The reader finds the end of the stream, after what the peer sent before it went.
  if (result.status == IoResult::Status::kEnd) out_.Clear();
  if (out_.empty() && !parked_.empty() && !waiting()) MarkDirty();
  return std::nullopt;
}

void Session::GiveCredit() {
  wire::PublishCredit credit;
  credit.events = admitted_events_;
  credit.bytes = credited_bytes_ = admitted_bytes_;
  Send(credit);
}

void Session::Fill() {
  while (!deliverable_.empty() && out_.pending() < shared_.limits.output_target) {
    Subscription* const subscription = deliverable_.PopFront();
    const SubscriptionId id = subscription->id;
    batch_.clear();
    if (shared_.exchange.Take(*subscription, kTakeAtOnce, batch_)) deliverable_.PushBack(subscription);
    for (const delivery::ParcelPtr& parcel : batch_) AppendDelivery(id, parcel);
  }
  batch_.clear();
}

void Session::AppendDelivery(SubscriptionId subscription, const delivery::ParcelPtr& parcel) {
  const EventParcel& event = static_cast<const EventParcel&>(*parcel);
  EncodedHeader header = event.encoded();
  header.attributes_number = 0;
  std::string_view attributes = event.inline_attributes();
  if (const AttributeSetPtr& set = event.attributes(); set != nullptr) {
    const auto answer = known_.Find(set, [&] { return set->encoded().size(); });
    header.attributes_number = answer.number;
    if (answer.is_new) {
      wire::DefineAttributes define;
      define.number = answer.number;
      char* const out = out_.Append(sizeof define + set->encoded().size());
      wire::Store(define, out);
      set->encoded().copy(out + sizeof define, set->encoded().size());
    }
    attributes = answer.number == 0 ? std::string_view(set->encoded()) : std::string_view();
  }
  header.attributes_size = static_cast<uint32_t>(attributes.size());

  wire::DeliverPrefix prefix;
  prefix.prefix.flags = event.report_delivered() ? wire::kReportDelivered : 0;
  prefix.subscription = subscription;
  size_t start = sizeof prefix;  // of the encoded event
  if (event.stages() != nullptr && knows_stages_) [[unlikely]] {
    prefix.prefix.flags |= wire::kStages;
    start += wire::kStageBlockSize;
  }
  const std::string_view body = event.body();
  const size_t head = start + kEncodedHeaderSize + attributes.size();
  char* const out =
      body.size() >= FrameWriter::kReferenceBytes
          ? out_.AppendWithTail(head, body, [held = delivery::ParcelPtr(parcel)]() mutable { held.reset(); })
          : out_.Append(head + body.size());
  wire::Store(prefix, out);
  EncodeHeader(header, out + start);
  // Either may be empty and without an address.
  attributes.copy(out + start + kEncodedHeaderSize, attributes.size());
  if (body.size() < FrameWriter::kReferenceBytes) body.copy(out + head, body.size());
  StoreStages(event, start > sizeof prefix ? out + sizeof prefix : nullptr);
}

// Of this one delivery: other subscribers have their own. `out` is null where they do not go into its frame.
void Session::StoreStages(const EventParcel& event, char* out) {
  StageStamps storage;
  StageStamps* stages = nullptr;
  if (out != nullptr) [[unlikely]] {
    storage = *event.stages();
    stages = &storage;
  }
  shared_.exchange.stage_clock().Reach(StageMark::kWritten, stages);
  if (stages != nullptr) [[unlikely]]
    wire::StoreStages(storage, out);
}

void Session::OnDeliverable(Subscription& subscription) {
  deliverable_.PushBack(&subscription);
  MarkDirty();
}

void Session::OnAdmitted(const EventParcel& event) {
  NoteAdmitted(event);
  MarkDirty();
}

void Session::OnOutcome(const wire::EventOutcome& outcome) {
  if (wants_outcomes_) Send(outcome);
}

// Those that follow one another go in one frame.
void Session::OnReleased(uint64_t number, bool by_all) {
  const uint8_t flags = by_all ? 0 : wire::kNotByAll;
  if (released_.count > 0 &&
      (number != released_.first + released_.count || flags != released_.prefix.flags)) {
    SendReleased();
  }
  if (released_.count++ == 0) {
    released_.first = number;
    released_.prefix.flags = flags;
  }
  MarkDirty();
}

void Session::SendReleased() {
  Send(released_);
  released_.count = 0;
}

void Session::RequestProgress(uint32_t number, bool eager) {
  wire::ProgressRequest request;
  request.prefix.flags = eager ? wire::kEager : 0;
  request.number = number;
  Send(request);
}

void Session::OnChange(WatchId watch, const ServiceChange& change) {
  wire::BrokerControl control;
  wire::Store(change, control.mutable_change());
  control.mutable_change()->set_watch(watch);
  SendControl(control);
}

void Session::Reply(uint64_t request, const absl::Status& status) {
  wire::Reply reply;
  reply.set_code(static_cast<uint32_t>(status.code()));
  reply.set_message(std::string(status.message()));
  SendReply(request, reply);
}

void Session::Reply(uint64_t request, const RouterStatistics& statistics) {
  wire::Reply reply;
  wire::Store(statistics, reply.mutable_statistics());
  SendReply(request, reply);
}

void Session::SendReply(uint64_t request, const wire::Reply& reply) {
  if (reply.ByteSizeLong() > shared_.limits.max_body_bytes + kMaxAttributesBytes) {
    return Reply(request, absl::ResourceExhaustedError("the answer is larger than a frame"));
  }
  wire::BrokerControl answer;
  answer.set_request(request);
  *answer.mutable_reply() = reply;
  SendControl(answer);
}

void Session::Abandon(Outcome outcome) {
  while (!parked_.empty()) {
    const EventParcelPtr event = parked_.PopFront();
    shared_.exchange.Discard(*this, event->header(), outcome);
    NoteAdmitted(*event);
  }
}

void Session::SayEnd(const End& end) {
  if (admitted_bytes_ > credited_bytes_) GiveCredit();
  if (released_.count > 0) SendReleased();
  wire::BrokerControl farewell;
  wire::Refused* const reason = established_ ? farewell.mutable_goodbye() : farewell.mutable_refused();
  const std::string_view name = wire::Name(end.error);
  reason->set_error(name.data(), name.size());
  reason->set_detail(end.detail);
  SendControl(farewell);
  out_.Flush(*channel_);
  channel_->Shutdown();
}

template <typename Frame>
void Session::Send(const Frame& frame) {
  wire::Store(frame, out_.Append(sizeof frame));
  MarkDirty();
}

void Session::SendControl(const wire::BrokerControl& control) {
  const size_t size = control.ByteSizeLong();
  char* const out = out_.Append(sizeof(wire::Prefix) + size);
  wire::Store(wire::Prefix{FrameType::kControl}, out);
  control.SerializeToArray(out + sizeof(wire::Prefix), static_cast<int>(size));
  MarkDirty();
}

void Session::MarkDirty() {
  if (std::exchange(dirty_, true)) return;
  shared_.host.OnDirty(*this);
}

}  // namespace routebench::daemon
