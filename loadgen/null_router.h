// A router that accepts every event and drops it: the generator's own floor.
#ifndef ROUTEBENCH_LOADGEN_NULL_ROUTER_H_
#define ROUTEBENCH_LOADGEN_NULL_ROUTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "events/router.h"

namespace routebench::loadgen {

// See EventRouter. Publish costs one uncontended increment and never blocks; subscriptions are accepted and
// never get anything; every event ends as kUnrouted at once.
class NullRouter final : public EventRouter {
 public:
  PublishResult Publish(const Event& event) override;
  absl::Status Register(const ServiceSpec& service) override;
  absl::Status Deregister(const std::string& service) override;
  absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec& spec, Handler handler) override;
  absl::Status Unsubscribe(SubscriptionId subscription) override;
  absl::StatusOr<RouterStatistics> Statistics() override;
  absl::Status Drain(Duration deadline) override;
  absl::Status Close(Duration deadline) override;

 private:
  static constexpr size_t kShards = 64;
  struct alignas(64) Shard {
    std::atomic<uint64_t> accepted{0};
    std::atomic<uint64_t> refused{0};
  };
  std::array<Shard, kShards> shards_;  // by publisher, so that publishers share no cache line
  std::atomic<SubscriptionId> last_subscription_{0};
  std::atomic<bool> closed_{false};
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_NULL_ROUTER_H_
