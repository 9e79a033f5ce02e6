// Request and response over any EventRouter (R20): a request is an event that says where its response goes, a
// response is an event to that service. No backend knows of either.
//
//   auto requester = Requester::Create(router, timers);               // who asks
//   if (!requester.ok()) return requester.status();
//   absl::StatusOr<Event> response = (*requester)->Request(event, std::chrono::seconds(1));
//
//   [&](Delivery& delivery) {                                         // who is asked
//     const absl::Status sent = Respond(router, delivery.event(), Answer(delivery.event()));
//     return sent.ok() ? Verdict::kAck : Verdict::kReject;
//   }
//
// Promises. Responses go at most once, and so may requests: what is lost on the way, refused or unrouted ends
// at the deadline, not earlier. A responder whose handler is tried again may be asked more than once.
#ifndef ROUTEBENCH_EVENTS_REQUESTS_REQUESTS_H_
#define ROUTEBENCH_EVENTS_REQUESTS_REQUESTS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "events/clock.h"
#include "events/event.h"
#include "events/router.h"

namespace routebench::requests {

// Keys of metadata. Those that begin with kReserved belong to this room: it removes what a caller has put
// there.
inline constexpr std::string_view kReserved = "routebench.";
// Of a request: the service that gets the response. Its id begins with kReplyPrefix.
inline constexpr std::string_view kReplyTo = "routebench.reply-to";
inline constexpr std::string_view kReplyPrefix = "reply:";
// Of a request: its place in a chain of requests, each on behalf of the one before; from 1, decimal.
inline constexpr std::string_view kDepth = "routebench.depth";
// Of a response: the service that gets it, once more, so that a filter can demand it.
inline constexpr std::string_view kResponseTo = "routebench.response-to";
// Of a response: the name of an absl::StatusCode. Unless it is OK, the body is the error's message.
inline constexpr std::string_view kStatus = "routebench.status";

struct RequesterOptions {
  size_t max_outstanding = 1024;  // >= 1
  uint32_t max_depth = 16;        // requests in one chain
};

struct RequesterStatistics {
  size_t outstanding = 0;
  // Responses that no request waited for: late, further ones to one request, or with ids that do not match.
  uint64_t ignored = 0;
};

// Asks through one router. Registers a service of an id that cannot be guessed, of the type
// "routebench.reply", which receives nothing but responses. Thread-safe; a request may be made from a
// handler.
class Requester {
 public:
  // Called exactly once: on a thread of the router, on one of the timers, or inside Send or Close. Never
  // under a lock, but one that does not return holds up other responses. It does not throw, and does not call
  // Request or Close of the same requester; Send it may.
  using Done = absl::AnyInvocable<void(absl::StatusOr<Event>)>;

  // All three outlive the requester. Errors: those of EventRouter::Register and Subscribe.
  static absl::StatusOr<std::unique_ptr<Requester>> Create(EventRouter& router, Timers& timers,
                                                           const RequesterOptions& options = {},
                                                           const Clock& clock = Clock::System());
  ~Requester();  // closes
  Requester(const Requester&) = delete;
  Requester& operator=(const Requester&) = delete;

  // Publishes `event` as it is addressed; of several responses the first wins. May block as Publish does.
  // Sets its id, where it has no time to live the deadline as that, where it has no time of creation the
  // present; with a `cause` the causation, and the correlation of the cause; a new correlation where there is
  // none then. `cause` need not live longer than the call. The deadline runs from the call. Answers what
  // Publish answered, for who keeps books; nothing where it was not called.
  //
  // `done` gets the response, what the responder said by RespondError (FromResponder is true then), or
  //   DeadlineExceeded    no response in time. Also when the event had no receiver: a requester is not told
  //   ResourceExhausted   too many outstanding, or Publish would block
  //   InvalidArgument     Publish found it invalid or too large, or the cause's depth is no number
  //   FailedPrecondition  the chain of requests has become longer than max_depth, perhaps it is a cycle. A
  //                       chain is followed from each request to those that name it as their cause
  //   Unavailable         the router is closed
  //   Cancelled           Close
  std::optional<PublishResult> Send(Event event, Duration deadline, const Event* cause, Done done);

  // The same, and waits for it. From a handler this blocks a thread of the router until the response is
  // there: as many at once as there are handler threads, and the response finds none to arrive on.
  absl::StatusOr<Event> Request(Event event, Duration deadline, const Event* cause = nullptr);

  // What is outstanding, and what is sent from now on, ends as Cancelled; its `done` have returned when this
  // returns, and none is called later. Deregisters the service. Idempotent.
  void Close();

  RequesterStatistics Statistics() const;
  const std::string& reply_service() const { return reply_service_; }

 private:
  class Outstanding;
  Requester(EventRouter& router, const RequesterOptions& options, const Clock& clock,
            std::shared_ptr<Outstanding> outstanding);

  EventRouter& router_;
  const Clock& clock_;
  const uint32_t max_depth_;
  const std::string reply_service_;
  const std::shared_ptr<Outstanding> outstanding_;
};

// Whether a request's error is what its responder answered.
bool FromResponder(const absl::Status& error);

// Sends `response`, of any kind, to whoever sent `request`: to-targets, with the request's correlation, its
// id as causation, an id and a time of creation where it has none. OK: it is accepted; whether somebody waits
// for it is not known here. May be called from any thread, also after the handler has returned.
// InvalidArgument: not a request; other errors as of Send. Never waits for the requester: where it does not
// keep up, responses are dropped.
absl::Status Respond(EventRouter& router, const Event& request, Event response);
// The same with an error's code and message. InvalidArgument also for OK.
absl::Status RespondError(EventRouter& router, const Event& request, const absl::Status& error);

}  // namespace routebench::requests

#endif  // ROUTEBENCH_EVENTS_REQUESTS_REQUESTS_H_
