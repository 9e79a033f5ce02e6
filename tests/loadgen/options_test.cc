#include "loadgen/options.h"

#include <algorithm>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "events/wait.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

absl::StatusOr<record::RunPlan> PlanOf(std::vector<std::string> arguments) {
  CLI::App app;
  RunOptions options;
  AddRunFlags(app, options);
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes a vector from its back
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  return MakePlan(options);
}

TEST(OptionsTest, DefaultsMakeARun) {
  const record::RunPlan plan = PlanOf({}).value();
  EXPECT_EQ(plan.backend(), "coordinator");
  EXPECT_EQ(plan.pattern(), "steady");
  EXPECT_EQ(plan.loop(), "open");
  EXPECT_EQ(plan.wait_policy(), "block");
  EXPECT_GT(plan.rate_per_s(), 0);
  EXPECT_GT(plan.duration_ns(), 0u);
  EXPECT_GT(plan.services_size(), 0);
  double percent = 0;
  for (const record::ShareOfKind& share : plan.mix()) percent += share.percent();
  EXPECT_DOUBLE_EQ(percent, 100);
}

TEST(OptionsTest, DaemonMeansUnixSockets) {
  EXPECT_EQ(PlanOf({"--backend", "daemon"})->backend(), "daemon:unix");
}

TEST(OptionsTest, WaitsAsItIsTold) {
  EXPECT_EQ(PlanOf({"--wait", "adaptive"})->wait_policy(), "adaptive");
  EXPECT_FALSE(PlanOf({"--wait", "busy"}).ok());
}

TEST(OptionsTest, NoMoreThreadsSpinThanThereAreProcessors) {
  const std::string processors = std::to_string(AvailableProcessors());
  const auto crowded = PlanOf({"--wait", "spin", "--pacer", "spin", "--publishers", processors});
  EXPECT_THAT(std::string(crowded.status().message()), HasSubstr("would spin"));
  EXPECT_TRUE(PlanOf({"--wait", "spin"}).ok()) << "one";
  EXPECT_EQ(PlanOf({"--wait", "spin", "--backend", "daemon"}).ok(), AvailableProcessors() >= 3);
}

TEST(OptionsTest, EveryFlagHasItsPlaceInThePlan) {
  const record::RunPlan plan = PlanOf({"--backend",
                                       "daemon",
                                       "--rate",
                                       "2k/s",
                                       "--duration",
                                       "1500ms",
                                       "--warmup",
                                       "250ms",
                                       "--mix",
                                       "filesystem=60,database=40",
                                       "--services",
                                       "7",
                                       "--publishers",
                                       "3",
                                       "--seed",
                                       "99",
                                       "--arrivals",
                                       "poisson",
                                       "--policy",
                                       "drop-oldest",
                                       "--capacity",
                                       "128",
                                       "--block-deadline",
                                       "2s",
                                       "--order",
                                       "priority",
                                       "--payload",
                                       "512B..4KiB",
                                       "--pacer",
                                       "spin",
                                       "--endpoint",
                                       "/run/e.sock",
                                       "--same-process",
                                       "--handler-threads",
                                       "5"})
                                   .value();
  EXPECT_EQ(plan.rate_per_s(), 2'000);
  EXPECT_EQ(plan.duration_ns(), 1'500'000'000u);
  EXPECT_EQ(plan.warmup_ns(), 250'000'000u);
  EXPECT_EQ(plan.mix_size(), 2);
  EXPECT_EQ(plan.services_size(), 7);
  EXPECT_EQ(plan.publishers(), 3u);
  EXPECT_EQ(plan.seed(), 99u);
  EXPECT_EQ(plan.arrivals(), "poisson");
  EXPECT_EQ(plan.subscription().full_policy(), "drop-oldest");
  EXPECT_EQ(plan.subscription().capacity(), 128u);
  EXPECT_EQ(plan.subscription().block_deadline_ns(), 2'000'000'000u);
  EXPECT_EQ(plan.subscription().order(), "priority");
  EXPECT_EQ(plan.payload_min_bytes(), 512u);
  EXPECT_EQ(plan.payload_max_bytes(), 4'096u);
  EXPECT_EQ(plan.pacer(), "spin");
  EXPECT_EQ(plan.endpoint(), "/run/e.sock");
  EXPECT_TRUE(plan.same_process());
  EXPECT_EQ(plan.handler_threads(), 5u);
}

TEST(OptionsTest, ShapeFlagsReachTheShape) {
  const record::Shape burst =
      PlanOf({"--pattern", "burst", "--burst-size", "50", "--burst-every", "100ms", "--burst-factor", "8"})
          ->shape();
  EXPECT_EQ(burst.burst_size(), 50u);
  EXPECT_EQ(burst.burst_every_ns(), 100'000'000u);
  EXPECT_EQ(burst.burst_factor(), 8);
  EXPECT_FALSE(burst.has_ramp_from());
  const record::Shape ramp = PlanOf({"--pattern", "ramp", "--ramp-from", "0.5", "--ramp-to", "1.5"})->shape();
  EXPECT_EQ(ramp.ramp_from(), 0.5);
  EXPECT_EQ(ramp.ramp_to(), 1.5);
  const record::Shape spike = PlanOf({"--pattern", "spike", "--spike-factor", "9", "--spike-at", "1s",
                                      "--spike-for", "200ms", "--spike-every", "500ms"})
                                  ->shape();
  EXPECT_EQ(spike.spike_factor(), 9);
  EXPECT_EQ(spike.spike_at_ns(), 1'000'000'000u);
  EXPECT_EQ(spike.spike_for_ns(), 200'000'000u);
  EXPECT_EQ(spike.spike_every_ns(), 500'000'000u);
  EXPECT_TRUE(PlanOf({"--pattern", "mixed", "--burst-size", "50", "--ramp-to", "2"}).ok());
}

TEST(OptionsTest, LevelsSetEventsServicesAndPayload) {
  const struct {
    const char* level;
    double events;
    int services;
    uint64_t payload;
    uint32_t rules;
  } levels[] = {{"light", 100, 3, 512, 2},
                {"medium", 1'000, 10, 1'024, 5},
                {"heavy", 10'000, 50, 4'096, 20},
                {"stress", 100'000, 100, 8'192, 50}};
  for (const auto& it : levels) {
    const record::RunPlan plan = PlanOf({"--level", it.level}).value();
    EXPECT_NEAR(plan.rate_per_s() * static_cast<double>(plan.duration_ns()) / 1e9, it.events, 0.5)
        << it.level;
    EXPECT_EQ(plan.services_size(), it.services) << it.level;
    EXPECT_EQ(plan.payload_max_bytes(), it.payload) << it.level;
    EXPECT_EQ(plan.rules(), it.rules) << it.level;
  }
}

TEST(OptionsTest, FlagsOverrideTheLevel) {
  const record::RunPlan plan = PlanOf({"--level", "stress", "--services", "2", "--payload", "600B", "--rate",
                                       "1k/s", "--duration", "2s"})
                                   .value();
  EXPECT_EQ(plan.services_size(), 2);
  EXPECT_EQ(plan.payload_min_bytes(), 600u);
  EXPECT_EQ(plan.rate_per_s(), 1'000);
  EXPECT_EQ(plan.duration_ns(), 2'000'000'000u);
}

TEST(OptionsTest, RulesAreOfTheLevelTheFlagOrNone) {
  EXPECT_EQ(PlanOf({})->rules(), 0u);
  EXPECT_EQ(PlanOf({"--rules", "7"})->rules(), 7u);
  EXPECT_EQ(PlanOf({"--rules", "7", "--level", "heavy"})->rules(), 7u);
  EXPECT_EQ(PlanOf({"--level", "heavy", "--addressing", "to-targets"})->rules(), 0u);
}

TEST(OptionsTest, PlainEventsGoToAllOneWayAtMostOnce) {
  const record::RunPlan plan = PlanOf({}).value();
  EXPECT_EQ(plan.addressing(), "to-all");
  EXPECT_EQ(plan.delivery(), "at-most-once");
  EXPECT_EQ(plan.exchange(), "one-way");
  EXPECT_EQ(plan.balancer(), "");
  EXPECT_EQ(plan.targets(), 0u);
  EXPECT_EQ(plan.max_concurrent(), 0u);
  EXPECT_EQ(plan.subscription().concurrency(), 1u);
  EXPECT_EQ(plan.subscription().attempts(), 0u);
}

TEST(OptionsTest, ReceivingFlagsHaveTheirPlaceInThePlan) {
  const record::RunPlan plan = PlanOf({"--addressing",
                                       "to-group",
                                       "--balancer",
                                       "weighted-random",
                                       "--weights",
                                       "1,2,4.5",
                                       "--concurrency",
                                       "3",
                                       "--delivery",
                                       "at-least-once",
                                       "--exchange",
                                       "request",
                                       "--request-timeout",
                                       "250ms",
                                       "--handler-time",
                                       "20us",
                                       "--handler-work",
                                       "sleep",
                                       "--handler-failures",
                                       "1%",
                                       "--retry",
                                       "4",
                                       "--retry-backoff",
                                       "3ms",
                                       "--breaker",
                                       "strict",
                                       "--delivery-timeout",
                                       "50ms",
                                       "--expire-after",
                                       "100ms"})
                                   .value();
  EXPECT_EQ(plan.addressing(), "to-group");
  EXPECT_EQ(plan.balancer(), "weighted-random");
  EXPECT_THAT(plan.weights(), ::testing::ElementsAre(1, 2, 4.5));
  EXPECT_EQ(plan.max_concurrent(), 3u);
  EXPECT_EQ(plan.subscription().concurrency(), 3u);
  EXPECT_EQ(plan.delivery(), "at-least-once");
  EXPECT_EQ(plan.exchange(), "request");
  EXPECT_EQ(plan.request_timeout_ns(), 250'000'000u);
  EXPECT_EQ(plan.handler().time_ns(), 20'000u);
  EXPECT_EQ(plan.handler().work(), "sleep");
  EXPECT_DOUBLE_EQ(plan.handler().failures(), 0.01);
  EXPECT_EQ(plan.subscription().attempts(), 4u);
  EXPECT_EQ(plan.subscription().retry_backoff_ns(), 3'000'000u);
  EXPECT_EQ(plan.breaker(), "strict");
  EXPECT_EQ(plan.subscription().delivery_timeout_ns(), 50'000'000u);
  EXPECT_EQ(plan.expire_after_ns(), 100'000'000u);
}

TEST(OptionsTest, ReceivingFlagsHaveDefaultsWhereTheyBelong) {
  EXPECT_EQ(PlanOf({"--addressing", "to-targets"})->targets(), 1u);
  EXPECT_EQ(PlanOf({"--addressing", "to-targets", "--targets", "3"})->targets(), 3u);
  EXPECT_EQ(PlanOf({"--addressing", "to-group"})->balancer(), "round-robin");
  EXPECT_EQ(PlanOf({"--handler-time", "1us"})->handler().work(), "busy");
  EXPECT_EQ(PlanOf({"--retry", "2"})->subscription().retry_backoff_ns(), 1'000'000u);
  EXPECT_EQ(PlanOf({"--exchange", "request"})->request_timeout_ns(), 1'000'000'000u);
}

TEST(OptionsTest, ARunningDaemonBalancesAsItDoes) {
  EXPECT_EQ(PlanOf({"--backend", "daemon", "--endpoint", "/run/e", "--addressing", "to-group"})->balancer(),
            "");
}

TEST(OptionsTest, EachClientIsAPublisher) {
  const record::RunPlan plan =
      PlanOf({"--backend", "daemon", "--clients", "100", "--load-processes", "4"}).value();
  EXPECT_EQ(plan.clients(), 100u);
  EXPECT_EQ(plan.publishers(), 100u);
  EXPECT_EQ(plan.load_processes(), 4u);
  EXPECT_EQ(PlanOf({"--backend", "daemon", "--clients", "1"})->load_processes(), 1u);
}

TEST(OptionsTest, OutstandingMakesALabelledClosedLoop) {
  const record::RunPlan plan = PlanOf({"--outstanding", "4"}).value();
  EXPECT_EQ(plan.loop(), "closed");
  EXPECT_EQ(plan.outstanding(), 4u);
}

// Each wrong command line, the flag that its sentence must name, and a part of what would be right.
struct Wrong {
  std::vector<std::string> arguments;
  const char* flag;
  const char* right;
  friend void PrintTo(const Wrong& wrong, std::ostream* out) {
    for (const std::string& argument : wrong.arguments) *out << argument << ' ';
  }
};
class OptionsErrorTest : public ::testing::TestWithParam<Wrong> {};

TEST_P(OptionsErrorTest, NamesTheFlagAndWhatWouldBeRight) {
  const absl::StatusOr<record::RunPlan> plan = PlanOf(GetParam().arguments);
  // Whether a shape fits into the run is known once its intensity is made.
  const absl::Status status = plan.ok() ? MakeSchedule(*plan).status() : plan.status();
  ASSERT_FALSE(status.ok());
  const std::string sentence(status.message());
  EXPECT_THAT(sentence, AllOf(HasSubstr(GetParam().flag), HasSubstr(GetParam().right)));
  EXPECT_EQ(sentence.find('\n'), std::string::npos) << sentence;
}

INSTANTIATE_TEST_SUITE_P(
    , OptionsErrorTest,
    ::testing::Values(
        Wrong{{"--nonsense"}, "--nonsense", ""}, Wrong{{"--backend", "deamon"}, "--backend", "daemon"},
        Wrong{{"--pattern", "wave"}, "--pattern", "steady"},
        Wrong{{"--level", "huge"}, "--level", "light, medium, heavy"},
        Wrong{{"--rate", "50000"}, "--rate", "50k/s"}, Wrong{{"--rate", "50q/s"}, "--rate", "50k/s"},
        Wrong{{"--rate", "0/s"}, "--rate", "above 0"}, Wrong{{"--rate", "-5/s"}, "--rate", "50k/s"},
        Wrong{{"--rate", "5000M/s"}, "--rate", "1000M/s"}, Wrong{{"--duration", "3"}, "--duration", "30s"},
        Wrong{{"--duration", "0s"}, "--duration", "above 0"},
        Wrong{{"--duration", "9999h"}, "--duration", "a day"},
        Wrong{{"--warmup", "1 fortnight"}, "--warmup", "50ms"},
        Wrong{{"--events", "0"}, "--events", "at least 1"},
        Wrong{{"--events", "10", "--duration", "1s"}, "--events", "--duration"},
        Wrong{{"--payload", "512"}, "--payload", "512B"}, Wrong{{"--payload", "512KB"}, "--payload", "4KiB"},
        Wrong{{"--payload", "4KiB..512B"}, "--payload", "512B..4KiB"},
        Wrong{{"--payload", "1000MiB"}, "--payload", "at most"},
        Wrong{{"--mix", "filesystem=60,database=30"}, "--mix", "100"},
        Wrong{{"--mix", "filesystem=60,filesystem=40"}, "--mix", "filesystem"},
        Wrong{{"--mix", "files=100"}, "--mix", "filesystem"},
        Wrong{{"--mix", "filesystem"}, "--mix", "filesystem=60"},
        Wrong{{"--services", "0"}, "--services", "1 to"},
        Wrong{{"--services", "4097"}, "--services", "1 to 4096"},
        Wrong{{"--services", "4096", "--exchange", "request"}, "--services", "1 to 4095"},
        Wrong{{"--services", "x"}, "--services", ""}, Wrong{{"--publishers", "0"}, "--publishers", "1 to"},
        Wrong{{"--arrivals", "random"}, "--arrivals", "poisson"},
        Wrong{{"--pacer", "nap"}, "--pacer", "sleep"}, Wrong{{"--policy", "drop"}, "--policy", "drop-oldest"},
        Wrong{{"--capacity", "0"}, "--capacity", "1 to"},
        Wrong{{"--block-deadline", "soon"}, "--block-deadline", "30s"},
        Wrong{{"--order", "lifo"}, "--order", "priority"},
        Wrong{{"--handler-threads", "0"}, "--handler-threads", "1 to"},
        Wrong{{"--burst-size", "5"}, "--burst-size", "--pattern burst"},
        Wrong{{"--burst-every", "5s", "--pattern", "spike"}, "--burst-every", "--pattern burst"},
        Wrong{{"--burst-factor", "5", "--pattern", "ramp"}, "--burst-factor", "--pattern burst"},
        Wrong{{"--ramp-from", "1", "--pattern", "spike"}, "--ramp-from", "--pattern ramp"},
        Wrong{{"--ramp-to", "1"}, "--ramp-to", "--pattern ramp"},
        Wrong{{"--spike-factor", "5"}, "--spike-factor", "--pattern spike"},
        Wrong{{"--spike-at", "1s", "--pattern", "burst"}, "--spike-at", "--pattern spike"},
        Wrong{{"--spike-for", "1s"}, "--spike-for", "--pattern spike"},
        Wrong{{"--spike-every", "1s"}, "--spike-every", "--pattern spike"},
        Wrong{{"--speed", "10x"}, "--speed", "--replay"},
        Wrong{{"--replay", "t.jsonl", "--speed", "fast"}, "--speed", "10x"},
        Wrong{{"--endpoint", "/run/x"}, "--endpoint", "--backend daemon"},
        Wrong{{"--eventd", "/bin/x", "--backend", "null"}, "--eventd", "--backend daemon"},
        Wrong{{"--backend", "daemon", "--endpoint", "/a", "--eventd", "/b"}, "--endpoint", "--eventd"},
        Wrong{{"--backend", "daemon:pipe", "--endpoint", "/a"}, "--endpoint", "of our own"},
        Wrong{{"--backend", "daemon:pipe", "--delivery", "at-least-once"}, "--delivery", "pipe"},
        Wrong{{"--backend", "daemon", "--endpoint", "pipe:3,4"}, "--endpoint", "pipe"},
        Wrong{{"--backend", "daemon", "--endpoint", "tcp:[::1]:1"}, "--endpoint", "daemon:tcp"},
        Wrong{{"--backend", "daemon:tcp", "--endpoint", "/a"}, "--endpoint", "daemon:unix"},
        Wrong{{"--backend", "daemon:unix", "--endpoint", "shm:/a"}, "--endpoint", "daemon:shm"},
        Wrong{{"--backend", "daemon:tcp", "--token-file", "/a"}, "--token-file", "--endpoint"},
        Wrong{{"--same-process"}, "--same-process", "--backend daemon"},
        Wrong{{"--payload", "20B"}, "--payload", "88B"},
        Wrong{{"--replay", "t.jsonl", "--pattern", "spike"}, "--replay", "--pattern"},
        Wrong{{"--replay", "t.jsonl", "--rate", "1k/s"}, "--rate", "--speed"},
        Wrong{{"--replay", "t.jsonl", "--outstanding", "4"}, "--outstanding", "--replay"},
        Wrong{{"--backend", "null", "--outstanding", "4"}, "--outstanding", "delivers"},
        Wrong{{"--addressing", "to-some"}, "--addressing", "to-group"},
        Wrong{{"--targets", "2"}, "--targets", "to-targets"},
        Wrong{{"--addressing", "to-targets", "--targets", "0"}, "--targets", "1 to"},
        Wrong{{"--balancer", "round-robin"}, "--balancer", "to-group"},
        Wrong{{"--addressing", "to-group", "--balancer", "fair"}, "--balancer", "least-connections"},
        Wrong{{"--backend", "daemon", "--endpoint", "/a", "--addressing", "to-group", "--balancer",
               "round-robin"},
              "--balancer",
              "--endpoint"},
        Wrong{{"--weights", "1,2"}, "--weights", "weighted-random"},
        Wrong{{"--addressing", "to-group", "--weights", "1,2"}, "--weights", "weighted-random"},
        Wrong{{"--addressing", "to-group", "--balancer", "weighted-random", "--weights", "1,-2"},
              "--weights",
              "above 0"},
        Wrong{{"--addressing", "to-group", "--balancer", "weighted-random", "--weights", "1,,2"},
              "--weights",
              "above 0"},
        Wrong{{"--concurrency", "0"}, "--concurrency", "1 to"},
        Wrong{{"--rules", "5", "--addressing", "to-targets"}, "--rules", "to-targets"},
        Wrong{{"--rules", "1000000"}, "--rules", "at most"},
        Wrong{{"--clients", "5"}, "--clients", "--publishers"},
        Wrong{{"--backend", "daemon", "--clients", "0"}, "--clients", "1 to 4000"},
        Wrong{{"--backend", "daemon:pipe", "--clients", "5"}, "--clients", "pipe"},
        Wrong{{"--backend", "daemon", "--clients", "5", "--publishers", "2"}, "--publishers", "--clients"},
        Wrong{{"--backend", "daemon", "--clients", "2", "--load-processes", "3"},
              "--load-processes",
              "no more than clients"},
        Wrong{{"--backend", "daemon", "--load-processes", "3"}, "--load-processes", "--clients"},
        Wrong{{"--backend", "daemon", "--idle", "1s"}, "--idle", "--clients"},
        Wrong{{"--delivery", "exactly-once"}, "--delivery", "at-least-once"},
        Wrong{{"--exchange", "chat"}, "--exchange", "request"},
        Wrong{{"--exchange", "request", "--backend", "null"}, "--exchange", "delivers"},
        Wrong{{"--request-timeout", "1s"}, "--request-timeout", "--exchange request"},
        Wrong{{"--exchange", "request", "--request-timeout", "0s"}, "--request-timeout", "above 0"},
        Wrong{{"--handler-work", "busy"}, "--handler-work", "--handler-time"},
        Wrong{{"--handler-time", "1us", "--handler-work", "nap"}, "--handler-work", "sleep"},
        Wrong{{"--handler-time", "20"}, "--handler-time", "200us"},
        Wrong{{"--handler-failures", "0.01"}, "--handler-failures", "1%"},
        Wrong{{"--handler-failures", "101%"}, "--handler-failures", "100%"},
        Wrong{{"--retry", "1"}, "--retry", "2 to 255"}, Wrong{{"--retry", "256"}, "--retry", "2 to 255"},
        Wrong{{"--retry-backoff", "1ms"}, "--retry-backoff", "--retry"},
        Wrong{{"--breaker", "loose"}, "--breaker", "lenient"},
        Wrong{{"--delivery-timeout", "0s"}, "--delivery-timeout", "above 0"},
        Wrong{{"--expire-after", "0s"}, "--expire-after", "above 0"},
        Wrong{{"--pattern", "burst", "--burst-factor", "0"}, "--burst-factor", ""},
        Wrong{{"--pattern", "ramp", "--ramp-from", "-1"}, "--ramp-from", ""},
        Wrong{{"--pattern", "spike", "--spike-at", "10s", "--duration", "1s"}, "--spike-at", ""}));

}  // namespace
}  // namespace routebench::loadgen
