// Peers that break the protocol, or die: each is refused or ended with a named reason, which is counted, and
// nobody else notices.
#include <sys/socket.h>

#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/wire/attribute_table.h"
#include "daemon/wire/stage_block.h"
#include "events/codec.h"
#include "events/control.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/hosted_daemon.h"
#include "tests/daemon/raw_peer.h"
#include "tests/support/fake_time.h"
#include "tests/support/recorder.h"

namespace routebench {
namespace {

using testing::BytesOf;
using ::testing::ElementsAre;
using testing::Framed;
using testing::FramedControl;
using testing::FramedHello;
using testing::FramedPublish;
using testing::HostedDaemon;
using testing::Inbox;
using testing::kPatience;
using testing::Outcomes;
using testing::RawPeer;
using wire::ProtocolError;

class HostilePeerTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  // Starts the daemon and two well-behaved clients.
  void Start(daemon::BrokerLimits limits = {}) {
    daemon::BrokerOptions options;
    options.limits = limits;
    Start(options);
  }
  void Start(daemon::BrokerOptions options) {
    daemon_.emplace(std::move(options), GetParam());
    subscriber_ = daemon_->Connect();
    publisher_ = daemon_->Connect({.outcome_sink = outcomes_.Sink()});
    ASSERT_TRUE(subscriber_->Register({.id = "witness"}).ok());
    ASSERT_TRUE(subscriber_->Subscribe({.service = "witness"}, inbox_.Acknowledging()).ok());
  }

  Event NewEvent() {
    Event event;
    event.header.kind = EventKind::kFileModified;
    event.header.sequence = ++sequence_;
    event.header.id = {1, sequence_};
    event.payload = Payload::Bytes(std::make_shared<std::string>(100, 'x'));
    return event;
  }

  // The others still work: an event published now arrives.
  void ExpectOthersUndisturbed() {
    ASSERT_EQ(publisher_->Publish(NewEvent()), PublishResult::kAccepted);
    EXPECT_TRUE(publisher_->Drain(kPatience).ok());
    ASSERT_FALSE(inbox_.Items().empty());
    EXPECT_EQ(inbox_.Sequences().back(), sequence_);
  }

  // `peer` is ended for `error`, and told so.
  void ExpectEnded(RawPeer& peer, ProtocolError error) {
    EXPECT_EQ(peer.AwaitEnd(), std::string(Name(error)));
    EXPECT_EQ(daemon_->broker().Counters().of(error), 1u);
    ExpectOthersUndisturbed();
  }

  // Waits for the loop to notice.
  bool AwaitCount(ProtocolError error, uint64_t count) {
    const TimePoint give_up = Clock::System().Now() + kPatience;
    while (daemon_->broker().Counters().of(error) < count) {
      if (Clock::System().Now() > give_up) return false;
      std::this_thread::yield();
    }
    return true;
  }

  std::string endpoint() { return daemon_->NextEndpoint(); }

  std::optional<HostedDaemon> daemon_;
  Inbox inbox_;
  Outcomes outcomes_;
  uint64_t sequence_ = 0;
  std::unique_ptr<DaemonClient> subscriber_;
  std::unique_ptr<DaemonClient> publisher_;
};

INSTANTIATE_TEST_SUITE_P(, HostilePeerTest, ::testing::ValuesIn(testing::TransportNames()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(HostilePeerTest, WrongVersion) {
  Start();
  RawPeer peer(endpoint());
  peer.Send(FramedHello(wire::kProtocolVersion + 1));
  ExpectEnded(peer, ProtocolError::kVersion);
}

TEST_P(HostilePeerTest, WrongToken) {
  if (!testing::NeedsToken(GetParam())) GTEST_SKIP() << "the transport knows its peers";
  Start();
  const std::string right(testing::TestEndpoints::kToken);
  uint64_t count = 0;
  for (const std::string& token : {std::string(), right.substr(1), right + "x",
                                   std::string(right.size(), 'x'), std::string(1000, 'x')}) {
    RawPeer peer(endpoint());
    wire::ClientControl control;
    *control.mutable_hello() = wire::MakeHello({"another", "boot"}, "raw", false);
    control.mutable_hello()->set_token(token);
    peer.Send(FramedControl(control));
    EXPECT_EQ(peer.AwaitEnd(), "wrong_token") << token;
    EXPECT_EQ(daemon_->broker().Counters().of(ProtocolError::kWrongToken), ++count);
  }
  ExpectOthersUndisturbed();
}

TEST_P(HostilePeerTest, TooLongGreeting) {
  Start();
  RawPeer peer(endpoint());
  wire::ClientControl control;
  *control.mutable_hello() = wire::MakeHello(wire::TimeDomain::OfThisProcess(), "raw", false);
  control.mutable_hello()->set_token(std::string(wire::kMaxGreetingBytes, 'x'));
  peer.Send(FramedControl(control).substr(0, 100));
  ExpectEnded(peer, ProtocolError::kFrameTooLong);
}

TEST_P(HostilePeerTest, OtherBoot) {
  Start();
  RawPeer peer(endpoint());
  wire::ClientControl control;
  *control.mutable_hello() = wire::MakeHello({"another", "boot"}, "raw", false);
  control.mutable_hello()->set_token(std::string(testing::TestEndpoints::kToken));
  peer.Send(FramedControl(control));
  ExpectEnded(peer, ProtocolError::kOtherBoot);
}

TEST_P(HostilePeerTest, Garbage) {
  Start();
  RawPeer peer(endpoint());
  peer.Send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  ExpectEnded(peer, ProtocolError::kFrameTooLong);
}

TEST_P(HostilePeerTest, SomethingElseThanAGreeting) {
  Start();
  for (const std::string& frame : {Framed(""), Framed("abc"), FramedPublish({}, "body"),
                                   Framed(BytesOf(wire::Prefix{wire::FrameType::kControl}) + "\xff\xff")}) {
    RawPeer peer(endpoint());
    peer.Send(frame);
    EXPECT_EQ(peer.AwaitEnd(), "handshake_broken");
  }
  EXPECT_EQ(daemon_->broker().Counters().of(ProtocolError::kHandshakeBroken), 4u);
  ExpectOthersUndisturbed();
}

TEST_P(HostilePeerTest, DiesInTheHandshake) {
  Start();
  std::optional<RawPeer> peer(endpoint());
  peer->Send(FramedHello().substr(0, 10));
  peer.reset();
  // Its end is noticed before a later peer is greeted.
  RawPeer(endpoint()).Greet();
  ExpectOthersUndisturbed();
  EXPECT_EQ(daemon_->broker().Counters().of(ProtocolError::kHandshakeBroken), 1u);
}

TEST_P(HostilePeerTest, SaysNothing) {
  Start({.stall_timeout = std::chrono::milliseconds(50)});
  RawPeer peer(endpoint());
  peer.Send(FramedHello().substr(0, 10));
  ExpectEnded(peer, ProtocolError::kHandshakeTimeout);
}

TEST_P(HostilePeerTest, TooManySessions) {
  if (GetParam() == "pipe") GTEST_SKIP() << "who says nothing has not come yet";
  Start({.max_sessions = 2});
  RawPeer peer(endpoint());
  ExpectEnded(peer, ProtocolError::kTooManySessions);
}

TEST_P(HostilePeerTest, TooLongFrame) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  peer.Send("\xff\xff\xff\x7f");
  ExpectEnded(peer, ProtocolError::kFrameTooLong);
}

TEST_P(HostilePeerTest, HalfAFrameThenSilence) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  const std::string frame = FramedPublish({}, "body");
  peer.Send(frame.substr(0, frame.size() / 2));
  ExpectOthersUndisturbed();
  EXPECT_EQ(daemon_->broker().Counters().established, 3u) << "merely silent is not dead";
}

TEST_P(HostilePeerTest, DiesInTheMiddleOfAFrame) {
  Start();
  std::optional<RawPeer> peer(endpoint());
  peer->Greet();
  peer->Send(FramedPublish({}, "body").substr(0, 10));
  peer.reset();
  ExpectOthersUndisturbed();
  EXPECT_TRUE(AwaitCount(ProtocolError::kDied, 1));
}

TEST_P(HostilePeerTest, ResetsTheConnectionInTheMiddleOfAFrame) {
  if (GetParam() != "tcp") GTEST_SKIP() << "only TCP has resets";
  Start();
  std::optional<RawPeer> peer(endpoint());
  peer->Greet();
  peer->Send(FramedPublish({}, "body").substr(0, 10));
  const linger at_once = {1, 0};
  ASSERT_EQ(
      setsockopt(peer->channel().readable().descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
  peer.reset();
  ExpectOthersUndisturbed();
  EXPECT_TRUE(AwaitCount(ProtocolError::kDied, 1));
}

TEST_P(HostilePeerTest, UnknownFrame) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  peer.Send(Framed(BytesOf(wire::DeliverPrefix())));
  ExpectEnded(peer, ProtocolError::kUnknownFrame);
}

TEST_P(HostilePeerTest, MalformedFrames) {
  Start();
  uint64_t count = 0;
  for (const std::string& frame :
       {Framed("ab"), Framed(BytesOf(wire::Prefix{wire::FrameType::kPublish}) + "no event"),
        Framed(BytesOf(wire::Progress()) + "x"), FramedHello(),
        Framed(BytesOf(wire::Prefix{wire::FrameType::kControl})),
        Framed(BytesOf(wire::Prefix{wire::FrameType::kControl}) + "\xff\xff")}) {
    RawPeer peer(endpoint());
    peer.Greet();
    peer.Send(frame);
    EXPECT_EQ(peer.AwaitEnd(), "malformed") << count;
    ++count;
  }
  EXPECT_EQ(daemon_->broker().Counters().of(ProtocolError::kMalformed), count);
  ExpectOthersUndisturbed();
}

// A frame that says that it has the times of a sampled event.
std::string SampledPublish(size_t stage_bytes, std::string_view event) {
  wire::Prefix prefix{wire::FrameType::kPublish};
  prefix.flags = wire::kStages;
  return Framed(BytesOf(prefix) + std::string(stage_bytes, '\xee') + std::string(event));
}

TEST_P(HostilePeerTest, StagesThatAreCutOff) {
  Start();
  const std::string event = FramedPublish({}, "body").substr(sizeof(uint32_t) + sizeof(wire::Prefix));
  uint64_t count = 0;
  for (const std::string& frame :
       {SampledPublish(0, ""), SampledPublish(wire::kStageBlockSize - 1, ""),
        SampledPublish(wire::kStageBlockSize, ""), SampledPublish(0, event),
        SampledPublish(wire::kStageBlockSize - 1, event), SampledPublish(wire::kStageBlockSize + 1, event)}) {
    RawPeer peer(endpoint());
    peer.Greet();
    peer.Send(frame);
    EXPECT_EQ(peer.AwaitEnd(), "malformed") << count;
    ++count;
  }
  EXPECT_EQ(daemon_->broker().Counters().of(ProtocolError::kMalformed), count);
  ExpectOthersUndisturbed();
}

TEST_P(HostilePeerTest, StagesThatNobodyAgreedOn) {
  Start();
  RawPeer peer(endpoint());
  wire::ClientControl control;
  *control.mutable_hello() = wire::MakeHello(wire::TimeDomain::OfThisProcess(), "raw", false);
  control.mutable_hello()->set_features(wire::kFeatures & ~wire::kStageStamps);
  control.mutable_hello()->set_token(std::string(testing::TestEndpoints::kToken));
  peer.Send(FramedControl(control));
  EXPECT_EQ(peer.NextControl().welcome().features() & wire::kStageStamps, 0u);
  const std::string event = FramedPublish({}, "body").substr(sizeof(uint32_t) + sizeof(wire::Prefix));
  peer.Send(SampledPublish(wire::kStageBlockSize, event));
  ExpectEnded(peer, ProtocolError::kMalformed);
}

// Whatever times a peer writes, they are passed on or absent, and change nothing else.
TEST_P(HostilePeerTest, StagesOfNoClock) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  EncodedHeader header;
  header.event.kind = EventKind::kFileModified;
  header.event.sequence = 77;
  header.body_crc32c = Crc32c("body");
  const std::string event = FramedPublish(header, "body").substr(sizeof(uint32_t) + sizeof(wire::Prefix));
  peer.Send(SampledPublish(wire::kStageBlockSize, event));
  ASSERT_TRUE(inbox_.AwaitCount(1));
  EXPECT_EQ(inbox_.Items()[0].header.sequence, 77u);
  ExpectOthersUndisturbed();
}

// Who does not know them gets events without them.
TEST_P(HostilePeerTest, StagesAreKeptFromWhoDoesNotKnowThem) {
  Start();
  RawPeer peer(endpoint());
  wire::ClientControl control;
  *control.mutable_hello() = wire::MakeHello(wire::TimeDomain::OfThisProcess(), "raw", false);
  control.mutable_hello()->set_features(0);
  control.mutable_hello()->set_token(std::string(testing::TestEndpoints::kToken));
  peer.Send(FramedControl(control));
  ASSERT_TRUE(peer.NextControl().has_welcome());
  peer.Subscribe("old", 10);
  const auto sampling = daemon_->Connect({.stage_sampling = 1});
  ASSERT_EQ(sampling->Publish(NewEvent()), PublishResult::kAccepted);
  const std::string frame = peer.Next();
  wire::DeliverPrefix prefix;
  wire::EventView view;
  ASSERT_TRUE(wire::LoadFront(frame, &prefix));
  EXPECT_EQ(prefix.prefix.flags & wire::kStages, 0);
  EXPECT_TRUE(wire::ParseEvent(std::string_view(frame).substr(sizeof prefix), &view));
}

TEST_P(HostilePeerTest, TooLongControlFrame) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  wire::ClientControl control;
  for (size_t i = 0; i < wire::kMaxClientControlBytes / 2; ++i) control.mutable_add_rule()->add_targets("");
  peer.Send(FramedControl(control));
  ExpectEnded(peer, ProtocolError::kFrameTooLong);
}

// Each is answered with an error, and the connection goes on.
TEST_P(HostilePeerTest, ControlRequestsThatMeanNothing) {
  Start();
  const auto watch = publisher_->control().Watch([](const ServiceChange&) {});
  ASSERT_TRUE(watch.ok());
  RawPeer peer(endpoint());
  peer.Greet();
  const auto code = [&](const auto& fill) {
    wire::ClientControl control;
    control.set_request(5);
    fill(control);
    peer.Send(FramedControl(control));
    const wire::BrokerControl answer = peer.NextControl();
    EXPECT_EQ(answer.request(), 5u);
    return static_cast<absl::StatusCode>(answer.reply().code());
  };
  const auto invalid = absl::StatusCode::kInvalidArgument;
  const auto missing = absl::StatusCode::kNotFound;
  EXPECT_EQ(code([](auto& c) { c.mutable_register_service(); }), invalid);
  EXPECT_EQ(code([](auto& c) { c.mutable_add_rule(); }), invalid);
  EXPECT_EQ(code([](auto& c) { c.mutable_add_rule()->add_health(77); }), invalid);
  EXPECT_EQ(code([](auto& c) {
              wire::Rule* const rule = c.mutable_add_rule();
              rule->set_id("r");
              rule->add_targets("witness");
              rule->set_has_window(true);
              rule->set_window_until_nanos(INT64_MIN);
            }),
            invalid);
  EXPECT_EQ(code([](auto& c) {
              c.mutable_set_health()->set_service("witness");
              c.mutable_set_health()->set_health(kHealthCount);
            }),
            invalid);
  EXPECT_EQ(code([](auto& c) { c.mutable_list_services()->set_capability(kKindCount); }), invalid);
  EXPECT_EQ(code([](auto& c) { c.mutable_explain(); }), invalid);
  EXPECT_EQ(code([](auto& c) { c.mutable_explain()->set_header(std::string(kEncodedHeaderSize, '\xff')); }),
            invalid);
  EXPECT_EQ(code([](auto& c) { c.mutable_remove_rule(); }), missing);
  EXPECT_EQ(code([](auto& c) { c.mutable_enable_rule(); }), missing);
  EXPECT_EQ(code([](auto& c) { c.mutable_deregister()->set_id("witness"); }), missing);  // another's
  EXPECT_EQ(code([&](auto& c) { c.mutable_unwatch()->set_watch(*watch); }), missing);    // likewise
  ExpectOthersUndisturbed();
}

// A client that was told of it all is gone, with its watch.
TEST_P(HostilePeerTest, DiesWithAWatchAndServices) {
  Start();
  testing::Recorder<std::string> gone;
  ASSERT_TRUE(publisher_->control()
                  .Watch([gone](const ServiceChange& change) {
                    if (change.kind == ServiceChange::Kind::kDeregistered) gone.Add(change.state->spec.id);
                  })
                  .ok());
  {
    RawPeer peer(endpoint());
    peer.Greet();
    wire::ClientControl control;
    control.set_request(1);
    control.mutable_watch();
    peer.Send(FramedControl(control));
    EXPECT_EQ(peer.NextControl().reply().watch().present(), 1u);
    peer.Subscribe("short-lived", 10);
  }
  ASSERT_TRUE(gone.AwaitCount(1));
  EXPECT_THAT(gone.Items(), ElementsAre("short-lived"));
  ASSERT_TRUE(subscriber_->control().SetHealth("witness", Health::kHealthy).ok());
  ExpectOthersUndisturbed();
}

TEST_P(HostilePeerTest, AttributesThatWereNotDefined) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  EncodedHeader header;
  header.attributes_number = 1;
  peer.Send(FramedPublish(header, "body"));
  ExpectEnded(peer, ProtocolError::kAttributes);
}

TEST_P(HostilePeerTest, MoreAttributesThanTheLimit) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  Attributes attributes;
  attributes.source.id = "source";
  std::string encoded(EncodedSize(attributes), '\0');
  EncodeAttributes(attributes, encoded.data());
  for (uint32_t i = 1; i <= wire::kMaxSets + 1; ++i) {
    wire::DefineAttributes define;
    define.number = i;
    peer.Send(Framed(BytesOf(define) + encoded));
  }
  ExpectEnded(peer, ProtocolError::kAttributes);
}

TEST_P(HostilePeerTest, PublishesBeyondItsWindow) {
  Start({.publish_window = 1000});
  RawPeer slow(endpoint());
  slow.Greet();
  // Nobody takes an event from this one: it stays full and holds the publisher back.
  wire::ClientControl control;
  slow.Subscribe("slow", 1);
  RawPeer peer(endpoint());
  peer.Greet();
  std::string burst;
  EncodedHeader header;
  header.event.addressing = Addressing::kToAll;
  const std::string body(400, 'b');
  header.body_crc32c = Crc32c(body);
  // One read brings more than the window before any credit is given.
  for (int i = 0; i < 20; ++i) burst += FramedPublish(header, body);
  peer.Send(burst);
  ExpectEnded(peer, ProtocolError::kWindow);
}

TEST_P(HostilePeerTest, ReportsWhatItWasNotGiven) {
  Start();
  uint64_t count = 0;
  for (int kind = 0; kind < 3; ++kind) {
    RawPeer peer(endpoint());
    peer.Greet();
    const uint64_t id = peer.Subscribe("liar", 10);
    wire::Progress progress;
    progress.subscription = id;
    progress.handed = 1;
    wire::Acknowledged acknowledged;
    acknowledged.subscription = id;
    acknowledged.first = 1;
    acknowledged.count = 1;
    wire::Settled settled;
    settled.subscription = id;
    settled.delivery = 1;
    settled.outcome = static_cast<uint32_t>(Outcome::kRejected);
    peer.Send(Framed(kind == 0 ? BytesOf(progress) : kind == 1 ? BytesOf(acknowledged) : BytesOf(settled)));
    EXPECT_EQ(peer.AwaitEnd(), "progress") << kind;
    ++count;
  }
  EXPECT_EQ(daemon_->broker().Counters().of(ProtocolError::kProgress), count);
  ExpectOthersUndisturbed();
}

TEST_P(HostilePeerTest, AnswersTheSameDeliveryTwice) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  wire::Acknowledged acknowledged;
  acknowledged.subscription = peer.Subscribe("twice", 10);
  acknowledged.first = 1;
  acknowledged.count = 1;
  ASSERT_EQ(publisher_->Publish(NewEvent()), PublishResult::kAccepted);
  while (peer.Next().front() != static_cast<char>(wire::FrameType::kDeliver)) {
  }
  wire::Progress progress;
  progress.subscription = acknowledged.subscription;
  progress.handed = 1;
  peer.Send(Framed(BytesOf(progress)) + Framed(BytesOf(acknowledged)) + Framed(BytesOf(acknowledged)));
  ExpectEnded(peer, ProtocolError::kProgress);
}

TEST_P(HostilePeerTest, StopsReading) {
  constexpr uint64_t kEvents = 300;  // more than any transport holds by itself
  testing::FakeTime peer_time(Clock::System().Now());
  daemon::BrokerOptions options;
  options.peer_timers = &peer_time;
  Start(options);
  RawPeer peer(endpoint());
  peer.Greet();
  peer.Subscribe("deaf", 100'000);
  const auto large = std::make_shared<std::string>(100'000, 'y');
  for (uint64_t i = 0; i < kEvents; ++i) {
    Event event = NewEvent();
    event.payload = Payload::Bytes(large);
    ASSERT_EQ(publisher_->Publish(event), PublishResult::kAccepted);
  }
  // What has reached the witness has been routed to the peer as well.
  ASSERT_TRUE(inbox_.AwaitCount(kEvents));
  EXPECT_EQ(daemon_->broker().Counters().of(ProtocolError::kStalled), 0u);
  // A check that finds the last bytes just gone into the transport leaves it to the next.
  for (int i = 0; i < 100 && daemon_->broker().Counters().of(ProtocolError::kStalled) == 0; ++i) {
    peer_time.Advance(options.limits.stall_timeout + std::chrono::seconds(20));
  }
  ASSERT_TRUE(outcomes_.Await(Outcome::kLostWithPeer, kEvents));
  EXPECT_EQ(daemon_->broker().Counters().of(ProtocolError::kStalled), 1u);
  ExpectOthersUndisturbed();
  EXPECT_EQ(inbox_.Items().size(), kEvents + 1);
  std::vector<uint64_t> all(kEvents);
  std::iota(all.begin(), all.end(), 1);
  EXPECT_EQ(outcomes_.SequencesOf(Outcome::kLostWithPeer), all);
  const auto statistics = publisher_->Statistics();
  ASSERT_TRUE(statistics.ok());
  EXPECT_EQ(statistics->books.of(Outcome::kDelivered), kEvents + 1);
  EXPECT_EQ(statistics->books.of(Outcome::kLostWithPeer), kEvents);
  EXPECT_TRUE(statistics->books.balanced());
  EXPECT_EQ(statistics->books.in_flight, 0u);
  daemon_.reset();  // before the time that it goes by
}

TEST_P(HostilePeerTest, DiesWithEventsInHand) {
  Start();
  std::optional<RawPeer> peer(endpoint());
  peer->Greet();
  peer->Subscribe("mortal", 10);
  for (int i = 0; i < 3; ++i) ASSERT_EQ(publisher_->Publish(NewEvent()), PublishResult::kAccepted);
  for (int deliveries = 0; deliveries < 3;) {
    deliveries += peer->Next().front() == static_cast<char>(wire::FrameType::kDeliver);
  }
  peer.reset();
  ASSERT_TRUE(outcomes_.Await(Outcome::kLostWithPeer, 3));
  EXPECT_THAT(outcomes_.SequencesOf(Outcome::kLostWithPeer), ElementsAre(1, 2, 3));
  EXPECT_EQ(daemon_->broker().Counters().of(ProtocolError::kDied), 1u);
  ExpectOthersUndisturbed();
}

TEST_P(HostilePeerTest, DamagedBytesAreDroppedAsCorrupt) {
  Start();
  RawPeer peer(endpoint());
  peer.Send(FramedHello(wire::kProtocolVersion, true));
  ASSERT_TRUE(peer.NextControl().has_welcome());
  EncodedHeader header;
  header.event.sequence = 5;
  header.body_crc32c = Crc32c("body") + 1;
  peer.Send(FramedPublish(header, "body"));
  wire::EventOutcome outcome;
  ASSERT_TRUE(wire::LoadExactly(peer.Next(), &outcome));
  EXPECT_EQ(outcome.outcome, static_cast<uint32_t>(Outcome::kDroppedCorrupt));
  EXPECT_EQ(outcome.sequence, 5u);
  ExpectOthersUndisturbed();
  EXPECT_EQ(publisher_->Statistics()->books.of(Outcome::kDroppedCorrupt), 1u);
}

TEST_P(HostilePeerTest, LeavesInOrder) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  wire::ClientControl control;
  control.mutable_goodbye();
  peer.Send(FramedControl(control));
  peer.AwaitEnd();
  const daemon::BrokerCounters counters = daemon_->broker().Counters();
  EXPECT_EQ(counters.left, 1u);
  EXPECT_EQ(counters.of(ProtocolError::kDied), 0u);
  ExpectOthersUndisturbed();
}

TEST_P(HostilePeerTest, TheDaemonStops) {
  Start();
  RawPeer peer(endpoint());
  peer.Greet();
  daemon_->broker().Stop();
  EXPECT_EQ(peer.AwaitEnd(), "shutdown");
  EXPECT_EQ(subscriber_->Register({.id = "late"}).code(), absl::StatusCode::kUnavailable);
  while (publisher_->Publish(NewEvent()) == PublishResult::kAccepted) {
  }
  EXPECT_EQ(publisher_->Publish(NewEvent()), PublishResult::kClosed);
}

}  // namespace
}  // namespace routebench
