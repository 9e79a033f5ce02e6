// What the control plane costs on each backend: registration, subscription, discovery, watches, health, its
// changes beside a stream of events, and the start and stop of a service, of a client and of a daemon.
#include <signal.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "benchmark/benchmark.h"
#include "events/clock.h"
#include "events/control.h"
#include "tests/bench/arrivals.h"
#include "tests/bench/event_corpus.h"
#include "tests/bench/samples.h"
#include "tests/bench/site.h"

namespace routebench::bench {
namespace {

// Besides what a benchmark registers itself.
constexpr int kFew = 10;
constexpr int kMany = 1000;
constexpr size_t kBodyBytes = 512;
// Of one round beside something else.
constexpr uint64_t kEvents = 200'000;

void Check(const absl::Status& status) {
  if (!status.ok()) std::abort();
}

std::string ServiceId(int n) { return "service-" + std::to_string(n); }
ServiceSpec ServiceNumber(int n) { return {.id = ServiceId(n), .type = "type-" + std::to_string(n)}; }
// Wants the events of one tenant; nobody publishes for it.
SubscriptionSpec Selective(const std::string& service, int tenant) {
  return {.service = service, .filters = {{.metadata = {{"tenant", std::to_string(tenant)}}}}};
}
Handler Ignoring() {
  return [](Delivery&) { return Verdict::kAck; };
}

void RegisterServices(EventRouter& router, int64_t count) {
  for (int n = 0; n < count; ++n) Check(router.Register(ServiceNumber(n)));
}

void Registration(benchmark::State& state, const std::string& backend) {
  Site site(backend);
  RegisterServices(site.router(), state.range(0));
  Samples registering;
  Samples deregistering;
  for (auto _ : state) {
    registering.Time([&] { Check(site.router().Register(ServiceNumber(-1))); });
    deregistering.Time([&] { Check(site.router().Deregister(ServiceId(-1))); });
  }
  registering.Report(state, "register");
  deregistering.Report(state, "deregister");
}

void Subscription(benchmark::State& state, const std::string& backend) {
  Site site(backend);
  RegisterServices(site.router(), 1);
  for (int n = 0; n < state.range(0); ++n)
    Check(site.router().Subscribe(Selective(ServiceId(0), n), Ignoring()).status());
  Samples subscribing;
  Samples unsubscribing;
  for (auto _ : state) {
    SubscriptionId id = 0;
    subscribing.Time([&] { id = site.router().Subscribe(Selective(ServiceId(0), -1), Ignoring()).value(); });
    unsubscribing.Time([&] { Check(site.router().Unsubscribe(id)); });
  }
  subscribing.Report(state, "subscribe");
  unsubscribing.Report(state, "unsubscribe");
}

void Discovery(benchmark::State& state, const std::string& backend) {
  Site site(backend);
  RegisterServices(site.other(), state.range(0));
  Samples all;
  Samples one;
  for (auto _ : state) {
    all.Time([&] { benchmark::DoNotOptimize(site.router().control().Services({}).value()); });
    one.Time([&] { benchmark::DoNotOptimize(site.router().control().Services({.type = "type-1"}).value()); });
  }
  all.Report(state, "all");
  one.Report(state, "by_type");
}

// From the call that changes a service's health, in one party, to the watch's handler in the other.
void WatchLatency(benchmark::State& state, const std::string& backend) {
  Site site(backend);
  RegisterServices(site.other(), 1);
  Arrivals told;
  std::atomic<TimePoint> seen{};
  for (int64_t n = 0; n < state.range(0); ++n) {
    const auto watch = site.other().control().Watch([&](const ServiceChange&) {
      seen.store(std::chrono::steady_clock::now());
      told.Add();
    });
    Check(watch.status());
  }
  uint64_t changes = 1;
  told.Await(changes * static_cast<uint64_t>(state.range(0)));
  Samples latency;
  Samples changing;
  for (auto _ : state) {
    const TimePoint start = std::chrono::steady_clock::now();
    changing.Time([&] {
      Check(site.router().control().SetHealth(ServiceId(0),
                                              changes % 2 == 0 ? Health::kHealthy : Health::kDegraded));
    });
    told.Await(++changes * static_cast<uint64_t>(state.range(0)));
    latency.Add(seen.load() - start);
  }
  latency.Report(state, "told");
  changing.Report(state, "set");
}

// What else happens while events flow, again and again as fast as it can.
struct Activity {
  const char* name;
  std::function<void(EventRouter&, uint64_t)> step;
};

const std::vector<Activity>& Activities() {
  static const auto& activities = *new std::vector<Activity>{
      {"nothing", nullptr},
      {"another_busy_thread",
       [](EventRouter&, uint64_t) { benchmark::DoNotOptimize(std::chrono::steady_clock::now()); }},
      {"health",
       [](EventRouter& router, uint64_t n) {
         Check(router.control().SetHealth(ServiceId(1), n % 2 == 0 ? Health::kHealthy : Health::kDegraded));
       }},
      {"registration",
       [](EventRouter& router, uint64_t) {
         Check(router.Register(ServiceNumber(-1)));
         Check(router.Deregister(ServiceId(-1)));
       }},
      {"subscription",
       [](EventRouter& router, uint64_t) {
         const auto id = router.Subscribe(Selective(ServiceId(1), -1), Ignoring());
         Check(id.status());
         Check(router.Unsubscribe(*id));
       }},
  };
  return activities;
}

// Events from one party to the other, among kFew selective subscriptions, as fast as they go.
void EventsBeside(benchmark::State& state, const std::string& backend, const Activity& activity) {
  Site site(backend);
  RegisterServices(site.other(), 2);
  for (int n = 0; n < kFew; ++n)
    Check(site.other().Subscribe(Selective(ServiceId(0), n), Ignoring()).status());
  Arrivals received;
  SubscriptionSpec spec = {.service = ServiceId(0), .capacity = 16'384};
  Check(site.other()
            .Subscribe(spec,
                       [&](Delivery&) {
                         received.Add();
                         return Verdict::kAck;
                       })
            .status());
  EventCorpus corpus(EventKind::kCustom, kBodyBytes);
  std::atomic<uint64_t> steps{0};
  for (auto _ : state) {
    std::atomic<bool> stop{false};
    std::thread beside([&] {
      if (activity.step == nullptr) return;
      // The owner of the services: a daemon lets nobody else subscribe for them.
      while (!stop.load(std::memory_order_relaxed)) activity.step(site.other(), steps.fetch_add(1));
    });
    const uint64_t before = received.count();
    const uint64_t steps_before = steps.load();
    const TimePoint start = std::chrono::steady_clock::now();
    for (uint64_t n = 0; n < kEvents; ++n) {
      if (site.router().Publish(corpus.Next()) != PublishResult::kAccepted) std::abort();
    }
    received.Await(before + kEvents);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    state.counters["steps_per_s"] = static_cast<double>(steps.load() - steps_before) / seconds;
    stop.store(true);
    beside.join();
    state.SetIterationTime(seconds);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kEvents));
}

// A party of its own: joins, registers, subscribes, and has its first event; then it closes.
void ServiceStart(benchmark::State& state, const std::string& backend) {
  const Site site(backend);
  EventCorpus corpus(EventKind::kCustom, kBodyBytes);
  Samples starting;
  Samples stopping;
  for (auto _ : state) {
    std::unique_ptr<EventRouter> router;
    starting.Time([&] {
      router = site.Join();
      Check(router->Register(ServiceNumber(0)));
      auto received = std::make_shared<std::atomic<bool>>(false);
      Check(router
                ->Subscribe({.service = ServiceId(0)},
                            [received](Delivery&) {
                              received->store(true);
                              received->notify_one();
                              return Verdict::kAck;
                            })
                .status());
      if (router->Publish(corpus.Next()) != PublishResult::kAccepted) std::abort();
      received->wait(false);
    });
    stopping.Time([&] { Check(router->Close(std::chrono::seconds(5))); });
  }
  starting.Report(state, "start");
  stopping.Report(state, "stop");
}

// The process: from its exec until it listens; from SIGTERM until it is gone.
void DaemonStart(benchmark::State& state) {
  const testing::PrivateDirectory directory;
  Samples starting;
  Samples stopping;
  for (auto _ : state) {
    std::optional<testing::EventdProcess> eventd;
    starting.Time([&] {
      eventd.emplace(std::vector<std::string>{"--listen", (directory.path() / "eventd.sock").string(),
                                              "--log-level", "off"});
      if (!eventd->AwaitReady()) std::abort();
    });
    stopping.Time([&] {
      eventd->Signal(SIGTERM);
      if (eventd->AwaitExit() != 0) std::abort();
    });
  }
  starting.Report(state, "start");
  stopping.Report(state, "stop");
}

void RegisterAll() {
  const auto add = [](const std::string& name, const std::string& backend, const auto& function) {
    return benchmark::RegisterBenchmark((name + "/" + backend).c_str(), function, backend)
        ->UseRealTime()
        ->Unit(benchmark::kMicrosecond);
  };
  for (const std::string& backend : SiteNames()) {
    add("Registration", backend, Registration)->Arg(kFew)->Arg(kMany);
    add("Subscription", backend, Subscription)->Arg(kFew)->Arg(kMany);
    add("Discovery", backend, Discovery)->Arg(kFew)->Arg(kMany);
    add("WatchLatency", backend, WatchLatency)->Arg(1)->Arg(kFew);
    add("ServiceStart", backend, ServiceStart)->Iterations(200);
  }
  benchmark::RegisterBenchmark("DaemonStart", DaemonStart)
      ->UseRealTime()
      ->Unit(benchmark::kMicrosecond)
      ->Iterations(100);
  for (const std::string& backend : SiteNames()) {
    for (const Activity& activity : Activities()) {
      benchmark::RegisterBenchmark(("EventsBeside/" + backend + "/" + activity.name).c_str(), EventsBeside,
                                   backend, activity)
          ->UseManualTime()
          ->Iterations(1)
          ->Repetitions(5)
          ->ReportAggregatesOnly();
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
