#include "loadgen/workload/schedule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "loadgen/workload/intensity.h"
#include "loadgen/workload/quantities.h"
#include "loadgen/workload/random.h"

namespace routebench::loadgen {
namespace {

struct KindWeight {
  EventKind kind;
  uint32_t weight;
};

// How often each kind happens inside its category: everyday kinds often, life-cycle kinds rarely.
constexpr KindWeight kKindWeights[] = {
    {EventKind::kFileModified, 50},
    {EventKind::kFileCreated, 20},
    {EventKind::kFileDeleted, 12},
    {EventKind::kFileMoved, 6},
    {EventKind::kDirectoryCreated, 5},
    {EventKind::kDirectoryDeleted, 3},
    {EventKind::kFileBatch, 4},
    {EventKind::kRecordUpdated, 45},
    {EventKind::kRecordCreated, 25},
    {EventKind::kRecordDeleted, 8},
    {EventKind::kTransactionStarted, 10},
    {EventKind::kTransactionCommitted, 9},
    {EventKind::kTransactionRolledBack, 1},
    {EventKind::kTableCreated, 1},
    {EventKind::kTableDropped, 1},
    {EventKind::kSchemaChanged, 1},
    {EventKind::kApiCallCompleted, 40},
    {EventKind::kWebhookReceived, 20},
    {EventKind::kExternalData, 15},
    {EventKind::kStreamBytes, 15},
    {EventKind::kNotification, 10},
    {EventKind::kToolCall, 35},
    {EventKind::kToolResponse, 33},
    {EventKind::kToolError, 2},
    {EventKind::kResourceRequested, 12},
    {EventKind::kResourceProvided, 12},
    {EventKind::kContextUpdated, 6},
    {EventKind::kHealthCheck, 40},
    {EventKind::kRequestReceived, 25},
    {EventKind::kResponseSent, 25},
    {EventKind::kStatusChanged, 4},
    {EventKind::kConfigurationChanged, 2},
    {EventKind::kServiceRegistered, 2},
    {EventKind::kServiceUnregistered, 1},
    {EventKind::kServiceRestarted, 1},
    {EventKind::kMetricsCollected, 80},
    {EventKind::kLogRotated, 6},
    {EventKind::kConfigurationReloaded, 4},
    {EventKind::kBackupCompleted, 3},
    {EventKind::kMaintenanceStarted, 2},
    {EventKind::kMaintenanceCompleted, 2},
    {EventKind::kSystemStarted, 1},
    {EventKind::kSystemStopped, 1},
    {EventKind::kEmergencyShutdown, 1},
    {EventKind::kCustom, 1},
};

// Percent of the events by priority: critical, high, normal, low.
constexpr std::array<uint32_t, kPriorityCount> kPriorityPercent = {2, 18, 60, 20};

// Distinct body sizes of a range: bodies are made before the run and shared, so there cannot be thousands of
// sizes.
constexpr uint64_t kSizeSteps = 16;

EventKind DrawKind(Category category, Random& random) {
  uint32_t sum = 0;
  for (const KindWeight& entry : kKindWeights) sum += CategoryOf(entry.kind) == category ? entry.weight : 0;
  uint64_t draw = random.Below(sum);
  for (const KindWeight& entry : kKindWeights) {
    if (CategoryOf(entry.kind) != category) continue;
    if (draw < entry.weight) return entry.kind;
    draw -= entry.weight;
  }
  return EventKind::kCustom;
}

Priority DrawPriority(Random& random) {
  uint64_t draw = random.Below(100);
  for (size_t p = 0; p < kPriorityCount; ++p) {
    if (draw < kPriorityPercent[p]) return static_cast<Priority>(p);
    draw -= kPriorityPercent[p];
  }
  return Priority::kLow;
}

absl::StatusOr<Mix> MixOf(const record::RunPlan& plan) {
  Mix mix{};
  for (const record::ShareOfKind& share : plan.mix()) {
    const auto category = ParseCategory(share.category());
    if (!category.has_value())
      return absl::InvalidArgumentError(absl::StrCat("unknown category ", share.category()));
    mix[static_cast<size_t>(*category)] = share.percent();
  }
  return mix;
}

Category DrawCategory(const Mix& mix, Random& random) {
  // In 2^-32ths, so that the draw is an integer comparison.
  const uint64_t draw = random.Next() >> 32;
  double sum = 0;
  Category last = Category::kCustom;
  for (size_t c = 0; c < kCategoryCount; ++c) {
    if (mix[c] <= 0) continue;
    last = static_cast<Category>(c);
    sum += mix[c];
    if (static_cast<double>(draw) < sum / 100 * 0x1p32) return last;
  }
  return last;
}

// Appends the arrivals of one process: a due time and a phase each. Evenly spaced ones lie in the middle of
// their unit of the integral, so that cumulative arrivals never differ from it by more than one half.
void AddArrivals(const Intensity& intensity, bool poisson, Random& random,
                 std::vector<PlannedEvent>& events) {
  Intensity::Inverse inverse(intensity);
  const double total = intensity.total();
  for (double value = poisson ? random.Exponential() : 0.5; value <= total;
       value += poisson ? random.Exponential() : 1.0) {
    const Intensity::Inverse::Point point = inverse.At(value);
    PlannedEvent event;
    event.due_ns = std::llround(point.time * 1e9);
    event.phase = point.phase;
    events.push_back(event);
  }
}

// The shapes of the mixed pattern: bursts of file-system events, a ramp of database events, spikes of MCP
// calls.
const char* ShapeInMix(Category category) {
  switch (category) {
    case Category::kFilesystem:
      return "burst";
    case Category::kDatabase:
      return "ramp";
    case Category::kMcp:
      return "spike";
    default:
      return "steady";
  }
}

// One category's part of the mixed pattern.
struct Part {
  Category category;
  Intensity intensity;
};

absl::StatusOr<std::vector<Part>> PartsOf(const record::RunPlan& plan, const Mix& mix) {
  std::vector<Part> parts;
  for (size_t c = 0; c < kCategoryCount; ++c) {
    if (mix[c] <= 0) continue;
    const Category category = static_cast<Category>(c);
    auto intensity = MakeIntensity(plan, ShapeInMix(category), mix[c] / 100);
    if (!intensity.ok()) return intensity.status();
    parts.push_back({category, *std::move(intensity)});
  }
  return parts;
}

// The category of a superposed arrival is known; its kind is drawn later from it.
void SetCategory(PlannedEvent& event, Category category) {
  event.trace_index = static_cast<uint32_t>(category);
}

// Gives evenly spaced arrivals of all parts together their categories, so that each category, too, is never
// more than one event from its own integral: its n-th event must be an arrival inside the n-th unit of that
// integral. Among the categories whose unit has begun, the one whose unit ends first comes next. That always
// works: m units that lie in one stretch of time make the whole integral grow by m there, so there are m
// arrivals in it.
void DealCategories(const std::vector<Part>& parts, std::vector<PlannedEvent>& events) {
  struct Turn {
    Intensity::Inverse inverse;
    double total;
    double units = 0;
    double begin = 0;  // of the unit in which its next event must lie
    double end = 0;
    void Next() {
      units += 1;
      begin = end;
      end = units <= total ? inverse.At(units).time : std::numeric_limits<double>::infinity();
    }
  };
  std::vector<Turn> turns;
  for (const Part& part : parts) {
    turns.push_back({.inverse = Intensity::Inverse(part.intensity), .total = part.intensity.total()});
    turns.back().Next();
  }
  for (PlannedEvent& event : events) {
    const double time = static_cast<double>(event.due_ns) / 1e9;
    const auto sooner = [time](const Turn& a, const Turn& b) {
      const bool a_may = a.begin <= time;
      const bool b_may = b.begin <= time;
      return a_may != b_may ? a_may : a.end < b.end;
    };
    const auto next = std::min_element(turns.begin(), turns.end(), sooner);
    SetCategory(event, parts[static_cast<size_t>(next - turns.begin())].category);
    next->Next();
  }
}

// A superposition of Poisson processes is one of their sum; of evenly spaced arrivals it is not, so those are
// spaced by the sum and then dealt out.
absl::Status AddMixed(const record::RunPlan& plan, const Mix& mix, Random& random,
                      std::vector<PlannedEvent>& events) {
  const auto parts = PartsOf(plan, mix);
  if (!parts.ok()) return parts.status();
  if (plan.arrivals() != "poisson") {
    std::vector<Intensity> intensities;
    for (const Part& part : *parts) intensities.push_back(part.intensity);
    AddArrivals(Superpose(intensities), false, random, events);
    DealCategories(*parts, events);
    return absl::OkStatus();
  }
  for (const Part& part : *parts) {
    const size_t first = events.size();
    AddArrivals(part.intensity, true, random, events);
    for (size_t i = first; i < events.size(); ++i) SetCategory(events[i], part.category);
  }
  std::stable_sort(events.begin(), events.end(),
                   [](const PlannedEvent& a, const PlannedEvent& b) { return a.due_ns < b.due_ns; });
  return absl::OkStatus();
}

void Fill(const record::RunPlan& plan, const Mix& mix, Random& random, std::vector<PlannedEvent>& events) {
  const bool mixed = plan.pattern() == "mixed";
  const uint64_t span = plan.payload_max_bytes() - plan.payload_min_bytes();
  uint16_t publisher = 0;
  for (PlannedEvent& event : events) {
    const Category category = mixed ? static_cast<Category>(event.trace_index) : DrawCategory(mix, random);
    event.trace_index = 0;
    event.kind = DrawKind(category, random);
    event.priority = DrawPriority(random);
    const uint64_t step = span == 0 ? 0 : random.Below(kSizeSteps);
    event.payload_bytes = static_cast<uint32_t>(plan.payload_min_bytes() + span * step / (kSizeSteps - 1));
    event.publisher = publisher;
    publisher = static_cast<uint16_t>((publisher + 1) % plan.publishers());
  }
}

}  // namespace

absl::StatusOr<Schedule> MakeSchedule(const record::RunPlan& plan) {
  const auto mix = MixOf(plan);
  if (!mix.ok()) return mix.status();
  const double seconds = static_cast<double>(plan.warmup_ns() + plan.duration_ns()) / 1e9;
  if (plan.rate_per_s() * seconds > static_cast<double>(kMaxEvents)) {
    return absl::InvalidArgumentError(absl::StrCat("the run would offer more than ", kMaxEvents,
                                                   " events: shorten --duration or lower --rate"));
  }
  Schedule schedule;
  schedule.phases = PhasesOf(plan);
  schedule.end_ns = static_cast<int64_t>(plan.warmup_ns() + plan.duration_ns());
  Random random(plan.seed());
  if (plan.pattern() == "mixed") {
    if (absl::Status status = AddMixed(plan, *mix, random, schedule.events); !status.ok()) return status;
  } else {
    const auto intensity = MakeIntensity(plan, plan.pattern(), 1);
    if (!intensity.ok()) return intensity.status();
    AddArrivals(*intensity, plan.arrivals() == "poisson", random, schedule.events);
  }
  if (schedule.events.empty()) {
    return absl::InvalidArgumentError("the run would offer no event: raise --rate or --duration");
  }
  Fill(plan, *mix, random, schedule.events);
  SetHash(schedule);
  return schedule;
}

void SetHash(Schedule& schedule) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto mix = [&hash](uint64_t value) {
    for (int i = 0; i < 8; ++i) {
      hash = (hash ^ (value & 0xff)) * 0x100000001b3;
      value >>= 8;
    }
  };
  for (const PlannedEvent& event : schedule.events) {
    mix(static_cast<uint64_t>(event.due_ns));
    mix(event.payload_bytes | uint64_t{event.trace_index} << 32);
    mix(static_cast<uint64_t>(event.kind) | static_cast<uint64_t>(event.priority) << 8 |
        uint64_t{event.phase} << 16 | uint64_t{event.publisher} << 24);
  }
  schedule.hash = hash;
}

}  // namespace routebench::loadgen
