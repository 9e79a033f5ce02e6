// The typed events that publishers send, made before the run.
#ifndef ROUTEBENCH_LOADGEN_CORPUS_H_
#define ROUTEBENCH_LOADGEN_CORPUS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "events/event.h"
#include "loadgen/workload/schedule.h"

namespace routebench::loadgen {

// Immutable; shared by the publishers, each of which copies the events (sharing their bodies) and stamps its
// own copies.
class Corpus {
 public:
  // Bodies for every kind and size of the schedule, a few of each so that neighbouring events differ, within
  // about kMaxBytes. InvalidArgument where a kind cannot have one of the sizes.
  static absl::StatusOr<Corpus> ForSchedule(const Schedule& schedule, uint64_t seed);
  // The events of a trace, by PlannedEvent::trace_index.
  static Corpus OfTrace(const Schedule& schedule, std::vector<Event> events);

  static constexpr uint64_t kMaxBytes = uint64_t{64} << 20;

  const std::vector<Event>& events() const { return events_; }
  // The event that the schedule's `index`-th sends.
  uint32_t EventOf(size_t index) const { return event_of_[index]; }

 private:
  std::vector<Event> events_;
  std::vector<uint32_t> event_of_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_CORPUS_H_
