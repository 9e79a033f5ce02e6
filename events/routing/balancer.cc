#include "events/routing/balancer.h"

#include <array>
#include <tuple>

namespace routebench::routing {
namespace {

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): the n-th number of a sequence without the ones before.
uint64_t RandomNumber(uint64_t seed, uint64_t n) {
  uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

// In [0, 1).
double ToFraction(uint64_t random) { return static_cast<double>(random >> 11) * 0x1p-53; }

bool MayBePicked(Standing standing) { return standing <= Standing::kLastResort; }

// Lower is better; first of all the standing.
double Measure(Balancing balancing, const Service& service) {
  switch (balancing) {
    case Balancing::kLeastConnections:
      return service.in_flight.load(std::memory_order_relaxed);
    case Balancing::kHealthBased:
      return service.Load();
    case Balancing::kPriorityBased:
      return service.settings.priority;
    default:
      return 0;
  }
}

bool IsUnproven(Balancing balancing, const Service& service) {
  return balancing == Balancing::kHealthBased &&
         service.health.load(std::memory_order_relaxed) == Health::kUnknown;
}

}  // namespace

Standing StandingOf(const Service& service, TimePoint now) {
  if (service.breaker != nullptr && !service.breaker->WouldAdmit(now)) return Standing::kBreakerOpen;
  switch (service.health.load(std::memory_order_relaxed)) {
    case Health::kUnhealthy:
      return Standing::kUnhealthy;
    case Health::kMaintenance:
      return Standing::kInMaintenance;
    case Health::kDegraded:
      return Standing::kLastResort;
    case Health::kHealthy:
    case Health::kUnknown:
      break;
  }
  return Standing::kAvailable;
}

std::optional<size_t> Balancer::Pick(absl::Span<Service* const> candidates, TimePoint now) {
  return balancing_ == Balancing::kWeightedRandom ? PickByWeight(candidates, now)
                                                  : PickInTurn(candidates, now);
}

// Each number of the sequence serves one pick; where nobody may be picked, none is used.
std::optional<size_t> Balancer::PickByWeight(absl::Span<Service* const> candidates, TimePoint now) {
  uint64_t pick = picks_.load(std::memory_order_relaxed);
  while (true) {
    const std::optional<size_t> choice = ChooseByWeight(candidates, now, pick);
    if (!choice.has_value() || picks_.compare_exchange_weak(pick, pick + 1, std::memory_order_relaxed)) {
      return choice;
    }
  }
}

std::optional<size_t> Balancer::PickInTurn(absl::Span<Service* const> candidates, TimePoint now) {
  while (true) {
    std::optional<Choice> choice = Choose(candidates, now);
    if (!choice.has_value()) return std::nullopt;
    const uint64_t pick = picks_.fetch_add(1, std::memory_order_relaxed) + 1;
    // Lost against another thread's pick of the same service: it is somebody else's turn now.
    if (candidates[choice->index]->last_pick.compare_exchange_strong(choice->last_pick, pick,
                                                                     std::memory_order_relaxed)) {
      return choice->index;
    }
  }
}

std::optional<size_t> Balancer::Peek(absl::Span<Service* const> candidates, TimePoint now) const {
  if (balancing_ == Balancing::kWeightedRandom) {
    return ChooseByWeight(candidates, now, picks_.load(std::memory_order_relaxed));
  }
  const std::optional<Choice> choice = Choose(candidates, now);
  return choice.has_value() ? std::optional(choice->index) : std::nullopt;
}

std::optional<Balancer::Choice> Balancer::Choose(absl::Span<Service* const> candidates, TimePoint now) const {
  std::optional<Choice> best;
  std::tuple<Standing, bool, double, uint64_t> best_rank;
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Service& service = *candidates[i];
    const Standing standing = StandingOf(service, now);
    if (!MayBePicked(standing)) continue;
    const uint64_t last_pick = service.last_pick.load(std::memory_order_relaxed);
    const std::tuple rank(standing, IsUnproven(balancing_, service), Measure(balancing_, service), last_pick);
    if (best.has_value() && best_rank <= rank) continue;
    best = {i, last_pick};
    best_rank = rank;
  }
  return best;
}

// One pass, for others may change the services meanwhile: each candidate takes the place of the one before it
// with the probability that its weight has among the weights so far (Chao, Biometrika 69, 1982).
std::optional<size_t> Balancer::ChooseByWeight(absl::Span<Service* const> candidates, TimePoint now,
                                               uint64_t pick) const {
  std::array<double, 2> totals{};  // by standing
  std::array<std::optional<size_t>, 2> choices;
  const uint64_t random = RandomNumber(seed_, pick);
  for (size_t i = 0; i < candidates.size(); ++i) {
    const Standing standing = StandingOf(*candidates[i], now);
    if (!MayBePicked(standing)) continue;
    double& total = totals[static_cast<size_t>(standing)];
    const double weight = candidates[i]->settings.weight;
    total += weight;
    if (ToFraction(RandomNumber(random, i)) * total < weight) choices[static_cast<size_t>(standing)] = i;
  }
  return choices[0].has_value() ? choices[0] : choices[1];
}

}  // namespace routebench::routing
