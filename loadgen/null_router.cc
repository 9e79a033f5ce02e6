#include "loadgen/null_router.h"

namespace routebench::loadgen {
namespace {

absl::Status NoControl() { return absl::UnimplementedError("this router routes nothing"); }

}  // namespace

absl::Status NullControl::AddRule(const Rule&) { return NoControl(); }
absl::Status NullControl::RemoveRule(const std::string&) { return NoControl(); }
absl::Status NullControl::SetRuleEnabled(const std::string&, bool) { return NoControl(); }
absl::Status NullControl::SetHealth(const std::string&, Health) { return NoControl(); }
absl::StatusOr<std::vector<ServiceState>> NullControl::Services(const ServiceQuery&) { return NoControl(); }
absl::StatusOr<WatchId> NullControl::Watch(WatchHandler) { return NoControl(); }
absl::Status NullControl::Unwatch(WatchId) { return NoControl(); }
absl::StatusOr<Explanation> NullControl::Explain(const Event&) { return NoControl(); }

PublishResult NullRouter::Publish(const Event& event) {
  Shard& shard = shards_[event.header.publisher % kShards];
  if (closed_.load(std::memory_order_relaxed)) {
    shard.refused.fetch_add(1, std::memory_order_relaxed);
    return PublishResult::kClosed;
  }
  shard.accepted.fetch_add(1, std::memory_order_relaxed);
  return PublishResult::kAccepted;
}

absl::Status NullRouter::Register(const ServiceSpec&) { return absl::OkStatus(); }

absl::Status NullRouter::Deregister(const std::string&) { return absl::OkStatus(); }

absl::StatusOr<SubscriptionId> NullRouter::Subscribe(const SubscriptionSpec&, Handler) {
  return ++last_subscription_;
}

absl::Status NullRouter::Unsubscribe(SubscriptionId) { return absl::OkStatus(); }

absl::Status NullRouter::Pause(SubscriptionId) { return absl::OkStatus(); }
absl::Status NullRouter::Resume(SubscriptionId) { return absl::OkStatus(); }
DeadLetters& NullRouter::dead_letters() { return dead_letters_; }

absl::StatusOr<RouterStatistics> NullRouter::Statistics() {
  RouterStatistics statistics;
  uint64_t& accepted = statistics.answers[static_cast<size_t>(PublishResult::kAccepted)];
  uint64_t& refused = statistics.answers[static_cast<size_t>(PublishResult::kClosed)];
  for (const Shard& shard : shards_) {
    accepted += shard.accepted.load(std::memory_order_relaxed);
    refused += shard.refused.load(std::memory_order_relaxed);
  }
  statistics.books.routed = accepted;
  statistics.books.of(Outcome::kUnrouted) = accepted;
  return statistics;
}

absl::Status NullRouter::Drain(Duration) { return absl::OkStatus(); }

absl::Status NullRouter::Close(Duration) {
  closed_.store(true, std::memory_order_relaxed);
  return absl::OkStatus();
}

}  // namespace routebench::loadgen
