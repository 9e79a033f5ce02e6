// DataCoordinator: events routed inside the process.
//
// Publish decides in the caller's thread who gets the event, puts one pooled parcel into the queue of every
// target, and returns; a pool of workers hands it to the handlers (events/dispatch).
#ifndef ROUTEBENCH_COORDINATOR_DATA_COORDINATOR_H_
#define ROUTEBENCH_COORDINATOR_DATA_COORDINATOR_H_

#include <memory>
#include <string>

#include "events/clock.h"
#include "events/router.h"

namespace routebench {

// See EventRouter. Publish by policy: a full subscription of policy block holds the caller up to its block
// deadline (then kDroppedDeadline for it alone) and at most publish_timeout for all of them together (then
// kWouldBlock, and nobody has received the event).
//
// Close returns by its deadline even when a handler is stuck: that handler's thread is left to itself and
// ends when the handler returns; its answer is ignored. What the handler refers to must live that long.
class DataCoordinator : public EventRouter {
 public:
  // `clock` and `timers` outlive the coordinator and every Acknowledger it gave out; null: timers of its own.
  explicit DataCoordinator(RouterOptions options, const Clock& clock = Clock::System(),
                           Timers* timers = nullptr);
  ~DataCoordinator() override;
  DataCoordinator(const DataCoordinator&) = delete;
  DataCoordinator& operator=(const DataCoordinator&) = delete;

  PublishResult Publish(const Event& event) override;
  absl::Status Register(const ServiceSpec& service) override;
  absl::Status Deregister(const std::string& service) override;
  absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec& spec, Handler handler) override;
  absl::Status Unsubscribe(SubscriptionId subscription) override;
  Control& control() override;
  absl::Status Pause(SubscriptionId subscription) override;
  absl::Status Resume(SubscriptionId subscription) override;
  DeadLetters& dead_letters() override;
  absl::StatusOr<RouterStatistics> Statistics() override;
  absl::Status Drain(Duration deadline) override;
  absl::Status Close(Duration deadline) override;

 protected:
  enum class Handlers { kOnWorkers, kInPublisher };
  DataCoordinator(RouterOptions options, const Clock& clock, Timers* timers, Handlers handlers);

 private:
  class Core;
  const std::unique_ptr<Core> core_;
};

}  // namespace routebench

#endif  // ROUTEBENCH_COORDINATOR_DATA_COORDINATOR_H_
