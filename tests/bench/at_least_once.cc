// A publisher at 20,000 events per second, one at-least-once subscriber, and a daemon that is killed at
// random moments and started again:
//
//   ROUTEBENCH_EVENTD=build/daemon/eventd build/tests/bench/at_least_once [KILLS]
//
// Prints the books and how long it took from the new daemon's ready line to the first event in the handler.
// Fails when anything was lost or handed twice.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include "tests/integration/kill_run.h"

namespace routebench {
namespace {

constexpr uint64_t kMaxEvents = 50'000'000;
constexpr double kPerSecond = 20'000;
constexpr int kMostMicros = 40'000;  // between the first event of one daemon and its death

double Millis(Duration duration) { return std::chrono::duration<double, std::milli>(duration).count(); }

int Run(int kills) {
  const auto seed = std::random_device()();
  std::mt19937 random(seed);
  testing::KillRun run(kMaxEvents);
  if (!run.StartEventd() || !run.Connect().ok() || !run.Subscribe().ok()) return 1;
  const TimePoint start = Clock::System().Now();
  run.StartPublisher(kMaxEvents, kPerSecond);
  std::vector<Duration> first;
  for (int i = 0; i < kills; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(random() % kMostMicros));
    run.KillEventd();
    if (!run.StartEventd()) return 1;
    const TimePoint ready = Clock::System().Now();
    run.WatchFirst();
    const auto handed = run.AwaitFirst();
    if (!handed.has_value()) return 1;
    first.push_back(*handed - ready);
  }
  run.StopPublisher();
  run.JoinPublisher();
  const absl::Status drained = run.Drain();
  const auto books = run.books();
  std::sort(first.begin(), first.end());
  std::printf(
      "seed %u: %d kills in %.1f s, %llu events accepted (%.0f/s), %llu acknowledged, %llu otherwise\n", seed,
      kills, Millis(Clock::System().Now() - start) / 1e3, static_cast<unsigned long long>(books.accepted),
      static_cast<double>(books.accepted) / (Millis(Clock::System().Now() - start) / 1e3),
      static_cast<unsigned long long>(books.released),
      static_cast<unsigned long long>(books.released_otherwise));
  std::printf(
      "lost %llu, acknowledged before they were handed %llu, handed twice %llu; resent %llu, recognised "
      "%llu\n",
      static_cast<unsigned long long>(books.lost),
      static_cast<unsigned long long>(books.released_before_handed),
      static_cast<unsigned long long>(books.duplicates),
      static_cast<unsigned long long>(run.publisher().statistics().resent),
      static_cast<unsigned long long>(run.subscriber().statistics().redeliveries));
  if (!first.empty()) {
    std::printf("from ready to the first event handed: median %.2f ms, p99 %.2f ms, worst %.2f ms\n",
                Millis(first[first.size() / 2]), Millis(first[first.size() * 99 / 100]),
                Millis(first.back()));
  }
  const bool good = drained.ok() && books.lost + books.duplicates + books.released_before_handed == 0 &&
                    books.released == books.accepted;
  std::printf("%s\n", good ? "exactly once" : "NOT exactly once");
  return good ? 0 : 1;
}

}  // namespace
}  // namespace routebench

int main(int argc, char** argv) { return routebench::Run(argc > 1 ? std::atoi(argv[1]) : 1000); }
