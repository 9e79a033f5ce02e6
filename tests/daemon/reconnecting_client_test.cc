// A client whose daemon stops and starts again, in this process.
#include "daemon/client/reconnecting_client.h"

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/server/broker.h"
#include "events/control.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/private_directory.h"
#include "tests/daemon/test_endpoints.h"
#include "tests/support/gate.h"
#include "tests/support/recorder.h"

namespace routebench {
namespace {

using ::testing::ElementsAre;
using testing::Gate;
using testing::Inbox;
using testing::kPatience;
using testing::Outcomes;
using testing::Recorder;

struct Released {
  uint64_t sequence;
  bool by_all;
  friend bool operator==(const Released&, const Released&) = default;
};

template <typename Condition>
[[nodiscard]] bool Eventually(const Condition& condition) {
  const TimePoint give_up = Clock::System().Now() + kPatience;
  while (!condition()) {
    if (Clock::System().Now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

class ReconnectingClientTest : public ::testing::Test {
 protected:
  ReconnectingClientTest() { StartDaemon(); }

  void StartDaemon() { StartDaemon({.listen = {socket()}}); }
  // Returns where it listens.
  std::string StartDaemon(daemon::BrokerOptions options) {
    options.state_directory = path("state");
    broker_ = daemon::Broker::Start(std::move(options)).value();
    return broker_->endpoints().front();
  }
  void StopDaemon() { broker_.reset(); }
  std::string socket() const { return path("eventd.sock"); }

  ReconnectingClientOptions Options() const {
    ReconnectingClientOptions options;
    options.client.endpoint = socket();
    options.client.name = "test";
    options.client.router.outcome_sink = outcomes_.Sink();
    options.release_sink = [released = released_](const Event& event, bool by_all) {
      released.Add({event.header.sequence, by_all});
    };
    return options;
  }
  static std::unique_ptr<ReconnectingClient> Connect(ReconnectingClientOptions options) {
    return ReconnectingClient::Connect(std::move(options)).value();
  }
  std::unique_ptr<ReconnectingClient> Connect() const { return Connect(Options()); }
  static bool Connected(ReconnectingClient& client, uint64_t times) {
    return Eventually([&] { return client.statistics().connections >= times; });
  }

  Event NewEvent() {
    Event event;
    event.header.kind = EventKind::kFileModified;
    event.header.sequence = ++sequence_;
    event.header.id = {1, sequence_};
    event.payload = Payload::Bytes(std::make_shared<std::string>("body"));
    return event;
  }
  static SubscriptionSpec Named(const std::string& name) {
    return {.service = "receiver", .guarantee = Guarantee::kAtLeastOnce, .name = name};
  }

  const Outcomes outcomes_;
  const Recorder<Released> released_;

 private:
  std::string path(const char* name) const { return (directory_.path() / name).string(); }

  testing::PrivateDirectory directory_;
  std::unique_ptr<daemon::Broker> broker_;
  uint64_t sequence_ = 0;
};

TEST_F(ReconnectingClientTest, TheFirstConnectionMustSucceed) {
  StopDaemon();
  EXPECT_EQ(ReconnectingClient::Connect(Options()).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ReconnectingClientTest, ComesBackOverTcp) {
  StopDaemon();
  testing::TestEndpoints endpoints("tcp");
  daemon::BrokerOptions options;
  options.listen = endpoints.listen();
  options.token_file = endpoints.token_file();
  options.listen = {StartDaemon(options)};  // where the next one listens, too
  ReconnectingClientOptions client_options = Options();
  client_options.client.endpoint = options.listen.front();
  client_options.client.token_file = options.token_file;
  const auto client = Connect(client_options);
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(released_.AwaitCount(1));
  StopDaemon();
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  StartDaemon(options);
  ASSERT_TRUE(Connected(*client, 2));
  ASSERT_TRUE(released_.AwaitCount(2));
}

TEST_F(ReconnectingClientTest, RefusesWhereItCannotComeBack) {
  ReconnectingClientOptions options = Options();
  options.client.endpoint = "pipe:3,4";
  const auto client = ReconnectingClient::Connect(options);
  EXPECT_EQ(client.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(client.status().message()), "a client cannot come back to pipe:3,4");
}

TEST_F(ReconnectingClientTest, RefusesWhatItCannotRecognise) {
  const auto client = Connect();
  Event event = NewEvent();
  event.header.id = {};
  EXPECT_EQ(client->Publish(event), PublishResult::kInvalid);
}

TEST_F(ReconnectingClientTest, ReleasesAtOnceWhatNobodyMustAcknowledge) {
  const auto client = Connect();
  const Gate gate;
  const Inbox inbox;
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(client->Subscribe({.service = "receiver"}, inbox.Behind(gate)).ok());
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  EXPECT_TRUE(released_.AwaitCount(1)) << "its handler has not answered";
  gate.Open();
}

TEST_F(ReconnectingClientTest, KeepsUntilEveryNameHasAnswered) {
  const auto client = Connect();
  const Gate gate;
  const Inbox first;
  const Inbox second;
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(client->Subscribe(Named("first"), first.Acknowledging()).ok());
  ASSERT_TRUE(client->Subscribe(Named("second"), second.Behind(gate)).ok());
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(first.AwaitCount(1));
  ASSERT_TRUE(gate.AwaitEntered(1));
  ASSERT_TRUE(client->Statistics().ok()) << "what the first has answered has arrived there";
  EXPECT_EQ(client->statistics().kept, 1u);
  gate.Open();
  EXPECT_TRUE(client->Drain(kPatience).ok());
  EXPECT_THAT(released_.Items(), ElementsAre(Released{1, true}));
}

TEST_F(ReconnectingClientTest, SaysWhatWasNotAcknowledgedByAll) {
  const auto client = Connect();
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(client->Subscribe(Named("name"), [](Delivery&) { return Verdict::kReject; }).ok());
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  EXPECT_TRUE(client->Drain(kPatience).ok());
  EXPECT_THAT(released_.Items(), ElementsAre(Released{1, false}));
  EXPECT_TRUE(outcomes_.Await(Outcome::kRejected, 1));
}

TEST_F(ReconnectingClientTest, PublishesWhileTheDaemonIsAway) {
  const auto client = Connect();
  const Inbox inbox;
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(client->Subscribe(Named("name"), inbox.Acknowledging()).ok());
  StopDaemon();
  ASSERT_TRUE(Eventually([&] { return absl::IsUnavailable(client->Statistics().status()); }));
  EXPECT_EQ(client->Register({.id = "late"}).code(), absl::StatusCode::kUnavailable);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  EXPECT_EQ(client->Drain(Duration::zero()).code(), absl::StatusCode::kDeadlineExceeded);
  StartDaemon();
  EXPECT_TRUE(client->Drain(kPatience).ok());
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 2, 3));
  EXPECT_TRUE(outcomes_.Items().empty());
}

TEST_F(ReconnectingClientTest, KeepsNoMoreThanItMay) {
  ReconnectingClientOptions options = Options();
  options.keep.events = 2;
  options.client.router.publish_timeout = Duration::zero();
  const auto client = Connect(std::move(options));
  StopDaemon();
  ASSERT_TRUE(Eventually([&] { return absl::IsUnavailable(client->Statistics().status()); }));
  EXPECT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  EXPECT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  EXPECT_EQ(client->Publish(NewEvent()), PublishResult::kWouldBlock);
  StartDaemon();
  ASSERT_TRUE(client->Drain(kPatience).ok());
  EXPECT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
}

TEST_F(ReconnectingClientTest, SubscriptionsComeBackUnderTheirNumbers) {
  const auto client = Connect();
  const Inbox inbox;
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  const auto plain = client->Subscribe({.service = "receiver"}, inbox.Acknowledging());
  const auto named = client->Subscribe(Named("name"), inbox.Acknowledging());
  ASSERT_TRUE(plain.ok() && named.ok());
  StopDaemon();
  StartDaemon();
  ASSERT_TRUE(Connected(*client, 2));
  const auto statistics = client->Statistics();
  ASSERT_TRUE(statistics.ok()) << statistics.status();
  ASSERT_EQ(statistics->subscriptions.size(), 2u);
  EXPECT_EQ(statistics->subscriptions[0].id, *plain);
  EXPECT_EQ(statistics->subscriptions[1].id, *named);
  const auto later = client->Subscribe({.service = "receiver"}, inbox.Acknowledging());
  ASSERT_TRUE(later.ok());
  EXPECT_GT(*later, *named);
  EXPECT_TRUE(client->Unsubscribe(*plain).ok());
}

TEST_F(ReconnectingClientTest, CountsBytesOverAllConnections) {
  const auto client = Connect();
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(client->Drain(kPatience).ok());
  const WireBytes first = client->statistics().wire;
  EXPECT_GT(first.sent, 0u);
  EXPECT_GT(first.received, 0u);
  StopDaemon();
  StartDaemon();
  ASSERT_TRUE(Connected(*client, 2));
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(client->Drain(kPatience).ok());
  const WireBytes both = client->statistics().wire;
  EXPECT_GT(both.sent, first.sent);
  EXPECT_GT(both.received, first.received);
}

TEST_F(ReconnectingClientTest, ADeferredAnswerOutlivesItsConnection) {
  const auto client = Connect();
  const Recorder<Acknowledger> deferred;
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(client
                  ->Subscribe(Named("name"),
                              [deferred](Delivery& delivery) {
                                deferred.Add(delivery.Defer());
                                return Verdict::kDeferred;
                              })
                  .ok());
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(deferred.AwaitCount(1));
  StopDaemon();
  StartDaemon();
  ASSERT_TRUE(Eventually([&] { return client->statistics().redeliveries == 1; }));
  EXPECT_EQ(client->statistics().kept, 1u);
  EXPECT_TRUE(deferred.Items().front().Acknowledge());
  EXPECT_TRUE(client->Drain(kPatience).ok());
  EXPECT_THAT(released_.Items(), ElementsAre(Released{1, true}));
  EXPECT_EQ(deferred.Items().size(), 1u);
}

TEST_F(ReconnectingClientTest, AStuckHandlerHoldsUpItsOwnSubscriptionAlone) {
  const auto client = Connect();
  const Gate gate;
  const Inbox stuck;
  const Inbox free;
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(client->Subscribe(Named("stuck"), stuck.Behind(gate)).ok());
  ASSERT_TRUE(client->Subscribe(Named("free"), free.Acknowledging()).ok());
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(gate.AwaitEntered(1));
  ASSERT_TRUE(free.AwaitCount(1));
  StopDaemon();
  StartDaemon();
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  EXPECT_TRUE(free.AwaitCount(2));
  EXPECT_EQ(gate.entered(), 1u);
  gate.Open();
  EXPECT_TRUE(client->Drain(kPatience).ok());
  EXPECT_THAT(stuck.Sequences(), ElementsAre(1, 2));
  EXPECT_THAT(free.Sequences(), ElementsAre(1, 2));
}

TEST_F(ReconnectingClientTest, AnAtMostOnceSubscriptionGetsNothingTwice) {
  const auto client = Connect();
  const Gate gate;
  const Inbox named;
  const Inbox plain;
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(client->Subscribe(Named("name"), named.Behind(gate)).ok());
  ASSERT_TRUE(client->Subscribe({.service = "receiver"}, plain.Acknowledging()).ok());
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(plain.AwaitCount(1));
  ASSERT_TRUE(gate.AwaitEntered(1));
  StopDaemon();
  StartDaemon();
  gate.Open();
  ASSERT_TRUE(client->Drain(kPatience).ok());
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(client->Drain(kPatience).ok());
  EXPECT_EQ(client->statistics().resent, 1u);
  EXPECT_THAT(plain.Sequences(), ElementsAre(1, 2));
  EXPECT_THAT(named.Sequences(), ElementsAre(1, 2));
}

TEST_F(ReconnectingClientTest, GivesUpAfterAWhile) {
  ReconnectingClientOptions options = Options();
  options.reconnect_for = Duration::zero();
  const auto client = Connect(std::move(options));
  const Gate gate;
  const Inbox inbox;
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(client->Subscribe(Named("name"), inbox.Behind(gate)).ok());
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(gate.AwaitEntered(1));
  StopDaemon();
  EXPECT_TRUE(outcomes_.Await(Outcome::kLostWithPeer, 1));
  EXPECT_EQ(client->Publish(NewEvent()), PublishResult::kClosed);
  gate.Open();
  EXPECT_TRUE(client->Close(kPatience).ok());
}

TEST_F(ReconnectingClientTest, ClosesWhileTheDaemonIsAway) {
  const auto client = Connect();
  StopDaemon();
  ASSERT_TRUE(Eventually([&] { return absl::IsUnavailable(client->Statistics().status()); }));
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  EXPECT_TRUE(client->Close(Duration::zero()).ok());
  EXPECT_THAT(outcomes_.SequencesOf(Outcome::kDroppedClosed), ElementsAre(1));
  EXPECT_EQ(client->Publish(NewEvent()), PublishResult::kClosed);
}

TEST_F(ReconnectingClientTest, UnsubscribesFromInsideTheHandler) {
  const auto client = Connect();
  const Recorder<absl::Status> statuses;
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  SubscriptionId id = 0;
  const Gate subscribed;
  const auto subscription = client->Subscribe(Named("name"), [&](Delivery&) {
    subscribed.Pass();
    statuses.Add(client->Unsubscribe(id));
    return Verdict::kAck;
  });
  ASSERT_TRUE(subscription.ok());
  id = *subscription;
  subscribed.Open();
  ASSERT_EQ(client->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(statuses.AwaitCount(1));
  EXPECT_TRUE(statuses.Items().front().ok());
  EXPECT_TRUE(client->Drain(kPatience).ok());
}

TEST_F(ReconnectingClientTest, TellsAWatchThatItIsLost) {
  const auto client = Connect();
  const Recorder<ServiceChange> changes;
  const auto watch = client->control().Watch([changes](const ServiceChange& change) { changes.Add(change); });
  ASSERT_TRUE(watch.ok());
  StopDaemon();
  ASSERT_TRUE(changes.AwaitCount(1));
  EXPECT_EQ(changes.Items().front().kind, ServiceChange::Kind::kLost);
  StartDaemon();
  ASSERT_TRUE(Connected(*client, 2));
  ASSERT_TRUE(client->control().Watch([](const ServiceChange&) {}).ok());
  EXPECT_TRUE(client->control().Unwatch(*watch).ok());
  EXPECT_EQ(client->control().Unwatch(*watch).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(changes.Items().size(), 1u);
}

}  // namespace
}  // namespace routebench
