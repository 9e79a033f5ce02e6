// A first reading of where a difference comes from: which resource changed most per event between two arms.
// It compares sums over whole runs and proves nothing about causes.
#ifndef ROUTEBENCH_ANALYSIS_DIAGNOSIS_FIRST_READING_H_
#define ROUTEBENCH_ANALYSIS_DIAGNOSIS_FIRST_READING_H_

#include <optional>
#include <string>
#include <vector>

#include "analysis/record/metrics.h"

namespace routebench::diagnosis {

// One resource, as medians over each arm's runs. A resource that an arm does not have (the daemon's CPU where
// there is no daemon, the wire where nothing crosses a process boundary) is 0 there; one that is not known in
// either arm is left out.
struct ResourceChange {
  std::string resource;
  record::Unit unit = record::Unit::kNanos;
  double a = 0;
  double b = 0;
};

struct Reading {
  std::vector<ResourceChange> changes;  // in a fixed order
  // The resource measured in time that explains most of the change: more than half of all such changes
  // together and at least 10 % of what A spends. Nothing: no clear one.
  std::optional<ResourceChange> largest;
};

Reading ReadFirst(const std::vector<const record::RunRecord*>& a,
                  const std::vector<const record::RunRecord*>& b);

}  // namespace routebench::diagnosis

#endif  // ROUTEBENCH_ANALYSIS_DIAGNOSIS_FIRST_READING_H_
