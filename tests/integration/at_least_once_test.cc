// R18 against the real eventd, which dies wherever it may.
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/kill_run.h"
#include "tests/support/patience.h"

namespace routebench {
namespace {

using testing::EventdProcess;
using ::testing::HasSubstr;
using testing::KillRun;
using testing::kPatience;

// Exactly once into the handler, and the publisher knows it.
KillRun::Books AllOnce(uint64_t events) { return {.accepted = events, .released = events}; }

// Until the client has reconnected.
template <typename Call>
absl::Status Retried(const Call& call) {
  const TimePoint give_up = Clock::System().Now() + kPatience;
  absl::Status status = call();
  while (absl::IsUnavailable(status) && Clock::System().Now() < give_up) {
    std::this_thread::yield();
    status = call();
  }
  return status;
}

class CrashPointTest : public ::testing::TestWithParam<std::string> {};

TEST_P(CrashPointTest, LosesNothingAndHandsNothingTwice) {
  constexpr uint64_t kEvents = 20'000;
  KillRun run(kEvents);
  ASSERT_TRUE(run.StartEventd(GetParam()));
  ASSERT_TRUE(run.Connect().ok());
  ASSERT_TRUE(run.Subscribe().ok());
  run.StartPublisher(kEvents);
  EXPECT_EQ(run.eventd().AwaitExit(), -SIGKILL);
  ASSERT_TRUE(run.StartEventd());
  run.JoinPublisher();
  const absl::Status drained = run.Drain();
  EXPECT_TRUE(drained.ok()) << drained;
  EXPECT_EQ(run.books(), AllOnce(kEvents)) << run.books();
  EXPECT_EQ(run.publisher().statistics().connections, 2u);
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, CrashPointTest,
                         ::testing::Values("publish_received:6", "publish_received:9", "publish_routed:6",
                                           "publish_routed:9", "credited:1", "credited:4", "delivered:1",
                                           "delivered:4", "answer_received:1", "answer_received:9",
                                           "answer_taken:1", "answer_taken:9", "publisher_acknowledged:1",
                                           "publisher_acknowledged:4"),
                         [](const auto& info) {
                           std::string name = info.param;
                           name.replace(name.find(':'), 1, "_");
                           return name;
                         });

class SubscribeCrashPointTest : public ::testing::TestWithParam<std::string> {};

TEST_P(SubscribeCrashPointTest, TheNameIsThereOrNot) {
  KillRun run(100);
  ASSERT_TRUE(run.StartEventd(GetParam()));
  ASSERT_TRUE(run.Connect().ok());
  EXPECT_TRUE(absl::IsUnavailable(run.Subscribe()));
  EXPECT_EQ(run.eventd().AwaitExit(), -SIGKILL);
  ASSERT_TRUE(run.StartEventd());
  const absl::Status subscribed = Retried([&] { return run.Subscribe(); });
  ASSERT_TRUE(subscribed.ok()) << subscribed;
  run.StartPublisher(100);
  run.JoinPublisher();
  EXPECT_TRUE(run.Drain().ok());
  EXPECT_EQ(run.books(), AllOnce(100)) << run.books();
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, SubscribeCrashPointTest,
                         ::testing::Values("store_created", "store_written", "store_synced", "store_renamed",
                                           "subscribed"),
                         [](const auto& info) { return info.param; });

TEST(AtLeastOnceTest, SurvivesKillsAtRandomMoments) {
  constexpr uint64_t kEvents = 1'000'000;
  constexpr int kKills = 20;
  const auto seed = std::random_device()();
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  KillRun run(kEvents);
  ASSERT_TRUE(run.StartEventd());
  ASSERT_TRUE(run.Connect().ok());
  ASSERT_TRUE(run.Subscribe().ok());
  run.StartPublisher(kEvents, 20'000);
  for (int i = 0; i < kKills; ++i) {
    ASSERT_TRUE(run.AwaitHandled(run.handled() + 1 + random() % 500));
    run.KillEventd();
    ASSERT_TRUE(run.StartEventd());
  }
  run.StopPublisher();
  run.JoinPublisher();
  const absl::Status drained = run.Drain();
  EXPECT_TRUE(drained.ok()) << drained;
  const KillRun::Books books = run.books();
  EXPECT_GT(books.accepted, 0u);
  EXPECT_EQ(books, AllOnce(books.accepted)) << books;
}

TEST(AtLeastOnceTest, SurvivesAStopInOrder) {
  KillRun run(1000);
  ASSERT_TRUE(run.StartEventd());
  ASSERT_TRUE(run.Connect().ok());
  ASSERT_TRUE(run.Subscribe().ok());
  run.StartPublisher(1000, 20'000);
  ASSERT_TRUE(run.AwaitHandled(100));
  run.eventd().Signal(SIGTERM);
  EXPECT_EQ(run.eventd().AwaitExit(), 0);
  ASSERT_TRUE(run.StartEventd());
  run.JoinPublisher();
  const absl::Status drained = run.Drain();
  EXPECT_TRUE(drained.ok()) << drained;
  EXPECT_EQ(run.books(), AllOnce(1000)) << run.books();
}

TEST(AtLeastOnceTest, HoldsForANameThatHasNotComeBack) {
  KillRun run(300);
  ASSERT_TRUE(run.StartEventd());
  ASSERT_TRUE(run.Connect().ok());
  ASSERT_TRUE(run.Subscribe().ok());
  run.StartPublisher(100);
  run.JoinPublisher();
  ASSERT_TRUE(run.AwaitHandled(100));
  ASSERT_TRUE(run.publisher().Drain(kPatience).ok());
  run.DropSubscriber();
  run.StartPublisher(100);
  run.JoinPublisher();
  run.KillEventd();
  ASSERT_TRUE(run.StartEventd());
  run.StartPublisher(100);
  run.JoinPublisher();
  EXPECT_EQ(run.publisher().Drain(Duration::zero()).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(run.publisher().statistics().kept, 200u) << "nobody has acknowledged them";
  EXPECT_EQ(run.handled(), 100u);
  ASSERT_TRUE(run.Connect().ok());
  ASSERT_TRUE(Retried([&] { return run.Subscribe(); }).ok());
  const absl::Status drained = run.Drain();
  EXPECT_TRUE(drained.ok()) << drained;
  EXPECT_EQ(run.books(), AllOnce(300)) << run.books();
}

TEST(AtLeastOnceTest, RefusesAForeignStateFile) {
  const testing::PrivateDirectory directory;
  const std::string state = (directory.path() / "state").string();
  const std::vector<std::string> arguments = {"--listen", (directory.path() / "eventd.sock").string(),
                                              "--state", state};
  {
    EventdProcess first(arguments);
    ASSERT_TRUE(first.AwaitReady());
    EventdProcess second({"--listen", (directory.path() / "other.sock").string(), "--state", state});
    EXPECT_FALSE(second.AwaitReady());
    EXPECT_EQ(second.AwaitExit(), 1);
    EXPECT_THAT(second.log(), HasSubstr("uses the state directory " + state + " already"));
  }
  std::ofstream(state + "/names") << "not ours";
  EventdProcess eventd(arguments);
  EXPECT_FALSE(eventd.AwaitReady());
  EXPECT_EQ(eventd.AwaitExit(), 1);
  EXPECT_EQ(eventd.log(), "eventd: " + state +
                              "/names: not a file of names; move it away to start without the names of "
                              "at-least-once subscriptions\n");
  std::ifstream untouched(state + "/names");
  std::string text;
  std::getline(untouched, text);
  EXPECT_EQ(text, "not ours");
}

TEST(AtLeastOnceTest, WithoutAStateDirectoryThereAreNoNames) {
  const testing::PrivateDirectory directory;
  const std::string socket = (directory.path() / "eventd.sock").string();
  EventdProcess eventd({"--listen", socket});
  ASSERT_TRUE(eventd.AwaitReady());
  const auto client = DaemonClient::Connect({.endpoint = socket}).value();
  ASSERT_TRUE(client->Register({.id = "receiver"}).ok());
  const auto subscription =
      client->Subscribe({.service = "receiver", .guarantee = Guarantee::kAtLeastOnce, .name = "name"},
                        [](Delivery&) { return Verdict::kAck; });
  EXPECT_EQ(subscription.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(AtLeastOnceTest, RefusesAnUnknownCrashPoint) {
  setenv("ROUTEBENCH_CRASH_POINT", "bogus", 1);
  EventdProcess eventd({});
  unsetenv("ROUTEBENCH_CRASH_POINT");
  EXPECT_EQ(eventd.AwaitExit(), 64);
}

}  // namespace
}  // namespace routebench
