// The daemon beside its limits, bare relays of three processes over Unix sockets and shared memory: one way
// and round trip.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "benchmark/benchmark.h"
#include "daemon/client/daemon_client.h"
#include "daemon/server/broker.h"
#include "events/clock.h"
#include "events/mutex.h"
#include "events/payloads/read_fields.h"
#include "tests/bench/child_process.h"
#include "tests/bench/event_corpus.h"
#include "tests/bench/limits/relay.h"
#include "tests/bench/limits/shm_relay.h"
#include "tests/bench/pinning.h"
#include "tests/bench/ratio_reporter.h"
#include "tests/bench/scale.h"
#include "tests/daemon/test_endpoints.h"

namespace routebench::bench {
namespace {

constexpr size_t kBodyBytes = 512;
const uint64_t kEvents = EventsOr(1'000'000);
constexpr int kRoundTrips = 10'000;

// The argument of every benchmark here.
enum Placement : int64_t { kUnpinned, kMiddleApart, kOneProcessor };

int CpuOfEnds(const benchmark::State& state) { return state.range(0) == kUnpinned ? -1 : 0; }
int CpuOfMiddle(const benchmark::State& state) {
  return state.range(0) == kMiddleApart ? 1 : CpuOfEnds(state);
}

struct Link {
  int near;
  int far;
};

Link MakeLink() {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  return {ends[0], ends[1]};
}

uint64_t ReadWords(const char* body, size_t size) {
  uint64_t sum = 0;
  for (size_t i = 0; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, body + i, sizeof word);
    sum += word;
  }
  return sum;
}

void ReportRoundTrips(benchmark::State& state, std::vector<int64_t>& nanos) {
  std::sort(nanos.begin(), nanos.end());
  state.counters["p50_us"] = static_cast<double>(nanos[nanos.size() / 2]) / 1e3;
  state.counters["p99_us"] = static_cast<double>(nanos[nanos.size() * 99 / 100]) / 1e3;
}

void RelayOneWay(benchmark::State& state) {
  for (auto _ : state) {
    const Link in = MakeLink();
    const Link out = MakeLink();
    const ChildProcess relay([&] {
      const Pinned pin(CpuOfMiddle(state));
      RunRelay(in.far, out.far);
    });
    const TimePoint start = std::chrono::steady_clock::now();
    const ChildProcess publisher([&] {
      const Pinned pin(CpuOfEnds(state));
      FrameSocket socket(in.near);
      std::array<char, kBodyBytes> body;
      body.fill('x');
      for (uint64_t n = 0; n < kEvents; ++n) socket.Append(body.data(), body.size());
      socket.Flush();
      pause();
    });
    const Pinned pin(CpuOfEnds(state));
    FrameSocket socket(out.near);
    uint64_t sum = 0;
    for (uint64_t n = 0; n < kEvents; ++n) {
      size_t size;
      const auto body = socket.Next(&size);
      sum += ReadWords(&*body, size);
    }
    benchmark::DoNotOptimize(sum);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    for (const int descriptor : {in.near, in.far, out.far}) close(descriptor);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kEvents));
}

void RelayRoundTrip(benchmark::State& state) {
  std::vector<int64_t> nanos;
  for (auto _ : state) {
    const Link near = MakeLink();
    const Link far = MakeLink();
    const ChildProcess relay([&] {
      const Pinned pin(CpuOfMiddle(state));
      RunRelay(near.far, far.far);
    });
    const ChildProcess echo([&] {
      const Pinned pin(CpuOfEnds(state));
      FrameSocket socket(far.near);
      for (;;) {
        size_t size;
        const auto body = socket.Next(&size);
        if (size == 0) return;
        socket.Append(&*body, size);
        socket.Flush();
      }
    });
    const Pinned pin(CpuOfEnds(state));
    FrameSocket socket(near.near);
    std::array<char, kBodyBytes> body;
    body.fill('x');
    const TimePoint start = std::chrono::steady_clock::now();
    for (int n = 0; n < kRoundTrips; ++n) {
      const TimePoint sent = std::chrono::steady_clock::now();
      socket.Append(body.data(), body.size());
      socket.Flush();
      size_t size;
      socket.Next(&size);
      nanos.push_back((std::chrono::steady_clock::now() - sent).count());
    }
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    for (const int descriptor : {near.far, far.near, far.far}) close(descriptor);
  }
  ReportRoundTrips(state, nanos);
}

using Ring = SharedRing<kBodyBytes, 512>;  // as much memory as each of the daemon's rings

void ShmRelayOneWay(benchmark::State& state) {
  for (auto _ : state) {
    Ring in(RelayWait::kYield);
    Ring out(RelayWait::kYield);
    const ChildProcess relay([&] {
      const Pinned pin(CpuOfMiddle(state));
      for (;;) {
        out.Claim() = in.Front();
        out.Commit();
        in.Release();
      }
    });
    const TimePoint start = std::chrono::steady_clock::now();
    const ChildProcess publisher([&] {
      const Pinned pin(CpuOfEnds(state));
      for (uint64_t n = 0; n < kEvents; ++n) {
        in.Claim().fill('x');
        in.Commit();
      }
      pause();
    });
    const Pinned pin(CpuOfEnds(state));
    uint64_t sum = 0;
    for (uint64_t n = 0; n < kEvents; ++n) {
      sum += ReadWords(out.Front().data(), kBodyBytes);
      out.Release();
    }
    benchmark::DoNotOptimize(sum);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kEvents));
}

// The relay takes turns: what goes forth comes back before the next.
void ShmRelayRoundTrip(benchmark::State& state, RelayWait wait) {
  std::vector<int64_t> nanos;
  for (auto _ : state) {
    Ring ask(wait), asked(wait), answer(wait), answered(wait);
    const auto pass = [](Ring& from, Ring& to) {
      to.Claim() = from.Front();
      to.Commit();
      from.Release();
    };
    const ChildProcess relay([&] {
      const Pinned pin(CpuOfMiddle(state));
      for (;;) {
        pass(ask, asked);
        pass(answer, answered);
      }
    });
    const ChildProcess echo([&] {
      const Pinned pin(CpuOfEnds(state));
      for (;;) pass(asked, answer);
    });
    const Pinned pin(CpuOfEnds(state));
    const TimePoint start = std::chrono::steady_clock::now();
    for (int n = 0; n < kRoundTrips; ++n) {
      const TimePoint sent = std::chrono::steady_clock::now();
      ask.Claim().fill('x');
      ask.Commit();
      benchmark::DoNotOptimize(ReadWords(answered.Front().data(), kBodyBytes));
      answered.Release();
      nanos.push_back((std::chrono::steady_clock::now() - sent).count());
    }
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  ReportRoundTrips(state, nanos);
}

void AwaitByte(int descriptor) {
  char byte;
  if (read(descriptor, &byte, 1) != 1) std::abort();
}

// A daemon in a process of its own, the same class as eventd runs, for two peers.
class Daemon {
 public:
  Daemon(std::string_view transport, int cpu, WaitPolicy wait)
      : wait_(wait), endpoints_(transport, 2), ready_(MakeLink()), process_([&] {
          const Pinned pin(cpu);
          Serve();
        }) {
    endpoints_.GiveAwayDaemonEnds();
    std::array<char, 256> actual;
    const ssize_t size = read(ready_.near, actual.data(), actual.size());
    if (size <= 0) std::abort();
    actual_ = {std::string(actual.data(), static_cast<size_t>(size))};
    for (const int descriptor : {ready_.near, ready_.far}) close(descriptor);
  }

  // For the next of the two peers; also good in a process that is forked later.
  DaemonClientOptions NextPeer() {
    DaemonClientOptions options;
    options.endpoint = endpoints_.Dial(actual_);
    options.token_file = endpoints_.token_file();
    options.name = "bench";
    options.router.handler_threads = 1;
    options.router.wait = wait_;
    return options;
  }

 private:
  void Serve() {
    daemon::BrokerOptions options;
    options.listen = endpoints_.listen();
    options.token_file = endpoints_.token_file();
    options.wait = wait_;
    const auto broker = daemon::Broker::Start(std::move(options));
    if (!broker.ok()) std::abort();
    const std::string& actual = (*broker)->endpoints().front();
    if (write(ready_.far, actual.data(), actual.size()) < 0) std::abort();
    for (;;) pause();
  }

  const WaitPolicy wait_;
  testing::TestEndpoints endpoints_;
  const Link ready_;
  const ChildProcess process_;
  std::vector<std::string> actual_;
};

std::unique_ptr<DaemonClient> Connect(const DaemonClientOptions& options) {
  auto client = DaemonClient::Connect(options);
  if (!client.ok()) std::abort();
  return *std::move(client);
}

// Subscribes for one category and reads every field of what comes.
void SubscribeReader(EventRouter& router, const std::string& service, Category category,
                     const std::function<void(const Event&)>& then) {
  if (!router.Register({.id = service}).ok()) std::abort();
  const auto subscription = router.Subscribe(
      {.service = service, .filters = {{.kinds = KindSet::Of(category)}}, .capacity = 16'384},
      [then](Delivery& delivery) {
        benchmark::DoNotOptimize(ReadFields(delivery.event().header.kind, delivery.event().payload));
        then(delivery.event());
        return Verdict::kAck;
      });
  if (!subscription.ok()) std::abort();
}

// `kind`: plain bytes as the relay moves them, data from outside (one block of bytes in a typed body), or a
// row with its changes (many small fields).
void DaemonOneWay(benchmark::State& state, std::string_view transport, EventKind kind,
                  WaitPolicy wait = WaitPolicy::kBlock) {
  for (auto _ : state) {
    Daemon daemon(transport, CpuOfMiddle(state), wait);
    const DaemonClientOptions publishing = daemon.NextPeer();
    const DaemonClientOptions reading = daemon.NextPeer();
    const Link go = MakeLink();
    const ChildProcess publisher([&] {
      const Pinned pin(CpuOfEnds(state));
      EventCorpus corpus(kind, kBodyBytes);
      const auto client = Connect(publishing);
      AwaitByte(go.far);
      for (uint64_t n = 0; n < kEvents; ++n) {
        if (client->Publish(corpus.Next()) != PublishResult::kAccepted) std::abort();
      }
      pause();
    });
    const Pinned pin(CpuOfEnds(state));
    const auto client = Connect(reading);
    std::atomic<uint64_t> received{0};
    SubscribeReader(*client, "reader", CategoryOf(kind), [&](const Event&) {
      if (received.fetch_add(1, std::memory_order_relaxed) + 1 == kEvents) received.notify_one();
    });
    const TimePoint start = std::chrono::steady_clock::now();
    if (write(go.near, "g", 1) != 1) std::abort();
    for (uint64_t seen = received.load(); seen < kEvents; seen = received.load()) received.wait(seen);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    for (const int descriptor : {go.near, go.far}) close(descriptor);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kEvents));
}

// With plain bytes as the relay moves them, or with a row to ask and a tool's answer.
void DaemonRoundTrip(benchmark::State& state, std::string_view transport, bool typed,
                     WaitPolicy wait = WaitPolicy::kBlock) {
  std::vector<int64_t> nanos;
  for (auto _ : state) {
    Daemon daemon(transport, CpuOfMiddle(state), wait);
    const DaemonClientOptions echoing = daemon.NextPeer();
    const DaemonClientOptions calling = daemon.NextPeer();
    const Link ready = MakeLink();
    const ChildProcess echo([&] {
      const Pinned pin(CpuOfEnds(state));
      EventCorpus corpus(EventKind::kToolResponse, typed ? EventKind::kToolResponse : EventKind::kCustom,
                         kBodyBytes);
      const auto client = Connect(echoing);
      SubscribeReader(*client, "echo", Category::kDatabase,
                      [&](const Event&) { client->Publish(corpus.Next()); });
      if (write(ready.far, "e", 1) != 1) std::abort();
      for (;;) pause();
    });
    AwaitByte(ready.near);
    const Pinned pin(CpuOfEnds(state));
    EventCorpus corpus(EventKind::kRecordUpdated, typed ? EventKind::kRecordUpdated : EventKind::kCustom,
                       kBodyBytes);
    const auto client = Connect(calling);
    std::atomic<int> answers{0};
    TimePoint sent;
    nanos.reserve(kRoundTrips);
    SubscribeReader(*client, "caller", Category::kMcp, [&](const Event&) {
      const TimePoint now = std::chrono::steady_clock::now();
      nanos.push_back((now - sent).count());
      if (answers.fetch_add(1) + 1 == kRoundTrips) {
        answers.notify_one();
        return;
      }
      sent = std::chrono::steady_clock::now();
      client->Publish(corpus.Next());
    });
    const TimePoint start = std::chrono::steady_clock::now();
    sent = start;
    client->Publish(corpus.Next());
    for (int seen = answers.load(); seen < kRoundTrips; seen = answers.load()) answers.wait(seen);
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    for (const int descriptor : {ready.near, ready.far}) close(descriptor);
  }
  ReportRoundTrips(state, nanos);
}

void Shape(benchmark::internal::Benchmark* it) {
  it->ArgName("placement")->UseManualTime()->Iterations(1)->Repetitions(RepetitionsOr(3));
}
void OneWay(benchmark::internal::Benchmark* it) { Shape(it->Arg(kUnpinned)->Arg(kMiddleApart)); }
// One at a time nothing runs at once: one processor is a place like others, and the quickest.
void RoundTrip(benchmark::internal::Benchmark* it) {
  Shape(it->Arg(kUnpinned)->Arg(kMiddleApart)->Arg(kOneProcessor));
}

BENCHMARK(RelayOneWay)->Apply(OneWay);
BENCHMARK(ShmRelayOneWay)->Apply(OneWay);
BENCHMARK_CAPTURE(DaemonOneWay, shm_bytes, "shm", EventKind::kCustom)->Apply(OneWay);
BENCHMARK_CAPTURE(DaemonOneWay, shm_adaptive_bytes, "shm", EventKind::kCustom, WaitPolicy::kAdaptive)
    ->Apply(OneWay);
BENCHMARK_CAPTURE(DaemonOneWay, bytes, "unix", EventKind::kCustom)->Apply(OneWay);
BENCHMARK_CAPTURE(DaemonOneWay, data, "unix", EventKind::kExternalData)->Apply(OneWay);
BENCHMARK_CAPTURE(DaemonOneWay, row, "unix", EventKind::kRecordUpdated)->Apply(OneWay);
BENCHMARK_CAPTURE(DaemonOneWay, tcp_bytes, "tcp", EventKind::kCustom)->Apply(OneWay);
BENCHMARK_CAPTURE(DaemonOneWay, pipe_bytes, "pipe", EventKind::kCustom)->Apply(OneWay);
BENCHMARK(RelayRoundTrip)->Apply(RoundTrip);
BENCHMARK_CAPTURE(ShmRelayRoundTrip, yield, RelayWait::kYield)->Apply(RoundTrip);
BENCHMARK_CAPTURE(ShmRelayRoundTrip, block, RelayWait::kBlock)->Apply(RoundTrip);
BENCHMARK_CAPTURE(DaemonRoundTrip, shm_adaptive_bytes, "shm", false, WaitPolicy::kAdaptive)->Apply(RoundTrip);
BENCHMARK_CAPTURE(DaemonRoundTrip, adaptive_bytes, "unix", false, WaitPolicy::kAdaptive)->Apply(RoundTrip);
BENCHMARK_CAPTURE(DaemonRoundTrip, shm_bytes, "shm", false)->Apply(RoundTrip);
BENCHMARK_CAPTURE(DaemonRoundTrip, bytes, "unix", false)->Apply(RoundTrip);
BENCHMARK_CAPTURE(DaemonRoundTrip, typed, "unix", true)->Apply(RoundTrip);
BENCHMARK_CAPTURE(DaemonRoundTrip, tcp_bytes, "tcp", false)->Apply(RoundTrip);
BENCHMARK_CAPTURE(DaemonRoundTrip, pipe_bytes, "pipe", false)->Apply(RoundTrip);

}  // namespace
}  // namespace routebench::bench

int main(int argc, char** argv) {
  return routebench::bench::RunWithRatios(
      argc, argv,
      {{.title = "daemon:unix, 512 plain bytes, one way",
        .ours = "DaemonOneWay/bytes",
        .limit = "RelayOneWay/",
        .counter = "items_per_second",
        .bar = 0.4},
       {.title = "daemon:unix, typed data of 512 B, one way",
        .ours = "DaemonOneWay/data",
        .limit = "RelayOneWay/",
        .counter = "items_per_second",
        .bar = 0.4},
       {.title = "daemon:unix, a row of 512 B, one way",
        .ours = "DaemonOneWay/row",
        .limit = "RelayOneWay/",
        .counter = "items_per_second",
        .bar = 0.4},
       {.title = "daemon:shm beside daemon:unix, 512 plain bytes, one way",
        .ours = "DaemonOneWay/shm_bytes",
        .limit = "DaemonOneWay/bytes",
        .counter = "items_per_second",
        .bar = 1.5},
       {.title = "daemon:shm, 512 plain bytes, one way, beside a bare relay over shared memory",
        .ours = "DaemonOneWay/shm_bytes",
        .limit = "ShmRelayOneWay/",
        .counter = "items_per_second",
        .bar = 0.4},
       {.title = "daemon:shm, adaptive, 512 plain bytes, one way, beside a bare relay over shared memory",
        .ours = "DaemonOneWay/shm_adaptive_bytes",
        .limit = "ShmRelayOneWay/",
        .counter = "items_per_second",
        .bar = 0.4},
       {.title = "daemon:shm that blocks beside a bare relay over shared memory that blocks, round trip",
        .ours = "DaemonRoundTrip/shm_bytes",
        .limit = "ShmRelayRoundTrip/block",
        .counter = "p50_us",
        .higher_is_better = false,
        .bar = 1.3},
       {.title = "daemon:shm, adaptive, beside a bare relay over shared memory that yields, round trip",
        .ours = "DaemonRoundTrip/shm_adaptive_bytes",
        .limit = "ShmRelayRoundTrip/yield",
        .counter = "p50_us",
        .higher_is_better = false},
       {.title = "daemon:shm, adaptive, beside daemon:unix that blocks, round trip",
        .ours = "DaemonRoundTrip/shm_adaptive_bytes",
        .limit = "DaemonRoundTrip/bytes",
        .counter = "p50_us",
        .higher_is_better = false,
        .bar = 0.5},
       {.title = "daemon:unix, adaptive, beside daemon:unix that blocks, round trip",
        .ours = "DaemonRoundTrip/adaptive_bytes",
        .limit = "DaemonRoundTrip/bytes",
        .counter = "p50_us",
        .higher_is_better = false},
       {.title = "daemon:shm beside daemon:unix, 512 plain bytes, round trip",
        .ours = "DaemonRoundTrip/shm_bytes",
        .limit = "DaemonRoundTrip/bytes",
        .counter = "p50_us",
        .higher_is_better = false},
       {.title = "daemon:tcp beside daemon:unix, 512 plain bytes, one way",
        .ours = "DaemonOneWay/tcp_bytes",
        .limit = "DaemonOneWay/bytes",
        .counter = "items_per_second"},
       {.title = "daemon:tcp beside daemon:unix, 512 plain bytes, round trip",
        .ours = "DaemonRoundTrip/tcp_bytes",
        .limit = "DaemonRoundTrip/bytes",
        .counter = "p50_us",
        .higher_is_better = false},
       {.title = "daemon:pipe beside daemon:unix, 512 plain bytes, one way",
        .ours = "DaemonOneWay/pipe_bytes",
        .limit = "DaemonOneWay/bytes",
        .counter = "items_per_second"},
       {.title = "daemon:pipe beside daemon:unix, 512 plain bytes, round trip",
        .ours = "DaemonRoundTrip/pipe_bytes",
        .limit = "DaemonRoundTrip/bytes",
        .counter = "p50_us",
        .higher_is_better = false},
       {.title = "daemon:unix, 512 plain bytes, round trip",
        .ours = "DaemonRoundTrip/bytes",
        .limit = "RelayRoundTrip/",
        .counter = "p50_us",
        .higher_is_better = false,
        .bar = 1.4},
       {.title = "daemon:unix, a row of 512 B and an answer, round trip",
        .ours = "DaemonRoundTrip/typed",
        .limit = "RelayRoundTrip/",
        .counter = "p50_us",
        .higher_is_better = false}});
}
