// A router that accepts every event and drops it: the generator's own floor.
#ifndef ROUTEBENCH_LOADGEN_NULL_ROUTER_H_
#define ROUTEBENCH_LOADGEN_NULL_ROUTER_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "events/control.h"
#include "events/router.h"

namespace routebench::loadgen {

// Unimplemented, all of it.
class NullControl final : public Control {
 public:
  absl::Status AddRule(const Rule& rule) override;
  absl::Status RemoveRule(const std::string& id) override;
  absl::Status SetRuleEnabled(const std::string& id, bool enabled) override;
  absl::Status SetHealth(const std::string& service, Health health) override;
  absl::StatusOr<std::vector<ServiceState>> Services(const ServiceQuery& query) override;
  absl::StatusOr<WatchId> Watch(WatchHandler handler) override;
  absl::Status Unwatch(WatchId watch) override;
  absl::StatusOr<Explanation> Explain(const Event& event) override;
};

// There are none.
class NullDeadLetters final : public DeadLetters {
 public:
  absl::StatusOr<std::vector<DeadLetter>> List(uint64_t, size_t) override {
    return std::vector<DeadLetter>();
  }
  absl::Status Replay(uint64_t) override { return absl::NotFoundError("no dead letters here"); }
  absl::Status Discard(uint64_t) override { return absl::NotFoundError("no dead letters here"); }
};

// See EventRouter. Publish costs one uncontended increment and never blocks; subscriptions are accepted and
// never get anything; every event ends as kUnrouted at once.
class NullRouter final : public EventRouter {
 public:
  PublishResult Publish(const Event& event) override;
  absl::Status Register(const ServiceSpec& service) override;
  absl::Status Deregister(const std::string& service) override;
  absl::StatusOr<SubscriptionId> Subscribe(const SubscriptionSpec& spec, Handler handler) override;
  absl::Status Unsubscribe(SubscriptionId subscription) override;
  Control& control() override { return control_; }
  absl::Status Pause(SubscriptionId subscription) override;
  absl::Status Resume(SubscriptionId subscription) override;
  DeadLetters& dead_letters() override;
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
  NullControl control_;
  std::atomic<SubscriptionId> last_subscription_{0};
  std::atomic<bool> closed_{false};
  NullDeadLetters dead_letters_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_NULL_ROUTER_H_
