// The real eventd: its life from start to stop, and what its clients see of its death.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "daemon/client/daemon_client.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/private_directory.h"
#include "tests/daemon/test_endpoints.h"
#include "tests/integration/eventd_process.h"
#include "tests/support/gate.h"
#include "tests/support/recorder.h"

namespace routebench {
namespace {

using ::testing::ElementsAre;
using testing::EventdProcess;
using testing::Gate;
using ::testing::HasSubstr;
using testing::Inbox;
using testing::kPatience;
using testing::Outcomes;
using testing::PrivateDirectory;

class EventdTest : public ::testing::Test {
 protected:
  std::string socket() const { return (directory_.path() / "eventd.sock").string(); }
  size_t FilesLeft() const {
    return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(directory_.path()), {}));
  }
  std::unique_ptr<DaemonClient> Connect(RouterOptions router = {}) const {
    return DaemonClient::Connect({.endpoint = socket(), .name = "test", .router = std::move(router)}).value();
  }
  Event NewEvent() {
    Event event;
    event.header.kind = EventKind::kFileModified;
    event.header.sequence = ++sequence_;
    event.header.id = {1, sequence_};
    event.payload = Payload::Bytes(std::make_shared<std::string>(100, 'x'));
    return event;
  }

  PrivateDirectory directory_;
  uint64_t sequence_ = 0;
};

TEST_F(EventdTest, StartsServesAndStops) {
  EventdProcess eventd({"--listen", socket()});
  ASSERT_TRUE(eventd.AwaitReady());
  const Inbox inbox;
  {
    const auto subscriber = Connect();
    const auto publisher = Connect();
    ASSERT_TRUE(subscriber->Register({.id = "receiver"}).ok());
    ASSERT_TRUE(subscriber->Subscribe({.service = "receiver"}, inbox.Acknowledging()).ok());
    for (int i = 0; i < 3; ++i) ASSERT_EQ(publisher->Publish(NewEvent()), PublishResult::kAccepted);
    EXPECT_TRUE(publisher->Drain(kPatience).ok());
  }
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 2, 3));
  eventd.Signal(SIGTERM);
  EXPECT_EQ(eventd.AwaitExit(), 0);
  EXPECT_EQ(FilesLeft(), 0u);
  EXPECT_THAT(eventd.log(), HasSubstr("event=listening"));
  EXPECT_THAT(eventd.log(), HasSubstr("event=peer_connected session=2"));
  EXPECT_THAT(eventd.log(), HasSubstr("event=peer_gone session=2"));
  EXPECT_THAT(eventd.log(), HasSubstr("event=draining reason=SIGTERM"));
  EXPECT_THAT(eventd.log(), HasSubstr("event=stopped routed=3 in_flight=0 balanced=yes delivered=3"));
}

TEST_F(EventdTest, StopsOnInterrupt) {
  EventdProcess eventd({"--listen", socket()});
  ASSERT_TRUE(eventd.AwaitReady());
  eventd.Signal(SIGINT);
  EXPECT_EQ(eventd.AwaitExit(), 0);
  EXPECT_EQ(FilesLeft(), 0u);
}

TEST_F(EventdTest, StopsWhenItsStarterIsGone) {
  EventdProcess eventd({"--listen", socket()});
  ASSERT_TRUE(eventd.AwaitReady());
  eventd.CloseStopDescriptor();
  EXPECT_EQ(eventd.AwaitExit(), 0);
  EXPECT_THAT(eventd.log(), HasSubstr("reason=stop_fd"));
  EXPECT_EQ(FilesLeft(), 0u);
}

TEST_F(EventdTest, ASecondOneRefuses) {
  EventdProcess first({"--listen", socket()});
  ASSERT_TRUE(first.AwaitReady());
  EventdProcess second({"--listen", socket()});
  EXPECT_FALSE(second.AwaitReady());
  EXPECT_EQ(second.AwaitExit(), 1);
  EXPECT_EQ(second.log(), "eventd: a daemon is listening on " + socket() + " already\n");
  EXPECT_TRUE(Connect()->Register({.id = "still"}).ok()) << "the first is not disturbed";
}

TEST_F(EventdTest, ReplacesWhatAKilledOneLeft) {
  {
    EventdProcess killed({"--listen", socket()});
    ASSERT_TRUE(killed.AwaitReady());
    killed.Signal(SIGKILL);
    EXPECT_EQ(killed.AwaitExit(), -SIGKILL);
  }
  EXPECT_EQ(FilesLeft(), 2u) << "the socket and its lock";
  EventdProcess next({"--listen", socket()});
  EXPECT_TRUE(next.AwaitReady());
  next.Signal(SIGTERM);
  EXPECT_EQ(next.AwaitExit(), 0);
  EXPECT_EQ(FilesLeft(), 0u);
}

TEST_F(EventdTest, DrainsBeforeItStops) {
  EventdProcess eventd({"--listen", socket(), "--drain-deadline", "60"});
  ASSERT_TRUE(eventd.AwaitReady());
  const Gate gate;
  const Inbox inbox;
  const Outcomes outcomes;
  const auto subscriber = Connect();
  const auto publisher = Connect({.outcome_sink = outcomes.Sink()});
  ASSERT_TRUE(subscriber->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(subscriber->Subscribe({.service = "receiver"}, inbox.Behind(gate)).ok());
  for (int i = 0; i < 3; ++i) ASSERT_EQ(publisher->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(gate.AwaitEntered(1));
  ASSERT_TRUE(publisher->Statistics().ok()) << "all three have arrived there";
  eventd.Signal(SIGTERM);
  ASSERT_TRUE(eventd.AwaitLog("event=draining"));
  // What comes now is not admitted any more.
  while (outcomes.SequencesOf(Outcome::kDroppedClosed).empty()) {
    ASSERT_EQ(publisher->Publish(NewEvent()), PublishResult::kAccepted);
    ASSERT_TRUE(publisher->Statistics().ok());
  }
  gate.Open();
  EXPECT_EQ(eventd.AwaitExit(), 0);
  EXPECT_THAT(eventd.log(), HasSubstr("in_flight=0 balanced=yes delivered="));
  EXPECT_THAT(eventd.log(), ::testing::Not(HasSubstr("drain_incomplete")));
}

TEST_F(EventdTest, StopsAtItsDeadlineWhenAHandlerIsStuck) {
  EventdProcess eventd({"--listen", socket(), "--drain-deadline", "0.1"});
  ASSERT_TRUE(eventd.AwaitReady());
  const Gate gate;
  const Inbox inbox;
  const auto subscriber = Connect();
  const auto publisher = Connect();
  ASSERT_TRUE(subscriber->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(subscriber->Subscribe({.service = "receiver"}, inbox.Behind(gate)).ok());
  ASSERT_EQ(publisher->Publish(NewEvent()), PublishResult::kAccepted);
  ASSERT_TRUE(gate.AwaitEntered(1));
  eventd.Signal(SIGTERM);
  EXPECT_EQ(eventd.AwaitExit(), 0);
  EXPECT_THAT(eventd.log(), HasSubstr("event=drain_incomplete detail=\"1 events are in flight\""));
  EXPECT_THAT(eventd.log(), HasSubstr("routed=1 in_flight=0 balanced=yes dropped_closed=1"));
  gate.Open();
}

TEST_F(EventdTest, StopsInGoodOrderWithPeersThatKnowItsAttributes) {
  EventdProcess eventd({"--listen", socket()});
  ASSERT_TRUE(eventd.AwaitReady());
  const Inbox inbox;
  const auto subscriber = Connect();
  const auto publisher = Connect();
  ASSERT_TRUE(subscriber->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(subscriber->Subscribe({.service = "receiver"}, inbox.Acknowledging()).ok());
  Event event = NewEvent();
  event.attributes = std::make_shared<Attributes>(Attributes{.source = {.id = "a"}});
  ASSERT_EQ(publisher->Publish(event), PublishResult::kAccepted);
  ASSERT_TRUE(publisher->Drain(kPatience).ok());
  eventd.Signal(SIGTERM);
  EXPECT_EQ(eventd.AwaitExit(), 0);
}

// Of a living process. The hard limit stays: nobody but root may raise it again.
void LimitDescriptors(pid_t pid, size_t limit) {
  rlimit both;
  ASSERT_EQ(prlimit(pid, RLIMIT_NOFILE, nullptr, &both), 0);
  both.rlim_cur = std::min<rlim_t>(limit, both.rlim_max);
  ASSERT_EQ(prlimit(pid, RLIMIT_NOFILE, &both, nullptr), 0);
}
size_t DescriptorsOf(pid_t pid) {
  const auto directory = std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd");
  return static_cast<size_t>(std::distance(directory, {}));
}

// Over every transport that peers can come by as they like.
class EventdLimitTest : public EventdTest, public ::testing::WithParamInterface<std::string> {
 protected:
  EventdLimitTest() : endpoints_(GetParam()) {
    std::vector<std::string> arguments = {"--listen", endpoints_.listen().front()};
    if (!endpoints_.token_file().empty()) {
      arguments.insert(arguments.end(), {"--token-file", endpoints_.token_file()});
    }
    eventd_ = std::make_unique<EventdProcess>(arguments);
  }
  absl::StatusOr<std::unique_ptr<DaemonClient>> Try() {
    return DaemonClient::Connect(
        {.endpoint = endpoints_.Dial({eventd_->endpoints()}), .token_file = endpoints_.token_file()});
  }
  testing::TestEndpoints endpoints_;
  std::unique_ptr<EventdProcess> eventd_;
};

INSTANTIATE_TEST_SUITE_P(, EventdLimitTest, ::testing::Values("unix", "tcp", "shm"),
                         [](const auto& info) { return info.param; });

TEST_P(EventdLimitTest, WithoutDescriptorsItRefusesNewPeersAndKeepsTheOldOnes) {
  ASSERT_TRUE(eventd_->AwaitReady());
  LimitDescriptors(eventd_->pid(), DescriptorsOf(eventd_->pid()) + 24);
  std::vector<std::unique_ptr<DaemonClient>> kept;
  auto client = Try();
  for (; client.ok(); client = Try()) kept.push_back(*std::move(client));
  EXPECT_THAT(std::string(client.status().message()), HasSubstr("no_descriptors"));
  EXPECT_FALSE(Try().ok()) << "the next one is told, too";
  ASSERT_TRUE(eventd_->AwaitLog("reason=no_descriptors"));
  ASSERT_GE(kept.size(), 2u);

  const Inbox inbox;
  ASSERT_TRUE(kept[0]->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(kept[0]->Subscribe({.service = "receiver"}, inbox.Acknowledging()).ok());
  ASSERT_EQ(kept[1]->Publish(NewEvent()), PublishResult::kAccepted);
  EXPECT_TRUE(kept[1]->Drain(kPatience).ok());

  kept.pop_back();
  while (!(client = Try()).ok()) {  // until the daemon has seen that it went
  }
  eventd_->Signal(SIGTERM);
  EXPECT_EQ(eventd_->AwaitExit(), 0);
}

TEST_P(EventdLimitTest, WhereItCannotEvenAcceptPeersWaitUntilItCan) {
  ASSERT_TRUE(eventd_->AwaitReady());
  const auto first = Try();
  ASSERT_TRUE(first.ok()) << first.status();
  LimitDescriptors(eventd_->pid(), 3);  // those it has it keeps
  auto waiting = std::async(std::launch::async, [this] { return Try(); });
  ASSERT_TRUE(eventd_->AwaitLog("reason=no_descriptors"));
  EXPECT_TRUE((*first)->Statistics().ok());
  LimitDescriptors(eventd_->pid(), SIZE_MAX);
  const auto late = waiting.get();
  EXPECT_TRUE(late.ok()) << late.status();
}

TEST_F(EventdTest, ItsDeathIsSeenAtOnce) {
  EventdProcess eventd({"--listen", socket()});
  ASSERT_TRUE(eventd.AwaitReady());
  const Outcomes outcomes;
  const auto publisher = Connect({.outcome_sink = outcomes.Sink()});
  ASSERT_TRUE(publisher->Register({.id = "receiver"}).ok());
  eventd.Stop();
  for (int i = 0; i < 5; ++i) ASSERT_EQ(publisher->Publish(NewEvent()), PublishResult::kAccepted);
  const TimePoint killed = Clock::System().Now();
  eventd.Signal(SIGKILL);
  EXPECT_TRUE(outcomes.Await(Outcome::kLostWithPeer, 5));
  EXPECT_LT(Clock::System().Now() - killed, kPatience);
  EXPECT_THAT(outcomes.SequencesOf(Outcome::kLostWithPeer), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(publisher->Publish(NewEvent()), PublishResult::kClosed);
  EXPECT_EQ(publisher->Statistics().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(publisher->Register({.id = "late"}).code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(publisher->Close(kPatience).ok());
}

TEST_F(EventdTest, ListensInSeveralPlaces) {
  const std::string token_file = (directory_.path() / "token").string();
  testing::TestEndpoints::WriteToken(token_file, "0123456789abcdef\n");
  EventdProcess eventd({"--listen", socket(), "--listen", "tcp:127.0.0.1:0", "--token-file", token_file});
  ASSERT_TRUE(eventd.AwaitReady());
  ASSERT_THAT(eventd.endpoints(), ::testing::MatchesRegex("unix:" + socket() + " tcp:127.0.0.1:[1-9][0-9]*"));
  const std::string tcp = eventd.endpoints().substr(eventd.endpoints().find(' ') + 1);
  const Inbox inbox;
  const auto subscriber = Connect();
  const auto publisher = DaemonClient::Connect({.endpoint = tcp, .token_file = token_file});
  ASSERT_TRUE(publisher.ok()) << publisher.status();
  ASSERT_TRUE(subscriber->Register({.id = "receiver"}).ok());
  ASSERT_TRUE(subscriber->Subscribe({.service = "receiver"}, inbox.Acknowledging()).ok());
  ASSERT_EQ((*publisher)->Publish(NewEvent()), PublishResult::kAccepted);
  EXPECT_TRUE((*publisher)->Drain(kPatience).ok());
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1));

  const auto stranger = DaemonClient::Connect({.endpoint = tcp});
  EXPECT_EQ(stranger.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(stranger.status().message()), HasSubstr("wrong_token"));
  EXPECT_TRUE(eventd.AwaitLog("event=peer_refused session=3 pid=0 reason=wrong_token"));
  EXPECT_THAT(eventd.log(), ::testing::Not(HasSubstr("0123456789abcdef")));
}

// As an application's own daemon: over pipes that it was started with.
TEST_F(EventdTest, ServesPipesAsLongAsTheirPeersLive) {
  std::vector<int> theirs;
  std::vector<std::string> ours;
  std::vector<std::string> arguments;
  for (int peer = 0; peer < 2; ++peer) {
    std::array<int, 2> to;
    std::array<int, 2> from;
    ASSERT_EQ(pipe2(to.data(), O_CLOEXEC), 0);
    ASSERT_EQ(pipe2(from.data(), O_CLOEXEC), 0);
    const int first = EventdProcess::kInherited + 2 * peer;
    arguments.insert(arguments.end(), {"--listen", absl::StrFormat("pipe:%d,%d", first, first + 1)});
    theirs.insert(theirs.end(), {to[0], from[1]});
    ours.push_back(absl::StrFormat("pipe:%d,%d", from[0], to[1]));
  }
  EventdProcess eventd(arguments, theirs);
  for (const int end : theirs) close(end);
  ASSERT_TRUE(eventd.AwaitReady());
  const Inbox inbox;
  {
    const auto subscriber = DaemonClient::Connect({.endpoint = ours[0]});
    ASSERT_TRUE(subscriber.ok()) << subscriber.status();
    ASSERT_TRUE((*subscriber)->Register({.id = "receiver"}).ok());
    ASSERT_TRUE((*subscriber)->Subscribe({.service = "receiver"}, inbox.Acknowledging()).ok());
    const auto publisher = DaemonClient::Connect({.endpoint = ours[1]});
    ASSERT_TRUE(publisher.ok()) << publisher.status();
    for (int i = 0; i < 3; ++i) ASSERT_EQ((*publisher)->Publish(NewEvent()), PublishResult::kAccepted);
    EXPECT_TRUE((*publisher)->Drain(kPatience).ok());
  }
  EXPECT_THAT(inbox.Sequences(), ElementsAre(1, 2, 3));
  EXPECT_EQ(eventd.AwaitExit(), 0);
  EXPECT_THAT(eventd.log(), HasSubstr("event=draining reason=deserted"));
  EXPECT_THAT(eventd.log(), HasSubstr("routed=3 in_flight=0 balanced=yes delivered=3"));
}

TEST_F(EventdTest, EndsWhenNobodyEverComesToItsPipe) {
  std::array<int, 2> to;
  std::array<int, 2> from;
  ASSERT_EQ(pipe2(to.data(), O_CLOEXEC), 0);
  ASSERT_EQ(pipe2(from.data(), O_CLOEXEC), 0);
  EventdProcess eventd({"--listen", "pipe:202,203"}, {to[0], from[1]});
  for (const int end : {to[0], to[1], from[0], from[1]}) close(end);
  EXPECT_EQ(eventd.AwaitExit(), 0);
  EXPECT_THAT(eventd.log(), HasSubstr("event=draining reason=deserted"));
}

TEST_F(EventdTest, TakesNoStrangers) {
  EventdProcess without({"--listen", "tcp:127.0.0.1:0"});
  EXPECT_EQ(without.AwaitExit(), 1);
  EXPECT_EQ(without.log(), "eventd: tcp:127.0.0.1:0 cannot tell who connects: it needs a token file\n");
  EventdProcess open({"--listen", "tcp:0.0.0.0:0"});
  EXPECT_EQ(open.AwaitExit(), 1);
  EXPECT_THAT(open.log(), HasSubstr("--allow-remote"));
  EventdProcess missing({"--listen", "tcp:127.0.0.1:0", "--token-file", socket()});
  EXPECT_EQ(missing.AwaitExit(), 1);
  EXPECT_THAT(missing.log(), HasSubstr(socket()));
}

TEST_F(EventdTest, AnswersBadUsage) {
  EventdProcess unknown({"--bogus"});
  EXPECT_EQ(unknown.AwaitExit(), 64);
  EXPECT_THAT(unknown.log(), HasSubstr("--bogus"));
  EventdProcess too_long({"--listen", "/tmp/" + std::string(200, 'x')});
  EXPECT_EQ(too_long.AwaitExit(), 1);
  EXPECT_THAT(too_long.log(), HasSubstr("socket path"));
}

TEST_F(EventdTest, AClientSaysThatNobodyIsThere) {
  const auto client = DaemonClient::Connect({.endpoint = socket()});
  EXPECT_EQ(client.status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace routebench
