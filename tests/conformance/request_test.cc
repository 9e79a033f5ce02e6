// R20: request and response, with the requester at publisher() and the responder at subscriber().
#include "events/requests/requests.h"

#include "tests/conformance/conformance_test.h"

namespace routebench::conformance {
namespace {

using requests::Requester;
using requests::RequesterOptions;
using requests::Respond;
using requests::RespondError;
using testing::Recorder;
using Results = Recorder<absl::StatusOr<Event>>;

class RequestTest : public ConformanceTest {
 protected:
  Requester& requester() {
    if (requester_ == nullptr) requester_ = MakeRequester(publisher());
    return *requester_;
  }
  std::unique_ptr<Requester> MakeRequester(EventRouter& router) {
    auto made = Requester::Create(router, time(), requester_options, time());
    EXPECT_TRUE(made.ok()) << made.status();
    return made.ok() ? *std::move(made) : nullptr;
  }
  void DestroyRequester() { requester_.reset(); }

  // The next event, addressed to `service`.
  Event NewRequest(const std::string& service) {
    Event event = NewEvent(EventKind::kRequestReceived);
    Attributes attributes = *event.attributes;
    attributes.targets = {service};
    attributes.metadata = {{"tenant", "acme"}};
    event.attributes = std::make_shared<Attributes>(std::move(attributes));
    event.header.addressing = Addressing::kToTargets;
    return event;
  }

  static Event ResponseSaying(std::string text) {
    Event response;
    response.header.kind = EventKind::kToolResponse;
    response.payload = Payload::Bytes(std::make_shared<std::string>(std::move(text)));
    return response;
  }

  // Answers with "re: " and the body.
  Handler Responding() {
    return [this](Delivery& delivery) {
      const Event response = ResponseSaying("re: " + std::string(delivery.event().payload.bytes()));
      EXPECT_TRUE(Respond(subscriber(), delivery.event(), response).ok());
      return Verdict::kAck;
    };
  }

  static Requester::Done Into(const Results& results) {
    return [results](absl::StatusOr<Event> result) { results.Add(std::move(result)); };
  }

  // Sends it, and waits for what becomes of it without moving the time.
  absl::StatusOr<Event> Ask(Event event, const Event* cause = nullptr) {
    const Results& results = asked_.emplace_back();
    requester().Send(std::move(event), kSecond, cause, Into(results));
    if (!results.AwaitCount(1)) return absl::UnknownError("nothing became of the request");
    return results.Items()[0];
  }

  // Everything accepted so far has its outcome, also the responses.
  void MustDrainBoth() {
    MustDrain();
    EXPECT_TRUE(subscriber().Drain(testing::kPatience).ok());
  }

  static std::string Entry(const Event& event, std::string_view key) {
    for (const auto& [name, value] : AttributesOf(event).metadata) {
      if (name == key) return value;
    }
    return "";
  }

  RequesterOptions requester_options;

 private:
  // Until the end, so that they go in the test's thread: ThreadSanitizer does not see how Debian's
  // absl::Status counts its references.
  std::vector<Results> asked_;
  std::unique_ptr<Requester> requester_;
};

TEST_F(RequestTest, R20_TheResponseComesWithItsIds) {
  Inbox inbox;
  AddReceiver({.service = "adder"}, [this, inbox](Delivery& delivery) {
    inbox.Add(delivery.event());
    return Responding()(delivery);
  });
  const Event event = NewRequest("adder");
  const absl::StatusOr<Event> response = Ask(event);
  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_TRUE(inbox.AwaitCount(1));
  const Event request = inbox.Items()[0];
  EXPECT_FALSE(request.header.id.is_none());
  EXPECT_FALSE(request.header.correlation.is_none());
  EXPECT_TRUE(request.header.causation.is_none());
  EXPECT_EQ(request.header.sequence, event.header.sequence);
  EXPECT_EQ(request.header.time_to_live, kSecond);
  EXPECT_EQ(request.payload.bytes(), "event 1");
  EXPECT_EQ(Entry(request, "tenant"), "acme");
  EXPECT_EQ(Entry(request, requests::kDepth), "1");
  EXPECT_EQ(Entry(request, requests::kReplyTo), requester().reply_service());

  EXPECT_EQ(response->header.kind, EventKind::kToolResponse);
  EXPECT_EQ(response->payload.bytes(), "re: event 1");
  EXPECT_EQ(response->header.correlation, request.header.correlation);
  EXPECT_EQ(response->header.causation, request.header.id);
  EXPECT_FALSE(response->header.id.is_none());
  MustDrainBoth();
  EXPECT_EQ(requester().Statistics().outstanding, 0u);
  EXPECT_EQ(requester().Statistics().ignored, 0u);
}

TEST_F(RequestTest, R20_RequestWaitsForTheResponse) {
  AddReceiver({.service = "adder"}, Responding());
  Results results;
  Requester& asking = requester();
  std::thread thread([&] { results.Add(asking.Request(NewRequest("adder"), kSecond)); });
  EXPECT_TRUE(results.AwaitCount(1));
  asking.Close();  // ends it in any case
  thread.join();
  ASSERT_TRUE(results.Items()[0].ok()) << results.Items()[0].status();
  EXPECT_EQ(results.Items()[0]->payload.bytes(), "re: event 1");
}

TEST_F(RequestTest, R20_TheRespondersErrorComesBack) {
  AddReceiver({.service = "adder"}, [this](Delivery& delivery) {
    EXPECT_EQ(RespondError(subscriber(), delivery.event(), absl::OkStatus()).code(),
              absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(RespondError(subscriber(), delivery.event(), absl::DataLossError("half of it is gone")).ok());
    return Verdict::kAck;
  });
  const absl::Status error = Ask(NewRequest("adder")).status();
  EXPECT_EQ(error.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(error.message(), "half of it is gone");
  EXPECT_TRUE(requests::FromResponder(error));
}

TEST_F(RequestTest, R20_WithoutResponseTheDeadlineEndsItAndALateOneIsIgnored) {
  Inbox inbox;
  AddReceiver({.service = "adder"}, inbox.Acknowledging());
  Results results;
  requester().Send(NewRequest("adder"), 5 * kSecond, nullptr, Into(results));
  ASSERT_TRUE(inbox.AwaitCount(1));
  time().Advance(4 * kSecond);
  EXPECT_TRUE(results.Items().empty());
  EXPECT_EQ(requester().Statistics().outstanding, 1u);
  time().Advance(kSecond);
  ASSERT_EQ(results.Items().size(), 1u);
  EXPECT_EQ(results.Items()[0].status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_FALSE(requests::FromResponder(results.Items()[0].status()));
  EXPECT_EQ(requester().Statistics().outstanding, 0u);

  EXPECT_TRUE(Respond(subscriber(), inbox.Items()[0], ResponseSaying("late")).ok());
  MustDrainBoth();
  EXPECT_EQ(requester().Statistics().ignored, 1u);
  EXPECT_EQ(results.Items().size(), 1u);
}

TEST_F(RequestTest, R20_ARequestWithoutReceiverEndsAtItsDeadline) {
  Results results;
  requester().Send(NewRequest("nobody"), kSecond, nullptr, Into(results));
  MustDrainBoth();
  EXPECT_TRUE(results.Items().empty());
  time().Advance(kSecond);
  ASSERT_EQ(results.Items().size(), 1u);
  EXPECT_EQ(results.Items()[0].status().code(), absl::StatusCode::kDeadlineExceeded);
  requester().Send(NewRequest("nobody"), Duration::zero(), nullptr, Into(results));
  ASSERT_EQ(results.Items().size(), 2u);
  EXPECT_EQ(results.Items()[1].status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RequestTest, R20_ResponsesInReverseOrderFindTheirRequests) {
  Inbox inbox;
  AddReceiver({.service = "adder"}, inbox.Acknowledging());
  Results first;
  Results second;
  requester().Send(NewRequest("adder"), kSecond, nullptr, Into(first));
  requester().Send(NewRequest("adder"), kSecond, nullptr, Into(second));
  ASSERT_TRUE(inbox.AwaitCount(2));
  EXPECT_TRUE(Respond(subscriber(), inbox.Items()[1], ResponseSaying("second")).ok());
  ASSERT_TRUE(second.AwaitCount(1));
  EXPECT_TRUE(first.Items().empty());
  EXPECT_TRUE(Respond(subscriber(), inbox.Items()[0], ResponseSaying("first")).ok());
  ASSERT_TRUE(first.AwaitCount(1));
  ASSERT_TRUE(first.Items()[0].ok() && second.Items()[0].ok());
  EXPECT_EQ(first.Items()[0]->payload.bytes(), "first");
  EXPECT_EQ(second.Items()[0]->payload.bytes(), "second");
}

TEST_F(RequestTest, R20_OfSeveralResponsesTheFirstWins) {
  for (const char* id : {"left", "right"}) {
    MustRegister({.id = id});
    MustSubscribe({.service = id, .filters = {{.kinds = KindSet().With(EventKind::kRequestReceived)}}},
                  Responding());
  }
  Event event = NewEvent(EventKind::kRequestReceived);
  EXPECT_TRUE(Ask(event).ok());
  MustDrainBoth();
  EXPECT_EQ(requester().Statistics().ignored, 1u);

  event.header.addressing = Addressing::kToGroup;
  EXPECT_TRUE(Ask(event).ok());
  MustDrainBoth();
  EXPECT_EQ(requester().Statistics().ignored, 1u);
}

TEST_F(RequestTest, R20_OnlyAResponseWithBothIdsCounts) {
  Inbox inbox;
  AddReceiver({.service = "adder"}, inbox.Acknowledging());
  Results results;
  requester().Send(NewRequest("adder"), kSecond, nullptr, Into(results));
  ASSERT_TRUE(inbox.AwaitCount(1));
  const Event request = inbox.Items()[0];
  Event of_another_request = request;
  ++of_another_request.header.id.low;
  Event of_another_conversation = request;
  ++of_another_conversation.header.correlation.high;
  EXPECT_TRUE(Respond(subscriber(), of_another_request, ResponseSaying("")).ok());
  EXPECT_TRUE(Respond(subscriber(), of_another_conversation, ResponseSaying("")).ok());
  MustDrainBoth();
  EXPECT_EQ(requester().Statistics().ignored, 2u);
  EXPECT_TRUE(results.Items().empty());
  EXPECT_TRUE(Respond(subscriber(), request, ResponseSaying("")).ok());
  EXPECT_TRUE(results.AwaitCount(1));
}

TEST_F(RequestTest, R20_ARequestersServiceGetsNothingButResponses) {
  const std::string reply_service = requester().reply_service();
  for (const Addressing addressing : {Addressing::kToAll, Addressing::kToTargets, Addressing::kToGroup}) {
    Event event = NewRequest(reply_service);
    event.header.kind = EventKind::kResponseSent;
    event.header.addressing = addressing;
    EXPECT_EQ(publisher().Publish(event), PublishResult::kAccepted);
  }
  MustDrainBoth();
  EXPECT_EQ(RouterBooks().of(Outcome::kUnrouted), 3u);
}

TEST_F(RequestTest, R20_ARequestFromAHandlerContinuesTheConversation) {
  std::unique_ptr<Requester> inner = MakeRequester(subscriber());
  Inbox outer_inbox;
  Inbox inner_inbox;
  AddReceiver({.service = "storage"}, [&, inner_inbox](Delivery& delivery) {
    inner_inbox.Add(delivery.event());
    return Responding()(delivery);
  });
  AddReceiver({.service = "adder"}, [&, outer_inbox](Delivery& delivery) {
    outer_inbox.Add(delivery.event());
    const absl::StatusOr<Event> answer = inner->Request(NewRequest("storage"), kSecond, &delivery.event());
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (!answer.ok()) return Verdict::kReject;
    EXPECT_TRUE(Respond(subscriber(), delivery.event(), ResponseSaying("outer")).ok());
    return Verdict::kAck;
  });
  const absl::StatusOr<Event> response = Ask(NewRequest("adder"));
  inner->Close();
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->payload.bytes(), "outer");
  const EventHeader outer = outer_inbox.Items()[0].header;
  const EventHeader nested = inner_inbox.Items()[0].header;
  EXPECT_EQ(nested.causation, outer.id);
  EXPECT_EQ(nested.correlation, outer.correlation);
  EXPECT_NE(nested.id, outer.id);
  EXPECT_EQ(Entry(inner_inbox.Items()[0], requests::kDepth), "2");
  MustDrainBoth();
}

TEST_F(RequestTest, R20_ACauseWithoutConversationBeginsOne) {
  Inbox inbox;
  AddReceiver({.service = "adder"}, [this, inbox](Delivery& delivery) {
    inbox.Add(delivery.event());
    return Responding()(delivery);
  });
  const Event cause = NewEvent();
  ASSERT_TRUE(Ask(NewRequest("adder"), &cause).ok());
  EXPECT_EQ(inbox.Items()[0].header.causation, cause.header.id);
  EXPECT_FALSE(inbox.Items()[0].header.correlation.is_none());
}

// A service that asks itself: the request that would be one too many fails, and the error travels back.
TEST_F(RequestTest, R20_ACyclicChainEndsAtItsLimit) {
  requester_options.max_depth = 3;
  const std::unique_ptr<Requester> inner = MakeRequester(subscriber());
  Inbox inbox;
  AddReceiver({.service = "echo"}, [&, inbox](Delivery& delivery) {
    inbox.Add(delivery.event());
    inner->Send(NewRequest("echo"), kSecond, &delivery.event(),
                [this, request = delivery.event()](absl::StatusOr<Event> answer) {
                  EXPECT_TRUE(RespondError(subscriber(), request, answer.status()).ok());
                });
    return Verdict::kAck;
  });
  const absl::Status error = Ask(NewRequest("echo")).status();
  EXPECT_EQ(error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(requests::FromResponder(error));
  EXPECT_EQ(inbox.Items().size(), 3u);

  Event strange = NewEvent();
  strange.attributes =
      std::make_shared<Attributes>(Attributes{.metadata = {{std::string(requests::kDepth), "-1"}}});
  EXPECT_EQ(Ask(NewRequest("echo"), &strange).status().code(), absl::StatusCode::kInvalidArgument);
  MustDrainBoth();
}

TEST_F(RequestTest, R20_OnlyARequestCanBeAnswered) {
  EXPECT_EQ(Respond(subscriber(), NewEvent(), ResponseSaying("")).code(), absl::StatusCode::kInvalidArgument);
  Event request = NewEvent();
  const auto set_reply_to = [&](std::string id) {
    request.attributes = std::make_shared<Attributes>(
        Attributes{.metadata = {{std::string(requests::kReplyTo), std::move(id)}}});
  };
  set_reply_to("archive");  // somebody's service, but no requester
  EXPECT_EQ(Respond(subscriber(), request, ResponseSaying("")).code(), absl::StatusCode::kInvalidArgument);
  set_reply_to("reply:gone");
  EXPECT_TRUE(Respond(subscriber(), request, ResponseSaying("")).ok());
  MustDrainBoth();
  EXPECT_EQ(RouterBooks().of(Outcome::kUnrouted), 1u);
}

TEST_F(RequestTest, R20_TooManyOutstandingAreRefused) {
  requester_options.max_outstanding = 0;
  EXPECT_EQ(Requester::Create(publisher(), time(), requester_options).status().code(),
            absl::StatusCode::kInvalidArgument);
  requester_options.max_outstanding = 2;
  Inbox inbox;
  AddReceiver({.service = "adder"}, inbox.Acknowledging());
  Results waiting;
  requester().Send(NewRequest("adder"), kSecond, nullptr, Into(waiting));
  requester().Send(NewRequest("adder"), kSecond, nullptr, Into(waiting));
  EXPECT_EQ(Ask(NewRequest("adder")).status().code(), absl::StatusCode::kResourceExhausted);
  ASSERT_TRUE(inbox.AwaitCount(2));
  EXPECT_TRUE(Respond(subscriber(), inbox.Items()[0], ResponseSaying("")).ok());
  ASSERT_TRUE(waiting.AwaitCount(1));
  requester().Send(NewRequest("adder"), kSecond, nullptr, Into(waiting));
  EXPECT_TRUE(inbox.AwaitCount(3));
}

TEST_F(RequestTest, R20_WhatPublishRefusesFailsAtOnce) {
  Event invalid = NewEvent(EventKind::kCustom);
  invalid.attributes = nullptr;
  EXPECT_EQ(Ask(invalid).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(requester().Statistics().outstanding, 0u);
  EXPECT_TRUE(publisher().Close(Duration::zero()).ok());
  EXPECT_EQ(Ask(NewRequest("adder")).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(requester().Statistics().outstanding, 0u);
}

TEST_F(RequestTest, R20_CloseCancelsWhatIsOutstanding) {
  Inbox inbox;
  AddReceiver({.service = "adder"}, inbox.Acknowledging());
  Results results;
  requester().Send(NewRequest("adder"), kSecond, nullptr, Into(results));
  ASSERT_TRUE(inbox.AwaitCount(1));
  requester().Close();
  ASSERT_EQ(results.Items().size(), 1u);
  EXPECT_EQ(results.Items()[0].status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(Ask(NewRequest("adder")).status().code(), absl::StatusCode::kCancelled);
  requester().Close();

  EXPECT_TRUE(Respond(subscriber(), inbox.Items()[0], ResponseSaying("")).ok());
  MustDrainBoth();
  EXPECT_EQ(RouterBooks().of(Outcome::kUnrouted), 1u);  // its service is gone
  DestroyRequester();
  time().Advance(2 * kSecond);
  EXPECT_EQ(results.Items().size(), 1u);
}

TEST_F(RequestTest, R20_CloseWaitsForACompletionThatRuns) {
  Gate gate;
  std::atomic<bool> completed{false};
  Results cancelled;
  requester().Send(NewRequest("nobody"), kSecond, nullptr, [&, gate](const absl::StatusOr<Event>&) {
    gate.Pass();
    completed.store(true);
  });
  requester().Send(NewRequest("nobody"), 2 * kSecond, nullptr, Into(cancelled));
  std::thread advancing([&] { time().Advance(kSecond); });
  EXPECT_TRUE(gate.AwaitEntered(1));
  std::thread closing([&] {
    requester().Close();
    EXPECT_TRUE(completed.load());
  });
  EXPECT_TRUE(cancelled.AwaitCount(1));
  gate.Open();
  advancing.join();
  closing.join();
}

TEST_F(RequestTest, R20_EachRequestCompletesOnceWhileTheRequesterCloses) {
  constexpr int kThreads = 3;
  constexpr size_t kRequests = 50;
  AddReceiver({.service = "adder"}, Responding());
  Results results;
  Requester& asking = requester();
  const Event event = NewRequest("adder");
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (size_t k = 0; k < kRequests; ++k) asking.Send(event, kSecond, nullptr, Into(results));
    });
  }
  EXPECT_TRUE(results.AwaitCount(kRequests));
  asking.Close();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(results.Items().size(), kThreads * kRequests);
  MustDrainBoth();
  EXPECT_EQ(results.Items().size(), kThreads * kRequests);
}

}  // namespace
}  // namespace routebench::conformance
