// coordinator:inline, the coordinator without the hop to another thread.
#ifndef ROUTEBENCH_COORDINATOR_INLINE_ROUTER_H_
#define ROUTEBENCH_COORDINATOR_INLINE_ROUTER_H_

#include <utility>

#include "coordinator/data_coordinator.h"

namespace routebench {

// Like DataCoordinator, but the handler runs inside Publish, in the publisher's thread: the difference
// between the two is what the hand-over to a worker costs. RouterOptions::handler_threads has no effect.
//
// An event waits only where its handler is busy: while it runs in another publisher's thread, which then
// hands this event out too, or further up the same stack (a handler that publishes to itself). So a handler
// never runs concurrently with itself, and handlers that publish nest at most once for each subscription.
// Events that were held run on the thread of the timers.
class InlineRouter final : public DataCoordinator {
 public:
  explicit InlineRouter(RouterOptions options, const Clock& clock = Clock::System(), Timers* timers = nullptr)
      : DataCoordinator(std::move(options), clock, timers, Handlers::kInPublisher) {}
};

}  // namespace routebench

#endif  // ROUTEBENCH_COORDINATOR_INLINE_ROUTER_H_
