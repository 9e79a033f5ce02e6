#include "analysis/record/stages.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "analysis/record/format.h"
#include "analysis/record/metrics.h"

namespace routebench::record {
namespace {

constexpr double kTolerance = 0.02;
constexpr double kSurely = 3;  // standard errors

struct Limits {
  const char* name;
  double low;
  double high;
};
constexpr Limits kBands[] = {{"p50", 0.45, 0.55}, {"p99", 0.985, 0.995}};

// All runs' response, as the quantiles of the report have it.
struct Responses {
  Histogram histogram;
  uint64_t missing = 0;
};

Responses MergeResponses(const std::vector<const RunRecord*>& runs) {
  Responses all;
  for (const RunRecord* run : runs) {
    const MeasuredPart part = MeasuredPartOf(*run);
    all.histogram.Merge(part.response);
    all.missing += part.missing();
  }
  return all;
}

StageBand BandOf(const std::vector<const RunRecord*>& runs, const Limits& limits, const Responses& all,
                 size_t stages) {
  StageBand band;
  band.name = limits.name;
  const auto low = all.histogram.Quantile(limits.low, all.missing);
  const auto high = all.histogram.Quantile(limits.high, all.missing);
  if (!low.has_value() || !high.has_value()) return band;
  std::vector<double> sums(stages);
  double responses = 0;
  for (const RunRecord* run : runs) {
    const auto& kept = run->stages().stage_ns();
    for (int at = 0; at + static_cast<int>(stages) <= kept.size(); at += static_cast<int>(stages)) {
      uint64_t response = 0;
      for (size_t i = 0; i < stages; ++i) response += kept[at + static_cast<int>(i)];
      if (static_cast<int64_t>(response) < *low || static_cast<int64_t>(response) > *high) continue;
      ++band.samples;
      responses += static_cast<double>(response);
      for (size_t i = 0; i < stages; ++i) sums[i] += static_cast<double>(kept[at + static_cast<int>(i)]);
    }
  }
  if (band.samples < StageBand::kMinSamples) return band;
  const auto count = static_cast<double>(band.samples);
  band.response_ns = responses / count;
  for (const double sum : sums) band.mean_ns.push_back(sum / count);
  return band;
}

// One event's deliveries are late together: they are one observation.
void CompareMeans(const std::vector<const RunRecord*>& runs, const Responses& all, StageTable& table) {
  double sum = 0;
  double squares = 0;
  double observations = 0;
  for (const RunRecord* run : runs) {
    sum += run->stages().response_sum_ns();
    squares += run->stages().response_sum_of_squares();
    observations += static_cast<double>(run->stages().deliveries()) / std::max(1.0, run->plan().fan_out());
  }
  const auto count = static_cast<double>(table.deliveries);
  const double mean = sum / count;
  const double all_mean = all.histogram.mean().value_or(0);
  if (all_mean <= 0 || observations <= 1) return;
  const double variance = std::max(0.0, squares / count - mean * mean);
  table.difference = mean / all_mean - 1;
  table.standard_error = std::sqrt(variance / (observations - 1)) / all_mean;
  if (table.standard_error > kTolerance) return;
  if (std::abs(table.difference) <= kTolerance) {
    table.check = SampleCheck::kAgrees;
  } else if (std::abs(table.difference) > kSurely * table.standard_error) {
    table.check = SampleCheck::kDiffers;
  }
}

absl::Status Wrong(const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("its sampled stages ", what));
}

}  // namespace

const std::vector<std::string>& StageMarkNames() {
  static const auto& names = *new std::vector<std::string>{
      "due", "sent", "encoded", "received", "routed", "queued", "written", "arrived", "decoded", "handled"};
  return names;
}

StageTable TabulateStages(const std::vector<const RunRecord*>& runs) {
  StageTable table;
  const RunRecord* first = nullptr;  // with deliveries
  for (const RunRecord* run : runs) {
    table.one_in = std::max(table.one_in, run->plan().stage_sampling());
    table.violations += run->stages().violations();
    table.deliveries += run->stages().deliveries();
    if (first == nullptr && run->stages().deliveries() > 0) first = run;
  }
  if (first == nullptr) return table;
  const auto& marks = first->stages().marks();
  table.stages.assign(marks.begin() + 1, marks.end());
  std::vector<const RunRecord*> alike;  // another backend's stages are others
  for (const RunRecord* run : runs) {
    if (std::equal(marks.begin(), marks.end(), run->stages().marks().begin(), run->stages().marks().end()))
      alike.push_back(run);
  }
  const Responses all = MergeResponses(runs);
  for (const Limits& limits : kBands) {
    table.bands.push_back(BandOf(alike, limits, all, table.stages.size()));
  }
  CompareMeans(runs, all, table);
  return table;
}

std::string SamplingText(const StageTable& table) {
  const std::string sampled = absl::StrCat("1 in ", table.one_in, " events, ", FormatCount(table.deliveries),
                                           " deliveries sampled; their mean response ");
  const std::string figures = absl::StrFormat("%+.1f %% (standard error %.1f %%)", table.difference * 100,
                                              table.standard_error * 100);
  switch (table.check) {
    case SampleCheck::kAgrees:
      return absl::StrCat(sampled, "agrees with that of all: ", figures);
    case SampleCheck::kDiffers:
      return absl::StrCat(sampled, "DIFFERS from that of all: ", figures);
    case SampleCheck::kTooFew:
      break;
  }
  return absl::StrCat(sampled, "cannot be compared with that of all, not enough samples: ", figures);
}

std::string InjectionText(const RunPlan& plan) {
  const auto nanos = [](uint64_t value) { return FormatNanos(static_cast<double>(value)); };
  std::vector<std::string> parts;
  for (const InjectedDelay& delay : plan.injected_delays()) {
    parts.push_back(absl::StrCat(nanos(delay.delay_ns()), " before ", delay.mark()));
  }
  for (const InjectedFreeze& freeze : plan.injected_freezes()) {
    parts.push_back(
        absl::StrCat(freeze.mark(), " frozen for ", nanos(freeze.for_ns()), " at ", nanos(freeze.at_ns())));
  }
  return parts.empty() ? "" : absl::StrCat("INJECTED: ", absl::StrJoin(parts, ", "));
}

absl::Status CheckStages(const StageRecord& stages) {
  const std::vector<std::string>& names = StageMarkNames();
  auto next = names.begin();
  for (const std::string& mark : stages.marks()) {
    next = std::find(next, names.end(), mark);
    if (next == names.end()) return Wrong("have marks that are unknown or out of order");
    ++next;
  }
  if (stages.marks().empty()) {
    return stages.deliveries() == 0 && stages.stage_ns().empty() ? absl::OkStatus() : Wrong("have no marks");
  }
  if (stages.marks().size() < 2 || stages.marks(0) != names.front() ||
      stages.marks(stages.marks_size() - 1) != names.back()) {
    return Wrong("do not lead from the due time to the handler");
  }
  const uint64_t each = static_cast<uint64_t>(stages.marks_size()) - 1;
  const auto numbers = static_cast<uint64_t>(stages.stage_ns_size());
  if (numbers % each != 0 || numbers / each > stages.deliveries())
    return Wrong("are not those of its deliveries");
  // Written so that what is no number is refused.
  if (!(stages.response_sum_ns() >= 0 && std::isfinite(stages.response_sum_ns())) ||
      !(stages.response_sum_of_squares() >= 0 && std::isfinite(stages.response_sum_of_squares()))) {
    return Wrong("have an impossible sum");
  }
  constexpr uint64_t kLongest = uint64_t{1} << 58;  // sums of nine fit
  for (const uint64_t nanos : stages.stage_ns()) {
    if (nanos > kLongest) return Wrong("have an impossible time");
  }
  return absl::OkStatus();
}

}  // namespace routebench::record
