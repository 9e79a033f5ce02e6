#include "loadgen/receiver.h"

#include <sys/socket.h>

#include <array>
#include <future>
#include <string>

#include "events/control.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "loadgen/corpus.h"
#include "loadgen/input.h"
#include "loadgen/message_socket.h"
#include "loadgen/options.h"
#include "loadgen/specs.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

using ::testing::HasSubstr;

constexpr Duration kPatience = std::chrono::seconds(20);

record::RunPlan PlanOf(const std::string& mix = "") {
  RunOptions options;
  options.rate = "1k/s";
  options.duration = "100ms";
  options.warmup = "20ms";
  options.services = 3;
  options.handler_threads = 4;
  options.mix = mix;
  return MakePlan(options).value();
}

// Sends everything at once, as publisher 0 would in the end.
uint64_t PublishAll(const Input& input, EventRouter& router) {
  std::vector<Event> events = input.corpus.events();
  for (size_t i = 0; i < input.schedule.events.size(); ++i) {
    Event& event = events[input.corpus.EventOf(i)];
    event.header.id = {1, i + 1};
    event.header.publisher = 1;
    event.header.sequence = i + 1;
    event.header.due = event.header.created = Clock::System().Now();
    EXPECT_EQ(router.Publish(event), PublishResult::kAccepted);
  }
  EXPECT_TRUE(router.Drain(kPatience).ok());
  return input.schedule.events.size();
}

class LocalReceiverTest : public ::testing::Test {
 protected:
  record::RunPlan plan_ = PlanOf();
  const Input input_ = ReadInput(plan_).value();
  const std::unique_ptr<Backend> backend_ =
      OpenBackend("coordinator", {}, "test", RouterOptionsOf(plan_), GuaranteeOf(plan_)).value();
};

TEST_F(LocalReceiverTest, SubscribesEveryServiceAndReportsWhatCame) {
  const auto receiver = ReceiveHere(*backend_, plan_, input_.schedule, "run").value();
  EXPECT_EQ(receiver->pid(), 0);
  EXPECT_EQ(receiver->Trouble(), "");
  receiver->BeginMeasuredPart();
  const uint64_t sent = PublishAll(input_, backend_->router());
  const ReceiverReport report = receiver->Finish().value();
  EXPECT_EQ(static_cast<double>(report.delivered()),
            FanOut(input_.schedule, plan_) * static_cast<double>(sent));
  EXPECT_EQ(report.duplicates() + report.out_of_order() + report.foreign(), 0u);
  uint64_t in_cells = 0;
  bool warmup = false;
  for (const record::Cell& cell : report.cells()) {
    in_cells += cell.delivered();
    warmup |= cell.phase() == "warmup";
    EXPECT_GT(cell.delivered(), 0u);
    EXPECT_GT(cell.response().counts_size(), 0);
    EXPECT_GT(cell.service().counts_size(), 0);
  }
  EXPECT_EQ(in_cells, report.delivered());
  EXPECT_TRUE(warmup);
  EXPECT_EQ(report.wire_bytes_sent(), 0u) << "nothing left the process";
}

TEST_F(LocalReceiverTest, EndsItsSubscriptions) {
  { const auto receiver = ReceiveHere(*backend_, plan_, input_.schedule, "run").value(); }
  const auto again = ReceiveHere(*backend_, plan_, input_.schedule, "run");
  EXPECT_TRUE(again.ok()) << "the names are free: " << again.status();
}

TEST_F(LocalReceiverTest, SaysWhenANameIsTaken) {
  const auto receiver = ReceiveHere(*backend_, plan_, input_.schedule, "run").value();
  EXPECT_FALSE(ReceiveHere(*backend_, plan_, input_.schedule, "run").ok());
  PublishAll(input_, backend_->router());
  EXPECT_GT(receiver->Finish()->delivered(), 0u) << "the first one is not disturbed";
}

TEST_F(LocalReceiverTest, ItsRulesAreThereWhileItReceivesAndChangeNothing) {
  plan_.set_rules(40);
  EventRouter& router = backend_->router();
  const auto receiver = ReceiveHere(*backend_, plan_, input_.schedule, "run").value();
  EXPECT_EQ(router.Statistics()->rules.size(), 40u);
  const uint64_t sent = PublishAll(input_, router);
  const RouterStatistics statistics = router.Statistics().value();
  uint64_t routed = 0;
  for (const RouterStatistics::Rule& rule : statistics.rules) routed += rule.routed;
  const ReceiverReport report = receiver->Finish().value();
  EXPECT_EQ(static_cast<double>(report.delivered()),
            FanOut(input_.schedule, plan_) * static_cast<double>(sent));
  EXPECT_EQ(routed, report.delivered()) << "all of it by rules";
  EXPECT_EQ(router.Statistics()->rules.size(), 0u);
}

TEST_F(LocalReceiverTest, ReplacesRulesThatAKilledRunHasLeft) {
  plan_.set_rules(3);
  ASSERT_TRUE(backend_->router().Register({.id = "service-1"}).ok());
  ASSERT_TRUE(backend_->router().control().AddRule({.id = "loadgen-rule-2", .targets = {"service-1"}}).ok());
  ASSERT_TRUE(backend_->router().Deregister("service-1").ok());
  EXPECT_TRUE(ReceiveHere(*backend_, plan_, input_.schedule, "run").ok());
}

TEST_F(LocalReceiverTest, FailedEventsComeAgainAndEndAsDeadLetters) {
  plan_.mutable_handler()->set_failures(0.2);
  plan_.mutable_subscription()->set_attempts(3);
  plan_.mutable_subscription()->set_retry_backoff_ns(1'000);
  const auto receiver = ReceiveHere(*backend_, plan_, input_.schedule, "run").value();
  PublishAll(input_, backend_->router());
  const Books books = backend_->router().Statistics()->books;
  const ReceiverReport report = receiver->Finish().value();
  EXPECT_GT(report.dead_lettered(), 0u);
  EXPECT_EQ(report.dead_lettered(), books.of(Outcome::kDeadLettered));
  EXPECT_EQ(report.retries(), 2 * report.dead_lettered());
  EXPECT_EQ(report.delivered(), books.of(Outcome::kDelivered));
  EXPECT_EQ(report.duplicates() + report.out_of_order() + report.unfinished(), 0u);
}

// The life of the receiving process, on a thread.
class ReceiverProcessTest : public ::testing::Test {
 protected:
  ReceiverProcessTest() {
    std::array<int, 2> ends;
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = Descriptor(ends[0]);
    theirs_ = Descriptor(ends[1]);
    process_ = std::async(std::launch::async, [this] { return RunReceiverProcess(theirs_.get()); });
  }
  ~ReceiverProcessTest() override { ours_.Reset(); }

  void Send(ReceiverCommand::Kind kind) {
    ReceiverCommand command;
    command.set_kind(kind);
    ASSERT_TRUE(SendMessage(ours_.get(), command).ok());
  }
  // Its answer to a plan.
  std::string Begin(const std::string& backend, const std::string& endpoint) {
    ReceiverPlan plan;
    *plan.mutable_plan() = PlanOf();
    plan.mutable_plan()->set_backend(backend);
    plan.set_endpoint(endpoint);
    EXPECT_TRUE(SendMessage(ours_.get(), plan).ok());
    ReceiverReady ready;
    EXPECT_TRUE(ReceiveMessage(ours_.get(), kPatience, &ready).ok());
    return ready.error();
  }

  Descriptor ours_;
  Descriptor theirs_;
  std::future<int> process_;
};

TEST_F(ReceiverProcessTest, ObeysAndReports) {
  EXPECT_EQ(Begin("coordinator", ""), "");
  Send(ReceiverCommand::BEGIN_MEASURED_PART);
  Send(ReceiverCommand::FINISH);
  ReceiverReport report;
  ASSERT_TRUE(ReceiveMessage(ours_.get(), kPatience, &report).ok());
  EXPECT_EQ(report.error(), "");
  EXPECT_EQ(report.delivered(), 0u);
  EXPECT_EQ(process_.get(), 0);
}

TEST_F(ReceiverProcessTest, DrainsWhenAsked) {
  EXPECT_EQ(Begin("coordinator", ""), "");
  ReceiverCommand drain;
  drain.set_kind(ReceiverCommand::DRAIN);
  drain.set_deadline_ns(std::chrono::nanoseconds(kPatience).count());
  ASSERT_TRUE(SendMessage(ours_.get(), drain).ok());
  ReceiverReady drained;
  ASSERT_TRUE(ReceiveMessage(ours_.get(), kPatience, &drained).ok());
  EXPECT_EQ(drained.error(), "");
}

TEST_F(ReceiverProcessTest, SaysWhyItCannotStart) {
  EXPECT_THAT(Begin("daemon:unix", "/nonexistent/socket"), HasSubstr("/nonexistent/socket"));
}

TEST_F(ReceiverProcessTest, EndsWhenItsStarterIsGone) {
  EXPECT_EQ(Begin("coordinator", ""), "");
  ours_.Reset();
  EXPECT_EQ(process_.get(), 1);
}

TEST_F(ReceiverProcessTest, EndsWhenItIsToldNonsense) {
  ASSERT_EQ(send(ours_.get(), "\xff\xff\xff\xff what", 9, 0), 9);
  EXPECT_EQ(process_.get(), 1);
}

}  // namespace
}  // namespace routebench::loadgen
