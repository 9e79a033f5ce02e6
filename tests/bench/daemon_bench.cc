// The daemon beside its limit, a bare relay of three processes over Unix sockets: one way and round trip.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "benchmark/benchmark.h"
#include "events/clock.h"
#include "tests/bench/child_process.h"
#include "tests/bench/limits/relay.h"
#include "tests/bench/pinning.h"
#include "tests/bench/ratio_reporter.h"

namespace routebench::bench {
namespace {

constexpr size_t kBodyBytes = 512;
constexpr uint64_t kEvents = 1'000'000;
constexpr int kRoundTrips = 10'000;

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
  const bool pinned = state.range(0) != 0;
  for (auto _ : state) {
    const Link in = MakeLink();
    const Link out = MakeLink();
    const ChildProcess relay([&] {
      const Pinned pin(pinned ? 1 : -1);
      RunRelay(in.far, out.far);
    });
    const TimePoint start = std::chrono::steady_clock::now();
    const ChildProcess publisher([&] {
      const Pinned pin(pinned ? 0 : -1);
      FrameSocket socket(in.near);
      std::array<char, kBodyBytes> body;
      body.fill('x');
      for (uint64_t n = 0; n < kEvents; ++n) socket.Append(body.data(), body.size());
      socket.Flush();
      pause();
    });
    const Pinned pin(pinned ? 0 : -1);
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
  const bool pinned = state.range(0) != 0;
  std::vector<int64_t> nanos;
  for (auto _ : state) {
    const Link near = MakeLink();
    const Link far = MakeLink();
    const ChildProcess relay([&] {
      const Pinned pin(pinned ? 1 : -1);
      RunRelay(near.far, far.far);
    });
    const ChildProcess echo([&] {
      const Pinned pin(pinned ? 0 : -1);
      FrameSocket socket(far.near);
      for (;;) {
        size_t size;
        const auto body = socket.Next(&size);
        if (size == 0) return;
        socket.Append(&*body, size);
        socket.Flush();
      }
    });
    const Pinned pin(pinned ? 0 : -1);
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

BENCHMARK(RelayOneWay)->ArgName("pinned")->Arg(0)->Arg(1)->UseManualTime()->Iterations(1)->Repetitions(3);
BENCHMARK(RelayRoundTrip)->ArgName("pinned")->Arg(0)->Arg(1)->UseManualTime()->Iterations(1)->Repetitions(3);

}  // namespace
}  // namespace routebench::bench

int main(int argc, char** argv) {
  return routebench::bench::RunWithRatios(argc, argv,
                                          {{.title = "daemon:unix, 512 B, one way",
                                            .ours = "DaemonOneWay/",
                                            .limit = "RelayOneWay/",
                                            .counter = "items_per_second",
                                            .bar = 0.4},
                                           {.title = "daemon:unix, 512 B, round trip",
                                            .ours = "DaemonRoundTrip/",
                                            .limit = "RelayRoundTrip/",
                                            .counter = "p50_us",
                                            .higher_is_better = false,
                                            .bar = 1.4}});
}
