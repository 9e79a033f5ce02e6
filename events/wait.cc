#include "events/wait.h"

#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

namespace routebench {
namespace {

constexpr std::array<std::string_view, kWaitPolicyCount> kNames = {"block", "adaptive", "spin"};

// Where a wake-up takes longer than this the machine was busy with something else.
constexpr Duration kMaxBudget = std::chrono::microseconds(200);

void Relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Two threads that take turns in waking each other.
Duration MeasureWakeUpCost() {
  constexpr size_t kRounds = 101;
  const std::array<int, 2> bells = {eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC)};
  std::array<Duration, kRounds> rounds{};
  if (bells[0] >= 0 && bells[1] >= 0) {
    std::thread other([&] {
      eventfd_t count;
      for (size_t i = 0; i < kRounds; ++i) {
        eventfd_read(bells[0], &count);
        eventfd_write(bells[1], 1);
      }
    });
    for (Duration& round : rounds) {
      const TimePoint start = Clock::System().Now();
      eventfd_t count;
      eventfd_write(bells[0], 1);
      eventfd_read(bells[1], &count);
      round = Clock::System().Now() - start;
    }
    other.join();
  }
  for (const int bell : bells) close(bell);
  std::nth_element(rounds.begin(), rounds.begin() + kRounds / 2, rounds.end());
  return rounds[kRounds / 2] / 2;
}

}  // namespace

std::string_view Name(WaitPolicy policy) { return kNames[static_cast<size_t>(policy)]; }

std::optional<WaitPolicy> ParseWaitPolicy(std::string_view name) {
  for (size_t i = 0; i < kWaitPolicyCount; ++i) {
    if (kNames[i] == name) return static_cast<WaitPolicy>(i);
  }
  return std::nullopt;
}

uint32_t AvailableProcessors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return static_cast<uint32_t>(CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

Duration WakeUpCost() {
  static const Duration cost = MeasureWakeUpCost();
  return cost;
}

Patience::Patience(WaitPolicy policy, uint32_t parties)
    : Patience(policy, policy != WaitPolicy::kBlock && parties > AvailableProcessors(),
               policy == WaitPolicy::kAdaptive ? std::min(2 * WakeUpCost(), kMaxBudget) : Duration::zero(),
               Clock::System()) {}

Patience::Patience(WaitPolicy policy, bool yields, Duration budget, const Clock& clock)
    : policy_(policy), yields_(yields), budget_(budget), clock_(clock) {}

bool Patience::LookAgain() {
  if (policy_ == WaitPolicy::kBlock) return false;
  if (policy_ == WaitPolicy::kAdaptive) {
    const TimePoint now = clock_.Now();
    if (!end_.has_value()) end_ = now + budget_;
    if (now >= *end_) return false;
  }
  if (yields_) {
    sched_yield();
  } else {
    Relax();
  }
  return true;
}

}  // namespace routebench
