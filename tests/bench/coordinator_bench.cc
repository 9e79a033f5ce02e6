// The coordinator's hand-over beside its limit, a bare ring between two threads.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>

#include "benchmark/benchmark.h"
#include "coordinator/data_coordinator.h"
#include "events/payloads/read_fields.h"
#include "tests/bench/event_corpus.h"
#include "tests/bench/limits/spsc_ring.h"
#include "tests/bench/pinning.h"
#include "tests/bench/ratio_reporter.h"
#include "tests/bench/scale.h"

namespace routebench::bench {
namespace {

constexpr size_t kBodyBytes = 512;
const uint64_t kEvents = EventsOr(2'000'000);
constexpr size_t kCapacity = 16'384;

uint64_t ReadWords(std::string_view body) {
  uint64_t sum = 0;
  for (size_t i = 0; i + sizeof(uint64_t) <= body.size(); i += sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, body.data() + i, sizeof word);
    sum += word;
  }
  return sum;
}

template <typename Work>
void Timed(benchmark::State& state, const Work& work) {
  const TimePoint start = std::chrono::steady_clock::now();
  work();
  state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

void BareRing(benchmark::State& state) {
  const bool pinned = state.range(0) != 0;
  for (auto _ : state) {
    SpscRing<kBodyBytes> ring(kCapacity);
    std::array<char, kBodyBytes> body;
    body.fill('x');
    uint64_t sum = 0;
    Timed(state, [&] {
      std::thread consumer([&] {
        const Pinned pin(pinned ? 1 : -1);
        for (uint64_t n = 0; n < kEvents;) {
          const auto* got = ring.Peek();
          if (got == nullptr) continue;
          sum += ReadWords({got->data(), got->size()});
          ring.Release();
          ++n;
        }
      });
      const Pinned pin(pinned ? 0 : -1);
      for (uint64_t n = 0; n < kEvents;) {
        auto* slot = ring.Claim();
        if (slot == nullptr) continue;
        *slot = body;
        ring.Commit();
        ++n;
      }
      consumer.join();
    });
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kEvents));
}

uint64_t ReadBytes(const Event& event) { return ReadWords(event.payload.bytes()); }

uint64_t ReadRow(const Event& event) { return ReadFields(event.header.kind, event.payload); }

template <typename Read>
void Coordinator(benchmark::State& state, EventKind kind, const Read& read) {
  const bool pinned = state.range(0) != 0;
  EventCorpus corpus(kind, kBodyBytes);
  for (auto _ : state) {
    RouterOptions options;
    options.handler_threads = 1;
    std::unique_ptr<DataCoordinator> router;
    {
      const Pinned pin(pinned ? 1 : -1);
      router = std::make_unique<DataCoordinator>(options);
    }
    uint64_t sum = 0;
    if (!router->Register({.id = "reader"}).ok()) return state.SkipWithError("register");
    const auto subscription = router->Subscribe(
        {.service = "reader", .filters = {{.kinds = KindSet::Of(CategoryOf(kind))}}, .capacity = kCapacity},
        [&](Delivery& delivery) {
          sum += read(delivery.event());
          return Verdict::kAck;
        });
    if (!subscription.ok()) return state.SkipWithError("subscribe");
    const Pinned pin(pinned ? 0 : -1);
    Timed(state, [&] {
      const TimePoint now = std::chrono::steady_clock::now();
      for (uint64_t n = 0; n < kEvents; ++n) {
        if (router->Publish(corpus.Next(now)) != PublishResult::kAccepted)
          return state.SkipWithError("publish");
      }
      if (!router->Drain(std::chrono::seconds(60)).ok()) state.SkipWithError("drain");
    });
    const auto statistics = router->Statistics();
    if (statistics->books.of(Outcome::kDelivered) != kEvents)
      state.SkipWithError("not every event was delivered");
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kEvents));
}

void Shape(benchmark::internal::Benchmark* it) {
  it->ArgName("pinned")->Arg(0)->Arg(1)->UseManualTime()->Iterations(1)->Repetitions(RepetitionsOr(5));
}

BENCHMARK(BareRing)->Apply(Shape);
BENCHMARK_CAPTURE(Coordinator, bytes, EventKind::kCustom, ReadBytes)->Apply(Shape);
BENCHMARK_CAPTURE(Coordinator, row, EventKind::kRecordUpdated, ReadRow)->Apply(Shape);

}  // namespace
}  // namespace routebench::bench

int main(int argc, char** argv) {
  return routebench::bench::RunWithRatios(argc, argv,
                                          {{.title = "coordinator, the same 512 B",
                                            .ours = "Coordinator/bytes/",
                                            .limit = "BareRing/",
                                            .counter = "items_per_second",
                                            .bar = 0.25},
                                           {.title = "coordinator, typed row of 512 B, all fields",
                                            .ours = "Coordinator/row/",
                                            .limit = "BareRing/",
                                            .counter = "items_per_second"}});
}
