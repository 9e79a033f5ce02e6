// R6, R16: what a service is registered with, who is there, how they are, and what changes.
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <thread>

#include "tests/conformance/control_test.h"

namespace routebench::conformance {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Recorder;
using ::testing::SizeIs;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::string Describe(const ServiceChange& change) {
  static const std::vector<std::string> kKinds = {"registered", "deregistered", "health", "lost"};
  std::string text = std::to_string(change.sequence) + " " + kKinds[static_cast<size_t>(change.kind)];
  if (change.state == nullptr) return text;
  return text + " " + change.state->spec.id + " " + std::string(Name(change.state->health));
}

// What a watch was told.
class Story : public Recorder<std::string> {
 public:
  WatchHandler Handler() const {
    return [story = *this](const ServiceChange& change) { story.Add(Describe(change)); };
  }
};

class DiscoveryConformanceTest : public ControlConformanceTest {
 protected:
  absl::StatusCode CodeOf(const ServiceSpec& spec) { return subscriber().Register(spec).code(); }

  WatchId MustWatch(EventRouter& router, WatchHandler handler) {
    const auto watch = router.control().Watch(std::move(handler));
    EXPECT_TRUE(watch.ok()) << watch.status();
    return watch.ok() ? *watch : 0;
  }
};

const ServiceSpec& FullSpec() {
  static const auto& spec = *new ServiceSpec{
      .id = "indexer-1",
      .type = "indexer",
      .instance = "1",
      .supports = KindSet::Of(Category::kFilesystem),
      .max_concurrent = 3,
      .priority = -2,
      .weight = 2.5,
      .filters = {{.priorities = PrioritySet().With(Priority::kHigh),
                   .sources = {{.id = "a", .type = "b", .instance = "c"}},
                   .max_body_bytes = 77,
                   .metadata = {{"tenant", "acme"}},
                   .expression = "size < 5"},
                  {}},
      .metadata = {{"zone", "west"}, {std::string("\xff\0x", 3), std::string(1000, 'y')}},
  };
  return spec;
}

TEST_F(DiscoveryConformanceTest, R6_WhatAServiceIsRegisteredWithIsListed) {
  MustRegister(FullSpec());
  const auto services = control().Services({});
  ASSERT_TRUE(services.ok()) << services.status();
  ASSERT_THAT(*services, SizeIs(1));
  EXPECT_TRUE(services->front().spec == FullSpec());
  EXPECT_EQ(services->front().health, Health::kUnknown);
}

TEST_F(DiscoveryConformanceTest, R6_ServicesReceiveOnlyWhatTheirFiltersPass) {
  const Inbox inbox;
  MustRegister({.id = "a", .filters = {{.metadata = {{"tenant", "acme"}}}, {.expression = "source.id = x"}}});
  MustSubscribe({.service = "a"}, inbox.Acknowledging());
  MustSubscribe({.service = "a", .filters = {{.metadata = {{"zone", "west"}}}}}, inbox.Acknowledging());
  PublishWith({.metadata = {{"tenant", "acme"}, {"zone", "west"}}});  // both
  PublishWith({.source = {.id = "x"}});                               // the first
  PublishWith({.metadata = {{"zone", "west"}}});
  MustDrain();
  std::vector<uint64_t> sequences = inbox.Sequences();
  std::sort(sequences.begin(), sequences.end());
  EXPECT_THAT(sequences, ElementsAre(1, 1, 2));
}

TEST_F(DiscoveryConformanceTest, R6_BadServicesAreRefused) {
  const auto bad = absl::StatusCode::kInvalidArgument;
  for (const double weight : {-1.0, 0.0, -0.0, kInfinity, -kInfinity, std::nan("")}) {
    EXPECT_EQ(CodeOf({.id = "a", .weight = weight}), bad) << weight;
  }
  EXPECT_EQ(CodeOf({.id = "a", .type = std::string(256, 'x')}), bad);
  EXPECT_EQ(CodeOf({.id = "a", .instance = std::string(256, 'x')}), bad);
  EXPECT_EQ(CodeOf({.id = "a", .supports = KindSet()}), bad);
  EXPECT_EQ(CodeOf({.id = "a", .metadata = {{"", "x"}}}), bad);
  EXPECT_EQ(CodeOf({.id = "a", .metadata = {{std::string(256, 'x'), "x"}}}), bad);
  EXPECT_EQ(CodeOf({.id = "a", .metadata = {{"x", std::string(kMaxSpecText, 'x')}}}), bad);
  ServiceSpec many{.id = "a"};
  many.metadata.assign(kMaxServiceMetadata + 1, {"k", "v"});
  EXPECT_EQ(CodeOf(many), bad);
  const absl::Status status =
      subscriber().Register({.id = "a", .filters = {{}, {.expression = "size < and"}}});
  EXPECT_EQ(status.code(), bad);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("service a"), HasSubstr("filter 2"), HasSubstr("column 8")));
  EXPECT_THAT(Ids(), IsEmpty());
  many.metadata.pop_back();
  EXPECT_EQ(CodeOf(many), absl::StatusCode::kOk);
}

TEST_F(DiscoveryConformanceTest, R6_IdsAreBytes) {
  const std::string id = "\xc3\x28\xff";
  MustRegister({.id = id});
  EXPECT_EQ(CodeOf({.id = id}), absl::StatusCode::kAlreadyExists);
  EXPECT_THAT(Ids(), ElementsAre(id));
}

TEST_F(DiscoveryConformanceTest, R16_ServicesAreListedByTypeAndByCapability) {
  MustRegister({.id = "z", .type = "indexer", .supports = KindSet::Of(Category::kMcp)});
  MustRegister({.id = "b", .type = "indexer", .supports = KindSet::Of(Category::kDatabase)});
  MustRegister({.id = "a", .supports = KindSet().With(EventKind::kToolCall)});
  EXPECT_THAT(Ids(), ElementsAre("z", "b", "a"));
  EXPECT_THAT(Ids({.type = "indexer"}), ElementsAre("z", "b"));
  EXPECT_THAT(Ids({.type = ""}), ElementsAre("a"));
  EXPECT_THAT(Ids({.type = "other"}), IsEmpty());
  EXPECT_THAT(Ids({.capability = EventKind::kToolCall}), ElementsAre("z", "a"));
  EXPECT_THAT(Ids({.type = "indexer", .capability = EventKind::kRecordCreated}), ElementsAre("b"));
  ASSERT_TRUE(subscriber().Deregister("z").ok());
  EXPECT_THAT(Ids(), ElementsAre("b", "a"));
}

TEST_F(DiscoveryConformanceTest, R16_AnyClientMaySetTheHealth) {
  MustRegister({.id = "a"});
  EXPECT_EQ(control().SetHealth("b", Health::kHealthy).code(), absl::StatusCode::kNotFound);
  for (const Health health :
       {Health::kHealthy, Health::kDegraded, Health::kUnhealthy, Health::kMaintenance, Health::kUnknown}) {
    MustSetHealth("a", health);
    const auto services = subscriber().control().Services({});
    ASSERT_TRUE(services.ok());
    EXPECT_EQ(services->front().health, health);
  }
  // A service that comes again is a new one.
  MustSetHealth("a", Health::kUnhealthy);
  ASSERT_TRUE(subscriber().Deregister("a").ok());
  MustRegister({.id = "a"});
  EXPECT_EQ(control().Services({})->front().health, Health::kUnknown);
}

TEST_F(DiscoveryConformanceTest, R16_EveryWatchTellsTheSameInTheSameOrder) {
  const Story story, other;
  MustRegister({.id = "b"});
  MustRegister({.id = "a"});
  MustSetHealth("b", Health::kDegraded);
  MustWatch(publisher(), story.Handler());
  MustWatch(subscriber(), other.Handler());
  MustRegister({.id = "c", .metadata = {{"k", "v"}}});
  MustSetHealth("a", Health::kHealthy);
  MustSetHealth("a", Health::kHealthy);  // not a change
  EXPECT_FALSE(subscriber().Register({.id = "a"}).ok());
  ASSERT_TRUE(subscriber().Deregister("b").ok());
  MustRegister({.id = "b"});
  ASSERT_TRUE(story.AwaitCount(6));
  ASSERT_TRUE(other.AwaitCount(6));
  EXPECT_THAT(story.Items(),
              ElementsAre("3 registered b degraded", "3 registered a unknown", "4 registered c unknown",
                          "5 health a healthy", "6 deregistered b degraded", "7 registered b unknown"));
  EXPECT_EQ(other.Items(), story.Items());
}

TEST_F(DiscoveryConformanceTest, R16_AChangeCarriesTheWholeService) {
  const Recorder<ServiceChange> changes;
  MustWatch(publisher(), [changes](const ServiceChange& change) { changes.Add(change); });
  MustRegister(FullSpec());
  ASSERT_TRUE(changes.AwaitCount(1));
  EXPECT_TRUE(changes.Items().front().state->spec == FullSpec());
}

TEST_F(DiscoveryConformanceTest, R16_AfterUnwatchTheHandlerDoesNotRun) {
  const Story ends, stays;
  const WatchId watch = MustWatch(publisher(), ends.Handler());
  MustWatch(publisher(), stays.Handler());
  MustRegister({.id = "a"});
  ASSERT_TRUE(ends.AwaitCount(1));
  ASSERT_TRUE(control().Unwatch(watch).ok());
  EXPECT_EQ(control().Unwatch(watch).code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(control().Unwatch(12345).code(), absl::StatusCode::kNotFound);
  MustRegister({.id = "b"});
  ASSERT_TRUE(stays.AwaitCount(2));
  EXPECT_THAT(ends.Items(), SizeIs(1));
}

TEST_F(DiscoveryConformanceTest, R16_UnwatchWaitsForTheRunningHandler) {
  SKIP_ON_INLINE();
  options.routing.max_watches = 1;
  const Gate gate;
  const auto returned = std::make_shared<std::atomic<bool>>(false);
  const WatchId watch = MustWatch(publisher(), [gate, returned](const ServiceChange&) {
    gate.Pass();
    returned->store(true);
  });
  MustRegister({.id = "a"});
  MustRegister({.id = "b"});
  ASSERT_TRUE(gate.AwaitEntered(1));
  std::thread unwatcher([&] {
    EXPECT_TRUE(control().Unwatch(watch).ok());
    EXPECT_TRUE(returned->load()) << "Unwatch returned before the handler did";
  });
  // It has begun once there is a place for another watch.
  const Story other;
  EXPECT_TRUE(AdvanceUntil([&] { return subscriber().control().Watch(other.Handler()).ok(); }));
  EXPECT_FALSE(returned->load());
  gate.Open();
  unwatcher.join();
  EXPECT_EQ(gate.entered(), 1);
}

TEST_F(DiscoveryConformanceTest, R16_AWatchMayEndItselfAndUseTheRouter) {
  const Story story, witness;
  const auto self = std::make_shared<std::atomic<WatchId>>(0);
  EventRouter& router = publisher();
  const Story ended;
  *self = MustWatch(router, [&router, story, ended, self](const ServiceChange& change) {
    story.Add(Describe(change));
    EXPECT_TRUE(router.control().SetHealth(change.state->spec.id, Health::kHealthy).ok());
    EXPECT_TRUE(router.control().Services({}).ok());
    EXPECT_TRUE(router.control().Unwatch(*self).ok());
    ended.Add("");
  });
  MustWatch(subscriber(), witness.Handler());
  MustRegister({.id = "a"});
  ASSERT_TRUE(witness.AwaitCount(2));
  ASSERT_TRUE(ended.AwaitCount(1));
  MustRegister({.id = "b"});
  ASSERT_TRUE(witness.AwaitCount(3));
  EXPECT_THAT(witness.Items(),
              ElementsAre("1 registered a unknown", "2 health a healthy", "3 registered b unknown"));
  EXPECT_THAT(story.Items(), ElementsAre("1 registered a unknown"));
}

TEST_F(DiscoveryConformanceTest, R16_AWatchThatIsTooSlowIsLost) {
  SKIP_ON_INLINE();
  const Gate gate;
  const Story slow;
  MustRegister({.id = "a"});
  const WatchId watch = MustWatch(publisher(), [gate, slow](const ServiceChange& change) {
    gate.Pass();
    slow.Add(Describe(change));
  });
  ASSERT_TRUE(gate.AwaitEntered(1));
  const Story witness;
  MustWatch(subscriber(), witness.Handler());
  constexpr size_t kChanges = kMaxWatchBacklog + 10;
  for (size_t i = 0; i < kChanges; ++i) {
    MustSetHealth("a", i % 2 == 0 ? Health::kHealthy : Health::kDegraded);
    if (i % 1000 == 0) {
      ASSERT_TRUE(witness.AwaitCount(i)) << "the witness must not be lost as well";
    }
  }
  ASSERT_TRUE(witness.AwaitCount(kChanges + 1));
  gate.Open();
  ASSERT_TRUE(slow.Await(
      [](const auto& told) { return !told.empty() && told.back().find(" lost") != std::string::npos; }));
  // The one in hand, then what fits: nothing is left out before the end.
  ASSERT_THAT(slow.Items(), SizeIs(kMaxWatchBacklog + 3));
  EXPECT_EQ(slow.Items()[kMaxWatchBacklog + 1], witness.Items()[kMaxWatchBacklog + 1]);
  EXPECT_TRUE(control().Unwatch(watch).ok());
}

TEST_F(DiscoveryConformanceTest, R16_AThrowingWatchGoesOn) {
  const Story story;
  MustWatch(publisher(), [story](const ServiceChange& change) {
    story.Add(Describe(change));
    throw std::runtime_error("of the handler");
  });
  MustRegister({.id = "a"});
  MustRegister({.id = "b"});
  ASSERT_TRUE(story.AwaitCount(2));
}

TEST_F(DiscoveryConformanceTest, R16_TheServicesOfAClientGoWithItAndRulesStay) {
  if (!BackendUnderTest().crosses_processes) GTEST_SKIP() << "one router is the only client";
  const Story story;
  MustRegister({.id = "b"});
  MustRegister({.id = "a"});
  MustAddRule({.id = "r", .targets = {"a"}});
  ASSERT_TRUE(subscriber().control().AddRule({.id = "theirs", .targets = {"a"}}).ok());
  MustWatch(publisher(), story.Handler());
  ASSERT_TRUE(subscriber().Close(kPatience).ok());
  ASSERT_TRUE(story.AwaitCount(4));
  EXPECT_THAT(story.Items(), ElementsAre("2 registered b unknown", "2 registered a unknown",
                                         "3 deregistered b unknown", "4 deregistered a unknown"));
  EXPECT_TRUE(control().RemoveRule("r").ok());
  EXPECT_TRUE(control().RemoveRule("theirs").ok());
}

TEST_F(DiscoveryConformanceTest, R16_MoreThanAllowedIsRefused) {
  options.routing.max_services = 2;
  options.routing.max_rules = 1;
  options.routing.max_watches = 1;
  options.routing.max_text = 1000;
  const auto exhausted = absl::StatusCode::kResourceExhausted;
  MustRegister({.id = "a"});
  MustRegister({.id = "b"});
  EXPECT_EQ(CodeOf({.id = "c"}), exhausted);
  ASSERT_TRUE(subscriber().Deregister("b").ok());
  EXPECT_EQ(CodeOf({.id = "c", .metadata = {{"k", std::string(1000, 'x')}}}), exhausted);
  EXPECT_EQ(CodeOf({.id = "c", .metadata = {{"k", std::string(900, 'x')}}}), absl::StatusCode::kOk);
  EXPECT_EQ(control().AddRule({.id = "r", .name = std::string(100, 'x'), .targets = {"a"}}).code(),
            exhausted);
  ASSERT_TRUE(subscriber().Deregister("c").ok());
  MustAddRule({.id = "r", .name = std::string(900, 'x'), .targets = {"a"}});
  EXPECT_EQ(control().AddRule({.id = "s", .targets = {"a"}}).code(), exhausted);
  ASSERT_TRUE(control().RemoveRule("r").ok());
  MustAddRule({.id = "s", .name = std::string(900, 'x'), .targets = {"a"}});
  const Story story;
  const WatchId watch = MustWatch(publisher(), story.Handler());
  EXPECT_EQ(subscriber().control().Watch(story.Handler()).status().code(), exhausted);
  ASSERT_TRUE(control().Unwatch(watch).ok());
  MustWatch(subscriber(), story.Handler());
}

TEST_F(DiscoveryConformanceTest, R25_TheControlPlaneEndsWithTheRouter) {
  const Story story;
  MustRegister({.id = "a"});
  MustWatch(publisher(), story.Handler());
  ASSERT_TRUE(story.AwaitCount(1));
  ASSERT_TRUE(publisher().Close(kPatience).ok());
  const auto unavailable = absl::StatusCode::kUnavailable;
  EXPECT_EQ(control().SetHealth("a", Health::kHealthy).code(), unavailable);
  EXPECT_EQ(control().AddRule({.id = "r", .targets = {"a"}}).code(), unavailable);
  EXPECT_EQ(control().Services({}).status().code(), unavailable);
  EXPECT_EQ(control().Watch(story.Handler()).status().code(), unavailable);
  EXPECT_EQ(control().Explain(NewEvent()).status().code(), unavailable);
  EXPECT_THAT(story.Items(), SizeIs(1));
}

}  // namespace
}  // namespace routebench::conformance
