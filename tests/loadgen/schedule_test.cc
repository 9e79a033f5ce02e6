#include "loadgen/workload/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "analysis/stats/ks_test.h"
#include "loadgen/workload/intensity.h"
#include "loadgen/workload/quantities.h"
#include "loadgen/workload/random.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

record::RunPlan PlanOf(const std::string& pattern) {
  record::RunPlan plan;
  plan.set_pattern(pattern);
  plan.set_arrivals("even");
  plan.set_rate_per_s(5'000);
  plan.set_warmup_ns(500'000'000);
  plan.set_duration_ns(2'000'000'000);
  plan.set_payload_min_bytes(512);
  plan.set_payload_max_bytes(4096);
  plan.set_publishers(3);
  plan.set_seed(7);
  const Mix mix = DefaultMix();
  for (size_t c = 0; c < kCategoryCount; ++c) {
    if (mix[c] <= 0) continue;
    record::ShareOfKind& share = *plan.add_mix();
    share.set_category(std::string(Name(static_cast<Category>(c))));
    share.set_percent(mix[c]);
  }
  record::Shape& shape = *plan.mutable_shape();
  shape.set_burst_size(700);
  shape.set_burst_every_ns(300'000'000);  // not a part of the duration
  shape.set_burst_factor(5);
  shape.set_ramp_from(0.2);
  shape.set_ramp_to(3);
  shape.set_spike_factor(8);
  shape.set_spike_at_ns(333'000'000);
  shape.set_spike_for_ns(100'000'000);
  shape.set_spike_every_ns(700'000'000);
  return plan;
}

Schedule Make(const record::RunPlan& plan) {
  absl::StatusOr<Schedule> schedule = MakeSchedule(plan);
  EXPECT_TRUE(schedule.ok()) << schedule.status();
  return schedule.ok() ? *std::move(schedule) : Schedule();
}

Intensity IntensityOf(const record::RunPlan& plan, const std::string& pattern, double share = 1) {
  absl::StatusOr<Intensity> intensity = MakeIntensity(plan, pattern, share);
  EXPECT_TRUE(intensity.ok()) << intensity.status();
  return intensity.ok() ? *std::move(intensity) : Intensity();
}

std::string ErrorOf(const record::RunPlan& plan) {
  return std::string(MakeSchedule(plan).status().message());
}

// The largest difference between the arrivals so far and the integral, just before and at every arrival.
double LargestDifference(const std::vector<double>& times, const Intensity& intensity) {
  double largest = 0;
  for (size_t i = 0; i < times.size(); ++i) {
    const double integral = intensity.Integral(times[i]);
    largest = std::max({largest, std::abs(static_cast<double>(i) - integral),
                        std::abs(static_cast<double>(i + 1) - integral)});
  }
  return std::max(largest, std::abs(static_cast<double>(times.size()) - intensity.total()));
}

std::vector<double> TimesOf(const Schedule& schedule, const Category* category = nullptr) {
  std::vector<double> times;
  for (const PlannedEvent& event : schedule.events) {
    if (category == nullptr || CategoryOf(event.kind) == *category)
      times.push_back(static_cast<double>(event.due_ns) / 1e9);
  }
  return times;
}

// Unit exponential where the arrivals are a Poisson process of this intensity.
double PoissonP(const std::vector<double>& times, const Intensity& intensity) {
  std::vector<double> gaps;
  double before = 0;
  for (const double time : times) {
    const double integral = intensity.Integral(time);
    gaps.push_back(integral - before);
    before = integral;
  }
  return stats::KolmogorovSmirnov(gaps, [](double x) { return x <= 0 ? 0 : 1 - std::exp(-x); }).p;
}

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

class EveryShape : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryShape, KeepsTheMeanRate) {
  const record::RunPlan plan = PlanOf(GetParam());
  const Intensity intensity = IntensityOf(plan, GetParam());
  EXPECT_NEAR(intensity.Integral(0.5), 2'500, 1e-6) << "warm-up";
  EXPECT_NEAR(intensity.total(), 12'500, 1e-6);
  EXPECT_NEAR(IntensityOf(plan, GetParam(), 0.1).total(), 1'250, 1e-6) << "a share";
}

TEST_P(EveryShape, EvenArrivalsFollowTheIntegralWithinOneEvent) {
  const record::RunPlan plan = PlanOf(GetParam());
  EXPECT_LE(LargestDifference(TimesOf(Make(plan)), IntensityOf(plan, GetParam())), 1);
}

TEST_P(EveryShape, PoissonArrivalsAreAPoissonProcess) {
  record::RunPlan plan = PlanOf(GetParam());
  plan.set_arrivals("poisson");
  const Schedule schedule = Make(plan);
  EXPECT_GT(PoissonP(TimesOf(schedule), IntensityOf(plan, GetParam())), 0.01);
  // 4 standard deviations of the number of arrivals.
  EXPECT_NEAR(static_cast<double>(schedule.events.size()), 12'500, 4 * std::sqrt(12'500));
}

INSTANTIATE_TEST_SUITE_P(Shapes, EveryShape, ::testing::Values("steady", "burst", "ramp", "spike"));

TEST(Schedule, EvenArrivalsAreNoPoissonProcess) {
  const record::RunPlan plan = PlanOf("steady");
  EXPECT_LT(PoissonP(TimesOf(Make(plan)), IntensityOf(plan, "steady")), 1e-6);
}

Intensity WholeOf(const record::RunPlan& plan) {
  std::vector<Intensity> parts;
  for (const record::ShareOfKind& share : plan.mix()) {
    const char* const shape = ShapeInMix(ParseCategory(share.category()).value());
    parts.push_back(IntensityOf(plan, shape, share.percent() / 100));
  }
  return Superpose(parts);
}

// As due times are whole nanoseconds.
constexpr double kOne = 1 + 1e-4;

// Mixes that leave the dealing of categories little choice, besides the default one.
class Mixed : public ::testing::TestWithParam<const char*> {
 protected:
  Mixed() : plan_(PlanOf("mixed")) {
    const Mix mix = ParseMix(GetParam()).value();
    plan_.clear_mix();
    for (size_t c = 0; c < kCategoryCount; ++c) {
      if (mix[c] <= 0) continue;
      record::ShareOfKind& share = *plan_.add_mix();
      share.set_category(std::string(Name(static_cast<Category>(c))));
      share.set_percent(mix[c]);
    }
  }
  record::RunPlan plan_;
};

TEST_P(Mixed, FollowsTheSumOfItsIntensitiesWithinOneEvent) {
  EXPECT_NEAR(WholeOf(plan_).total(), 12'500, 1e-6);
  EXPECT_LE(LargestDifference(TimesOf(Make(plan_)), WholeOf(plan_)), 1);
}

TEST_P(Mixed, FollowsTheIntensityOfEachCategoryWithinOneEvent) {
  const Schedule schedule = Make(plan_);
  for (const record::ShareOfKind& share : plan_.mix()) {
    const Category category = ParseCategory(share.category()).value();
    EXPECT_LE(LargestDifference(TimesOf(schedule, &category),
                                IntensityOf(plan_, ShapeInMix(category), share.percent() / 100)),
              kOne)
        << share.category();
  }
}

TEST_P(Mixed, PoissonArrivalsAreAPoissonProcessInEachCategoryAndTogether) {
  plan_.set_arrivals("poisson");
  const Schedule schedule = Make(plan_);
  EXPECT_GT(PoissonP(TimesOf(schedule), WholeOf(plan_)), 0.001);
  for (const record::ShareOfKind& share : plan_.mix()) {
    const Category category = ParseCategory(share.category()).value();
    EXPECT_GT(PoissonP(TimesOf(schedule, &category),
                       IntensityOf(plan_, ShapeInMix(category), share.percent() / 100)),
              0.001)
        << share.category();
  }
}

INSTANTIATE_TEST_SUITE_P(, Mixed,
                         ::testing::Values("filesystem=30,database=25,external=20,mcp=10,service=10,system=5",
                                           "filesystem=100", "filesystem=50,database=50",
                                           "filesystem=97,database=1,mcp=1,system=1",
                                           "database=33.5,mcp=33.25,custom=33.25",
                                           "filesystem=14,database=14,external=14,mcp=14,service=14,"
                                           "system=15,custom=15"));

TEST(Intensity, SuperposesShapesWithBordersAtDifferentTimes) {
  Intensity falling;
  falling.Add({0, 2, 4, 0, 1});
  Intensity steps;
  steps.Add({0, 0.5, 10, 10, 1});
  steps.Add({0.5, 2, 20, 20, 1});
  const Intensity sum = Superpose({falling, steps});
  EXPECT_EQ(sum.segments().size(), 2u);
  for (const double time : {0.0, 0.3, 0.5, 1.0, 1.7, 2.0})
    EXPECT_DOUBLE_EQ(sum.Integral(time), falling.Integral(time) + steps.Integral(time)) << time;
  EXPECT_EQ(Superpose({}).total(), 0);
}

TEST(Schedule, IsInOrderInsideTheRunAndNamesItsPhases) {
  for (const char* pattern : {"steady", "burst", "ramp", "spike", "mixed"}) {
    const record::RunPlan plan = PlanOf(pattern);
    const Schedule schedule = Make(plan);
    EXPECT_EQ(schedule.end_ns, 2'500'000'000);
    EXPECT_EQ(schedule.phases.front(), "warmup");
    int64_t before = 0;
    for (const PlannedEvent& event : schedule.events) {
      ASSERT_LE(before, event.due_ns) << pattern;
      ASSERT_LE(event.due_ns, schedule.end_ns) << pattern;
      ASSERT_LT(event.phase, schedule.phases.size()) << pattern;
      ASSERT_EQ(event.phase == 0, event.due_ns < 500'000'000) << pattern;
      before = event.due_ns;
    }
  }
}

TEST(Schedule, TellsBurstsFromWhatIsBetween) {
  const record::RunPlan plan = PlanOf("burst");
  const Schedule schedule = Make(plan);
  EXPECT_THAT(schedule.phases, ElementsAre("warmup", "burst", "between"));
  std::map<std::string, int> counts;
  for (const PlannedEvent& event : schedule.events) ++counts[schedule.phases[event.phase]];
  EXPECT_NEAR(counts["burst"], 6 * 700, 6) << "six whole periods fit";
  EXPECT_NEAR(counts["between"], 10'000 - 6 * 700, 6);
}

TEST(Schedule, SpikesByTheirFactorWhenTheyAreDue) {
  const record::RunPlan plan = PlanOf("spike");
  const Intensity intensity = IntensityOf(plan, "spike");
  const auto rate_at = [&](double time) {
    return (intensity.Integral(time + 0.001) - intensity.Integral(time)) / 0.001;
  };
  EXPECT_NEAR(rate_at(0.5 + 0.340) / rate_at(0.5 + 0.200), 8, 1e-6);
  EXPECT_NEAR(rate_at(0.5 + 1.040) / rate_at(0.5 + 0.200), 8, 1e-6);
  EXPECT_NEAR(rate_at(0.5 + 0.440) / rate_at(0.5 + 0.200), 1, 1e-6);
}

TEST(Schedule, KeepsTheMixAndSpreadsOverPublishersAndSizes) {
  const record::RunPlan plan = PlanOf("steady");
  const Schedule schedule = Make(plan);
  std::array<double, kCategoryCount> categories{};
  std::array<int, 3> publishers{};
  uint32_t smallest = UINT32_MAX;
  uint32_t largest = 0;
  for (const PlannedEvent& event : schedule.events) {
    ++categories[static_cast<size_t>(CategoryOf(event.kind))];
    ++publishers.at(event.publisher);
    smallest = std::min(smallest, event.payload_bytes);
    largest = std::max(largest, event.payload_bytes);
  }
  const Mix mix = DefaultMix();
  for (size_t c = 0; c < kCategoryCount; ++c) {
    const double expected = mix[c] / 100 * 12'500;
    EXPECT_NEAR(categories[c], expected, 4 * std::sqrt(expected) + 1e-9);
  }
  EXPECT_NEAR(publishers[0], publishers[2], 1);
  EXPECT_EQ(smallest, 512u);
  EXPECT_EQ(largest, 4096u);
}

// One hash for each pattern: a schedule is the same to the bit with every compiler and on every machine.
TEST(Schedule, IsTheSameEverywhere) {
  const std::map<std::string, std::pair<uint64_t, uint64_t>> golden = {
      {"steady", {17606976785522425629u, 13360217820520794773u}},
      {"burst", {11147875346730050420u, 6466879925503202724u}},
      {"ramp", {3100053923440992377u, 9961794153429855899u}},
      {"spike", {11785649992456237937u, 16486528492258616317u}},
      {"mixed", {11602518088336338737u, 17577370629182837610u}},
  };
  for (const auto& [pattern, hashes] : golden) {
    record::RunPlan plan = PlanOf(pattern);
    EXPECT_EQ(Make(plan).hash, hashes.first) << pattern << ", even";
    plan.set_arrivals("poisson");
    EXPECT_EQ(Make(plan).hash, hashes.second) << pattern << ", poisson";
  }
}

TEST(Schedule, DependsOnTheSeed) {
  record::RunPlan plan = PlanOf("steady");
  const uint64_t hash = Make(plan).hash;
  EXPECT_EQ(Make(plan).hash, hash);
  plan.set_seed(8);
  EXPECT_NE(Make(plan).hash, hash);
}

TEST(Schedule, RefusesShapesThatCannotKeepTheMean) {
  record::RunPlan plan = PlanOf("burst");
  plan.mutable_shape()->set_burst_size(2'000);
  EXPECT_THAT(ErrorOf(plan), HasSubstr("--burst-size"));
  plan = PlanOf("burst");
  plan.mutable_shape()->set_burst_factor(1);
  EXPECT_THAT(ErrorOf(plan), HasSubstr("--burst-factor"));
  plan = PlanOf("burst");
  plan.mutable_shape()->set_burst_every_ns(3'000'000'000);
  EXPECT_THAT(ErrorOf(plan), HasSubstr("--burst-every"));
  plan = PlanOf("ramp");
  plan.mutable_shape()->set_ramp_from(-1);
  EXPECT_THAT(ErrorOf(plan), HasSubstr("--ramp-from"));
  plan = PlanOf("spike");
  plan.mutable_shape()->set_spike_at_ns(1'950'000'000);
  EXPECT_THAT(ErrorOf(plan), HasSubstr("--spike-at"));
  plan = PlanOf("spike");
  plan.mutable_shape()->set_spike_every_ns(50'000'000);
  EXPECT_THAT(ErrorOf(plan), HasSubstr("--spike-every"));
}

TEST(Schedule, RefusesTooManyEventsAndNone) {
  record::RunPlan plan = PlanOf("steady");
  plan.set_rate_per_s(1e9);
  EXPECT_THAT(ErrorOf(plan), HasSubstr("more than"));
  plan.set_rate_per_s(0.01);
  EXPECT_THAT(ErrorOf(plan), HasSubstr("no event"));
}

TEST(Random, IsSplitMix64) {
  // The reference implementation's first numbers for this seed.
  Random random(1234567);
  EXPECT_EQ(random.Next(), 6457827717110365317u);
  EXPECT_EQ(random.Next(), 3203168211198807973u);
  EXPECT_EQ(random.Next(), 9817491932198370423u);
}

TEST(Random, DrawsExponentialsAndEvenNumbers) {
  Random random(3);
  std::vector<double> values;
  std::array<int, 6> counts{};
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(random.Exponential());
    ++counts.at(random.Below(6));
  }
  EXPECT_GT(stats::KolmogorovSmirnov(values, [](double x) { return x <= 0 ? 0 : 1 - std::exp(-x); }).p, 0.01);
  for (const int count : counts) EXPECT_NEAR(count, 20'000 / 6, 4 * std::sqrt(20'000 / 6));
}

TEST(Services, TakeCategoriesInRotation) {
  record::RunPlan plan = PlanOf("steady");
  PlanServices(7, plan);
  ASSERT_EQ(plan.services_size(), 7);
  EXPECT_THAT(plan.services(0).categories(), ElementsAre("filesystem"));
  EXPECT_THAT(plan.services(2).categories(), ElementsAre("external", "mcp"));
  EXPECT_THAT(plan.services(6).categories(), ElementsAre("filesystem"));
  EXPECT_TRUE(KindsOf(plan.services(2)).Contains(EventKind::kToolCall));
  EXPECT_FALSE(KindsOf(plan.services(2)).Contains(EventKind::kFileCreated));
}

TEST(Services, CountTheDeliveriesOfAnEvent) {
  record::RunPlan plan = PlanOf("steady");
  PlanServices(2, plan);  // filesystem, database
  Schedule schedule;
  for (const EventKind kind : {EventKind::kFileCreated, EventKind::kToolCall}) {
    schedule.events.emplace_back().kind = kind;
  }
  EXPECT_EQ(FanOut(schedule, plan), 0.5);
  EXPECT_EQ(FanOut(Schedule(), plan), 0);
}

TEST(Services, KnowTheLevels) {
  const auto stress = FindLevel("stress");
  ASSERT_TRUE(stress.has_value());
  EXPECT_EQ(stress->events, 100'000u);
  EXPECT_EQ(stress->services, 100u);
  EXPECT_EQ(stress->payload_bytes, 8192u);
  EXPECT_EQ(FindLevel("light")->events, 100u);
  EXPECT_FALSE(FindLevel("extreme").has_value());
}

}  // namespace
}  // namespace routebench::loadgen
