#include "events/requests/requests.h"

#include <future>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "events/mutex.h"

namespace routebench::requests {
namespace {

using SharedAttributes = std::shared_ptr<const Attributes>;
using Metadata = std::vector<std::pair<std::string, std::string>>;

constexpr char kFromResponder[] = "routebench/from-responder";

EventId NewId() {
  thread_local EventIdGenerator ids(RandomSeed());
  return ids.Next();
}

// Null: there is none.
const std::string* FindEntry(const Event& event, std::string_view key) {
  for (const auto& [name, value] : AttributesOf(event).metadata) {
    if (name == key) return &value;
  }
  return nullptr;
}

// Attributes that differ from given ones by our metadata, and by the target. Keeps the last ones made: a
// session of the daemon interns sets by identity and forgets none, so that a new set for each request would
// leave no room for those that deserve it. As many as a publisher of several kinds of events may have. Not
// thread-safe.
class DerivedAttributes {
 public:
  const SharedAttributes& Get(const SharedAttributes& base, const Metadata& added,
                              const std::string* target) {
    const std::string wanted = target == nullptr ? std::string() : *target;
    for (const Entry& entry : entries_) {
      if (entry.base == base && entry.added == added && entry.target == wanted) return entry.derived;
    }
    auto derived = std::make_shared<Attributes>(base == nullptr ? Attributes() : *base);
    std::erase_if(derived->metadata, [](const auto& entry) { return entry.first.starts_with(kReserved); });
    derived->metadata.insert(derived->metadata.end(), added.begin(), added.end());
    if (target != nullptr) derived->targets = {*target};
    if (entries_.size() < kMost) entries_.emplace_back();
    Entry& entry = entries_[next_++ % kMost];
    entry = {base, added, wanted, std::move(derived)};
    return entry.derived;
  }

 private:
  static constexpr size_t kMost = 64;
  struct Entry {
    SharedAttributes base;
    Metadata added;
    std::string target;
    SharedAttributes derived;
  };
  std::vector<Entry> entries_;
  size_t next_ = 0;  // the one that is replaced next
};

absl::Status ToStatus(PublishResult result) {
  switch (result) {
    case PublishResult::kAccepted:
      return absl::OkStatus();
    case PublishResult::kWouldBlock:
      return absl::ResourceExhaustedError("the router has no room for the event");
    case PublishResult::kTooLarge:
      return absl::InvalidArgumentError("the event is too large");
    case PublishResult::kInvalid:
      return absl::InvalidArgumentError("the event is invalid");
    case PublishResult::kClosed:
      break;
  }
  return absl::UnavailableError("the router is closed");
}

// Of a request that has this cause.
absl::StatusOr<uint32_t> DepthAfter(const Event* cause) {
  const std::string* const depth = cause == nullptr ? nullptr : FindEntry(*cause, kDepth);
  if (depth == nullptr) return 1;
  uint32_t number = 0;
  if (!absl::SimpleAtoi(*depth, &number) || number == UINT32_MAX) {
    return absl::InvalidArgumentError("the depth of the cause is not a number");
  }
  return number + 1;
}

absl::StatusCode ParseCode(const std::string* name) {
  for (int code = 0; name != nullptr && code <= static_cast<int>(absl::StatusCode::kUnauthenticated);
       ++code) {
    if (*name == absl::StatusCodeToString(static_cast<absl::StatusCode>(code))) {
      return static_cast<absl::StatusCode>(code);
    }
  }
  return absl::StatusCode::kUnknown;
}

// What a requester is told of a response.
absl::StatusOr<Event> ResultOf(const Event& response) {
  const absl::StatusCode code = ParseCode(FindEntry(response, kStatus));
  if (code == absl::StatusCode::kOk) return response;
  const std::string_view message = response.payload.bytes();
  absl::Status error(code, absl::string_view(message.data(), message.size()));
  error.SetPayload(kFromResponder, absl::Cord());
  return error;
}

absl::Status SendResponse(EventRouter& router, const Event& request, absl::StatusCode code, Event response) {
  const std::string* const reply_to = FindEntry(request, kReplyTo);
  // Whoever asks must not make us send to a service of somebody else.
  if (reply_to == nullptr || !reply_to->starts_with(kReplyPrefix)) {
    return absl::InvalidArgumentError("the event is not a request");
  }
  EventHeader& header = response.header;
  if (header.id.is_none()) header.id = NewId();
  if (header.created == TimePoint{}) header.created = header.due = Clock::System().Now();
  header.correlation = request.header.correlation;
  header.causation = request.header.id;
  header.addressing = Addressing::kToTargets;
  const Metadata added = {{std::string(kResponseTo), *reply_to},
                          {std::string(kStatus), absl::StatusCodeToString(code)}};
  thread_local DerivedAttributes attributes;
  response.attributes = attributes.Get(response.attributes, added, reply_to);
  return ToStatus(router.Publish(response));
}

}  // namespace

// The requests that wait for their response. Whoever takes one out completes it. Outlives the requester where
// a timer or the router still holds it, and is empty then.
class Requester::Outstanding : public std::enable_shared_from_this<Outstanding> {
 public:
  Outstanding(Timers& timers, size_t most) : timers_(timers), most_(most) {}

  // Takes `done` when it answers OK.
  absl::Status Add(const EventHeader& request, TimePoint due, Done& done) {
    MutexLock lock(mutex_);
    if (closed_) return Closed();
    if (waiting_.size() >= most_) return absl::ResourceExhaustedError("too many requests are outstanding");
    // Under the lock: before it has its timer it must not be completed.
    const TimerId timer = timers_.Schedule(due, [self = shared_from_this(), id = request.id] {
      self->Fail(id, absl::DeadlineExceededError("no response before the deadline"));
    });
    waiting_.emplace(request.id, Waiting{request.correlation, timer, std::move(done)});
    return absl::OkStatus();
  }

  // Nothing where it is completed already.
  void Fail(const EventId& request, absl::Status error) {
    std::optional<Waiting> waiting;
    {
      MutexLock lock(mutex_);
      waiting = Take(waiting_.find(request));
    }
    if (waiting.has_value()) Complete(*std::move(waiting), std::move(error));
  }

  void OnResponse(const Event& response) {
    std::optional<Waiting> waiting;
    {
      MutexLock lock(mutex_);
      const auto found = waiting_.find(response.header.causation);
      if (found != waiting_.end() && found->second.correlation == response.header.correlation) {
        waiting = Take(found);
      } else {
        ++ignored_;
      }
    }
    if (waiting.has_value()) Complete(*std::move(waiting), ResultOf(response));
  }

  void Close() {
    std::vector<Waiting> cancelled;
    {
      MutexLock lock(mutex_);
      closed_ = true;
      while (!waiting_.empty()) cancelled.push_back(*Take(waiting_.begin()));
    }
    for (Waiting& waiting : cancelled) Complete(std::move(waiting), Closed());
    MutexLock lock(mutex_);
    while (completing_ > 0) completed_.Wait(mutex_);
  }

  RequesterStatistics Statistics() const {
    MutexLock lock(mutex_);
    return {.outstanding = waiting_.size(), .ignored = ignored_};
  }

 private:
  struct Waiting {
    EventId correlation;
    TimerId timer;
    Done done;
  };
  using Map = absl::flat_hash_map<EventId, Waiting>;

  static absl::Status Closed() { return absl::CancelledError("the requester is closed"); }

  std::optional<Waiting> Take(Map::iterator found) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (found == waiting_.end()) return std::nullopt;
    ++completing_;
    std::optional<Waiting> taken = std::move(found->second);
    waiting_.erase(found);
    return taken;
  }

  void Complete(Waiting waiting, absl::StatusOr<Event> result) {
    timers_.Cancel(waiting.timer);
    waiting.done(std::move(result));
    waiting.done = nullptr;  // what it owns goes before Close returns
    MutexLock lock(mutex_);
    --completing_;
    completed_.NotifyAll();
  }

  Timers& timers_;
  const size_t most_;
  mutable Mutex mutex_;
  CondVar completed_;
  Map waiting_ ABSL_GUARDED_BY(mutex_);
  size_t completing_ ABSL_GUARDED_BY(mutex_) = 0;  // taken out, and `done` has not returned
  uint64_t ignored_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

Requester::Requester(EventRouter& router, const RequesterOptions& options, const Clock& clock,
                     std::shared_ptr<Outstanding> outstanding)
    : router_(router),
      clock_(clock),
      max_depth_(options.max_depth),
      reply_service_(absl::StrCat(std::string(kReplyPrefix), ToString({RandomSeed(), RandomSeed()}))),
      outstanding_(std::move(outstanding)) {}

absl::StatusOr<std::unique_ptr<Requester>> Requester::Create(EventRouter& router, Timers& timers,
                                                             const RequesterOptions& options,
                                                             const Clock& clock) {
  auto outstanding = std::make_shared<Outstanding>(timers, options.max_outstanding);
  std::unique_ptr<Requester> requester(new Requester(router, options, clock, outstanding));
  // By its filter, events of others that are to all or to a group pass it by.
  const ServiceSpec service = {
      .id = requester->reply_service_,
      .type = "routebench.reply",
      .filters = {{.metadata = {{std::string(kResponseTo), requester->reply_service_}}}}};
  if (absl::Status status = router.Register(service); !status.ok()) return status;
  // A responder is often a handler: if it waited for room, the handler that makes room might wait for it.
  const auto subscription =
      router.Subscribe({.service = service.id,
                        .filters = service.filters,
                        .capacity = options.max_outstanding,
                        .full_policy = FullPolicy::kReject},
                       [outstanding](Delivery& delivery) {
                         outstanding->OnResponse(delivery.event());
                         return Verdict::kAck;  // also what is ignored: no breaker shall open for it
                       });
  if (!subscription.ok()) return subscription.status();
  return requester;
}

Requester::~Requester() { Close(); }

void Requester::Close() {
  outstanding_->Close();
  // NotFound the second time; a router that is gone has ended the service itself.
  router_.Deregister(reply_service_).IgnoreError();
}

std::optional<PublishResult> Requester::Send(Event event, Duration deadline, const Event* cause, Done done) {
  const auto refuse = [&done](absl::Status status) {
    done(std::move(status));
    return std::nullopt;
  };
  if (deadline <= Duration::zero())
    return refuse(absl::DeadlineExceededError("the deadline is over already"));
  const absl::StatusOr<uint32_t> depth = DepthAfter(cause);
  if (!depth.ok()) return refuse(depth.status());
  if (*depth > max_depth_) {
    return refuse(absl::FailedPreconditionError(
        absl::StrCat("a chain of more than ", max_depth_, " requests, perhaps a cycle")));
  }
  EventHeader& header = event.header;
  const TimePoint now = clock_.Now();
  const TimePoint due = After(now, deadline);
  header.id = NewId();
  if (cause != nullptr) {
    header.causation = cause->header.id;
    header.correlation = cause->header.correlation;
  }
  if (header.correlation.is_none()) header.correlation = NewId();
  if (header.created == TimePoint{}) header.created = header.due = now;
  if (header.time_to_live == Duration::zero()) header.time_to_live = due - header.created;
  thread_local DerivedAttributes attributes;
  const Metadata added = {{std::string(kReplyTo), reply_service_},
                          {std::string(kDepth), absl::StrCat(*depth)}};
  event.attributes = attributes.Get(event.attributes, added, nullptr);

  if (absl::Status status = outstanding_->Add(header, due, done); !status.ok()) return refuse(status);
  const PublishResult result = router_.Publish(event);
  if (result != PublishResult::kAccepted) outstanding_->Fail(header.id, ToStatus(result));
  return result;
}

absl::StatusOr<Event> Requester::Request(Event event, Duration deadline, const Event* cause) {
  std::promise<absl::StatusOr<Event>> promise;
  std::future<absl::StatusOr<Event>> result = promise.get_future();
  Send(std::move(event), deadline, cause,
       [promise = std::move(promise)](absl::StatusOr<Event> answer) mutable {
         promise.set_value(std::move(answer));
       });
  return result.get();
}

RequesterStatistics Requester::Statistics() const { return outstanding_->Statistics(); }

bool FromResponder(const absl::Status& error) { return error.GetPayload(kFromResponder).has_value(); }

absl::Status Respond(EventRouter& router, const Event& request, Event response) {
  return SendResponse(router, request, absl::StatusCode::kOk, std::move(response));
}

absl::Status RespondError(EventRouter& router, const Event& request, const absl::Status& error) {
  if (error.ok()) return absl::InvalidArgumentError("OK is not an error");
  Event response;
  response.header.kind = EventKind::kResponseSent;
  response.header.priority = request.header.priority;
  response.payload = Payload::Bytes(std::make_shared<std::string>(error.message()));
  return SendResponse(router, request, error.code(), std::move(response));
}

}  // namespace routebench::requests
