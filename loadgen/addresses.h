// Whom the events of a run are addressed to.
#ifndef ROUTEBENCH_LOADGEN_ADDRESSES_H_
#define ROUTEBENCH_LOADGEN_ADDRESSES_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "analysis/record/run_record.h"
#include "events/event.h"
#include "loadgen/corpus.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// Immutable once made; shared by the publishers.
//
// To-targets: each event names plan.targets() services that take its category, or all of them where they are
// fewer: neighbours in the plan's order, the first of them drawn from the schedule's seed. Where nobody takes
// it there is nobody to name, and it is sent to all, to end as unrouted.
class Addresses {
 public:
  Addresses(const record::RunPlan& plan, const Schedule& schedule, const Corpus& corpus);

  // Writes the addressing of the schedule's `index`-th event, and its targets where it has some.
  void Write(size_t index, Event& event) const {
    event.header.addressing = addressing_;
    if (attributes_of_.empty()) return;
    event.attributes = attributes_[attributes_of_[index]];
    if (event.attributes->targets.empty()) event.header.addressing = Addressing::kToAll;
  }

 private:
  void NameTargets(const record::RunPlan& plan, const Schedule& schedule, const Corpus& corpus);

  Addressing addressing_ = Addressing::kToAll;
  std::vector<std::shared_ptr<const Attributes>> attributes_;  // to-targets: one object for each set
  std::vector<uint32_t> attributes_of_;                        // by the schedule's index
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_ADDRESSES_H_
