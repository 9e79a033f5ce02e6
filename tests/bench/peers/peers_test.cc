// Every broker that is there moves events from process to process; and what the figures amount to.
#include <signal.h>

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/bench/peers/broker.h"
#include "tests/bench/peers/comparison.h"
#include "tests/bench/peers/measure.h"
#include "tests/bench/peers/run.h"

namespace routebench::bench {
namespace {

using ::testing::DoubleNear;
using ::testing::HasSubstr;

std::string Eventd() {
  const char* const path = std::getenv("ROUTEBENCH_EVENTD");  // given by the build
  return path == nullptr ? "" : path;
}

class PeersTest : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    for (Broker& broker : AllBrokers(Eventd())) {
      if (broker.name == GetParam()) broker_ = std::move(broker);
    }
    if (!broker_.missing.empty()) GTEST_SKIP() << broker_.missing;
  }
  Broker broker_;
};

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Broker& broker : AllBrokers(Eventd())) names.push_back(broker.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(, PeersTest, ::testing::ValuesIn(Names()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), ':', '_');
  return name;
});

TEST_P(PeersTest, MovesEventsOneWayThroughASmallWindow) {
  const auto rate = MeasureOneWay(broker_, {.name = "unpinned"}, 500, 64);
  ASSERT_TRUE(rate.ok()) << rate.status();
  EXPECT_GT(*rate, 0);
}

TEST_P(PeersTest, AnswersOneAtATime) {
  const auto trip = MeasureRoundTrip(broker_, {.name = "one processor", .ends = 0, .broker = 0}, 100);
  ASSERT_TRUE(trip.ok()) << trip.status();
  EXPECT_GT(trip->p50_us, 0);
  EXPECT_GE(trip->p99_us, trip->p50_us);
}

// Loses the second event and sends the rest.
class Lossy final : public Server {
 public:
  explicit Lossy(const Broker& broker) : inner_(*broker.start()) {}
  std::unique_ptr<Party> Connect(const Role& role, OnEvent on_event) override {
    return inner_->Connect(
        role, [on_event](const Arrived& event) { return event.sequence == 2 || on_event(event); });
  }

 private:
  const std::unique_ptr<Server> inner_;
};

TEST(PeersMeasureTest, ALostEventMakesTheRunInvalid) {
  const std::vector<Broker> daemons = DaemonBrokers(Eventd());
  ASSERT_EQ(daemons.front().missing, "");
  Broker lossy = daemons.front();
  lossy.start = [&]() -> absl::StatusOr<std::unique_ptr<Server>> {
    return std::make_unique<Lossy>(daemons.front());
  };
  const auto rate = MeasureOneWay(lossy, {.name = "unpinned"}, 100, 64);
  EXPECT_EQ(std::string(rate.status().message()), "event 2 did not come, but 3");
}

TEST(PeersMeasureTest, AServerThatDoesNotStartIsNamed) {
  Broker broken{.name = "broken", .start = []() -> absl::StatusOr<std::unique_ptr<Server>> {
                  return absl::UnavailableError("no server");
                }};
  EXPECT_EQ(std::string(MeasureOneWay(broken, {}, 10, 8).status().message()), "no server");
  EXPECT_EQ(std::string(MeasureRoundTrip(broken, {}, 10).status().message()), "no server");
}

// Eight blocks in which ours is twice as fast where it is best, in another placement than the peer.
std::vector<Run> SomeRuns() {
  std::vector<Run> runs;
  for (size_t block = 1; block <= 8; ++block) {
    const double noise = 1 + 0.01 * static_cast<double>(block % 3);
    runs.push_back({block, Measure::kOneWay, "daemon:unix", "unpinned", 1000 * noise, 0, ""});
    runs.push_back({block, Measure::kOneWay, "daemon:unix", "broker apart", 2200 * noise, 0, ""});
    runs.push_back({block, Measure::kOneWay, "nats", "unpinned", 1000 * noise, 0, ""});
    runs.push_back({block, Measure::kOneWay, "nats", "broker apart", 500 * noise, 0, ""});
    runs.push_back({block, Measure::kOneWay, "redis", "unpinned", 300, 0, ""});
    runs.push_back({block, Measure::kRoundTrip, "daemon:unix", "unpinned", 60 * noise, 90, ""});
    runs.push_back({block, Measure::kRoundTrip, "redis", "unpinned", 50 * noise, 70, ""});
  }
  runs.push_back({8, Measure::kOneWay, "redis", "unpinned", 0, 0, "lost"});
  return runs;
}

std::vector<Broker> SomeBrokers() {
  return {{.name = "nats"}, {.name = "redis"}, {.name = "daemon:unix", .ours = true}};
}

TEST(PeersComparisonTest, ComparesEachAtItsBestAndJudgesTheBars) {
  const Comparison comparison = Compare(SomeBrokers(), SomeRuns());
  ASSERT_EQ(comparison.bars.size(), 2u);
  EXPECT_EQ(comparison.bars[0].peer, "nats");
  EXPECT_THAT(comparison.bars[0].ratio, DoubleNear(2.2, 1e-9));
  EXPECT_TRUE(comparison.bars[0].met);
  EXPECT_EQ(comparison.bars[1].peer, "redis");
  EXPECT_THAT(comparison.bars[1].ratio, DoubleNear(1.2, 1e-9));
  EXPECT_FALSE(comparison.bars[1].met) << "60 us are more than 1.1 times 50 us";
}

TEST(PeersComparisonTest, InvalidRunsAreNoFigures) {
  for (const Figure& figure : Compare(SomeBrokers(), SomeRuns()).figures) {
    EXPECT_EQ(figure.runs, 8u) << figure.broker;
    EXPECT_GT(figure.lowest, 0) << figure.broker;
  }
}

TEST(PeersComparisonTest, IntervalsComeFromTheBlocks) {
  for (const Ratio& ratio : Compare(SomeBrokers(), SomeRuns()).ratios) {
    EXPECT_EQ(ratio.estimate.blocks, 8u);
    EXPECT_LE(ratio.estimate.interval95.low, ratio.estimate.ratio);
    EXPECT_TRUE(std::isfinite(ratio.estimate.interval95.high));
  }
}

TEST(PeersRunTest, UnknownBrokersAndWindowsAreRefused) {
  for (const char* const wrong : {"--brokers=rabbit", "--window=12", "--measure=sideways"}) {
    const char* const argv[] = {"peers_bench", wrong};
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(RunPeers(2, argv, out, err), 64) << wrong;
    EXPECT_NE(err.str(), "");
  }
}

TEST(PeersRunTest, PrintsWhatItMeasured) {
  const std::string eventd = "--eventd=" + Eventd();
  const char* const argv[] = {"peers_bench",           "--blocks=1", "--events=200", "--trips=20", "--quiet",
                              "--brokers=daemon:unix", "--json",     eventd.c_str()};
  std::ostringstream out;
  std::ostringstream err;
  EXPECT_EQ(RunPeers(8, argv, out, err), 0) << err.str();
  EXPECT_THAT(out.str(), HasSubstr("\"schema\": \"routebench.peers.v1\""));
  EXPECT_THAT(out.str(), HasSubstr("events_per_s"));
  EXPECT_THAT(out.str(), HasSubstr("p50_us"));
}

}  // namespace
}  // namespace routebench::bench
