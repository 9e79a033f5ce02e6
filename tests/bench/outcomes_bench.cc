// What each end of an event costs, errors beside the delivered event, and what a refused call costs, on each
// backend.
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "events/control.h"
#include "events/dispatch/thread_timers.h"
#include "events/requests/requests.h"
#include "tests/bench/arrivals.h"
#include "tests/bench/event_corpus.h"
#include "tests/bench/samples.h"
#include "tests/bench/site.h"

namespace routebench::bench {
namespace {

constexpr uint64_t kBatch = 1000;
constexpr size_t kBodyBytes = 512;
constexpr const char* kService = "service";

void Check(const absl::Status& status) {
  if (!status.ok()) std::abort();
}

// How events come to one outcome.
struct Ending {
  Outcome outcome;
  SubscriptionSpec subscription = {.service = kService, .capacity = kBatch};
  Handler handler = [](Delivery&) { return Verdict::kAck; };
  std::function<void(EventHeader&)> shape = nullptr;
  std::optional<CircuitBreakerOptions> breaker = std::nullopt;
  bool subscribed = true;
  std::function<void(EventRouter& publisher, EventCorpus&)> prepare = nullptr;
};

std::vector<std::pair<std::string, Ending>> Endings() {
  const auto rejecting = [](Delivery&) { return Verdict::kReject; };
  const auto failing = [](Delivery&) { return Verdict::kRetry; };
  const auto publish_one = [](EventRouter& router, EventCorpus& corpus) { router.Publish(corpus.Next()); };
  const auto paused = [](FullPolicy policy) {
    return SubscriptionSpec{.service = kService, .capacity = 1, .full_policy = policy, .paused = true};
  };
  std::vector<std::pair<std::string, Ending>> endings;
  endings.push_back({"delivered", {.outcome = Outcome::kDelivered}});
  endings.push_back({"unrouted", {.outcome = Outcome::kUnrouted, .subscribed = false}});
  endings.push_back({"unknown_target", {.outcome = Outcome::kUnrouted, .shape = [](EventHeader& header) {
                                          header.addressing = Addressing::kToTargets;
                                        }}});
  endings.push_back({"expired", {.outcome = Outcome::kExpired, .shape = [](EventHeader& header) {
                                   header.created -= std::chrono::seconds(2);
                                   header.time_to_live = std::chrono::seconds(1);
                                 }}});
  endings.push_back({"queue_full_reject",
                     {.outcome = Outcome::kDroppedQueueFull,
                      .subscription = paused(FullPolicy::kReject),
                      .prepare = publish_one}});
  endings.push_back({"queue_full_drop_oldest",
                     {.outcome = Outcome::kDroppedOldest,
                      .subscription = paused(FullPolicy::kDropOldest),
                      .prepare = publish_one}});
  endings.push_back({"rejected", {.outcome = Outcome::kRejected, .handler = rejecting}});
  endings.push_back({"handler_throws", {.outcome = Outcome::kRejected, .handler = [](Delivery&) -> Verdict {
                                          throw std::runtime_error("as asked");
                                        }}});
  endings.push_back({"dead_letter",
                     {.outcome = Outcome::kDeadLettered,
                      .subscription = {.service = kService, .capacity = kBatch, .retry = BackoffOptions{}},
                      .handler = failing,
                      .shape = [](EventHeader& header) { header.max_attempts = 1; }}});
  endings.push_back(
      {"breaker_open",
       {.outcome = Outcome::kBreakerOpen,
        .handler = rejecting,
        .breaker = CircuitBreakerOptions{.consecutive_failures = 1, .open_timeout = std::chrono::hours(1)},
        .prepare = publish_one}});
  return endings;
}

// A batch of events to their ends; time for each.
void EventEnds(benchmark::State& state, const std::string& backend, const Ending& ending) {
  Arrivals ends;
  RouterOptions options;
  options.report_delivered = ending.outcome == Outcome::kDelivered;
  options.outcome_sink = [&, wanted = ending.outcome](const OutcomeReport& report) {
    if (report.outcome == wanted) ends.Add();
  };
  Site site(backend, options);
  Check(site.other().Register({.id = kService, .breaker = ending.breaker}));
  if (ending.subscribed) Check(site.other().Subscribe(ending.subscription, ending.handler).status());
  EventCorpus corpus(EventKind::kCustom, kBodyBytes);
  auto elsewhere = std::make_shared<Attributes>(*corpus.Next().attributes);
  elsewhere->targets = {"nobody"};
  if (ending.prepare != nullptr) {
    ending.prepare(site.router(), corpus);
    // The first event has come to wherever it stays, or to its end.
    Check(site.router().Statistics().status());
    if (ending.breaker.has_value()) Check(site.router().Drain(std::chrono::seconds(5)));
  }
  for (auto _ : state) {
    const uint64_t before = ends.count();
    for (uint64_t n = 0; n < kBatch; ++n) {
      Event event = corpus.Next();
      if (ending.shape != nullptr) ending.shape(event.header);
      if (event.header.addressing == Addressing::kToTargets) event.attributes = elsewhere;
      if (site.router().Publish(event) != PublishResult::kAccepted) std::abort();
    }
    ends.Await(before + kBatch);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kBatch));
}

// What Publish does not accept.
void Refused(benchmark::State& state, const std::string& backend, PublishResult wanted) {
  Site site(backend);
  EventCorpus corpus(EventKind::kCustom, kBodyBytes);
  Event event = corpus.Next();
  if (wanted == PublishResult::kInvalid) event.header.addressing = Addressing::kToTargets;
  if (wanted == PublishResult::kTooLarge)
    event.payload = Payload::Bytes(std::make_shared<std::string>(size_t{11} << 20, 'x'));
  if (wanted == PublishResult::kClosed) Check(site.router().Close(std::chrono::seconds(5)));
  for (auto _ : state) {
    if (site.router().Publish(event) != wanted) std::abort();
  }
}

struct Mistake {
  const char* name;
  absl::StatusCode code;
  std::function<absl::Status(EventRouter&)> make;
};

const std::vector<Mistake>& Mistakes() {
  using absl::StatusCode;
  static const auto ignoring = [](Delivery&) { return Verdict::kAck; };
  static const auto& mistakes = *new std::vector<Mistake>{
      {"register_again", StatusCode::kAlreadyExists,
       [](EventRouter& router) { return router.Register({.id = kService}); }},
      {"deregister_unknown", StatusCode::kNotFound,
       [](EventRouter& router) { return router.Deregister("nobody"); }},
      {"subscribe_for_unknown", StatusCode::kNotFound,
       [](EventRouter& router) { return router.Subscribe({.service = "nobody"}, ignoring).status(); }},
      {"subscribe_with_bad_expression", StatusCode::kInvalidArgument,
       [](EventRouter& router) {
         return router.Subscribe({.service = kService, .filters = {{.expression = "size >"}}}, ignoring)
             .status();
       }},
      {"unsubscribe_unknown", StatusCode::kNotFound,
       [](EventRouter& router) { return router.Unsubscribe(1'000'000); }},
      {"rule_with_unknown_target", StatusCode::kNotFound,
       [](EventRouter& router) { return router.control().AddRule({.id = "rule", .targets = {"nobody"}}); }},
      {"health_of_unknown", StatusCode::kNotFound,
       [](EventRouter& router) { return router.control().SetHealth("nobody", Health::kHealthy); }},
      {"discard_unknown_dead_letter", StatusCode::kNotFound,
       [](EventRouter& router) { return router.dead_letters().Discard(1'000'000); }},
  };
  return mistakes;
}

void ControlMistake(benchmark::State& state, const std::string& backend, const Mistake& mistake) {
  Site site(backend);
  Check(site.router().Register({.id = kService}));
  for (auto _ : state) {
    if (mistake.make(site.router()).code() != mistake.code) std::abort();
  }
}

// One outstanding: from one party to the other and back, answered with a response or with an error.
void RequestResponse(benchmark::State& state, const std::string& backend, bool error) {
  dispatch::ThreadTimers timers;
  Site site(backend);
  Check(site.other().Register({.id = kService}));
  EventCorpus answers(EventKind::kCustom, kBodyBytes);
  Check(site.other()
            .Subscribe({.service = kService, .filters = {{.kinds = KindSet::Of(Category::kMcp)}}},
                       [&](Delivery& delivery) {
                         const absl::Status sent =
                             error ? requests::RespondError(site.other(), delivery.event(),
                                                            absl::NotFoundError("not here"))
                                   : requests::Respond(site.other(), delivery.event(), answers.Next());
                         return sent.ok() ? Verdict::kAck : Verdict::kReject;
                       })
            .status());
  auto requester = requests::Requester::Create(site.router(), timers);
  Check(requester.status());
  EventCorpus questions(EventKind::kToolCall, EventKind::kCustom, kBodyBytes);
  Samples round_trips;
  for (auto _ : state) {
    round_trips.Time([&] {
      const auto response = (*requester)->Request(questions.Next(), std::chrono::seconds(5));
      if (response.ok() == error) std::abort();
    });
  }
  round_trips.Report(state, "request");
}

void RegisterAll() {
  const auto add = [](const std::string& name, const auto& function, auto... arguments) {
    return benchmark::RegisterBenchmark(name.c_str(), function, arguments...)->UseRealTime();
  };
  for (const std::string& backend : SiteNames()) {
    for (const auto& [name, ending] : Endings())
      add("End/" + backend + "/" + name, EventEnds, backend, ending);
    for (const PublishResult result :
         {PublishResult::kInvalid, PublishResult::kTooLarge, PublishResult::kClosed}) {
      add("Refused/" + backend + "/" + std::string(Name(result)), Refused, backend, result);
    }
    for (const Mistake& mistake : Mistakes())
      add("Mistake/" + backend + "/" + mistake.name, ControlMistake, backend, mistake);
    for (const bool error : {false, true}) {
      add("Request/" + backend + (error ? "/error" : "/response"), RequestResponse, backend, error);
    }
  }
}

}  // namespace
}  // namespace routebench::bench

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 64;
  routebench::bench::RegisterAll();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
