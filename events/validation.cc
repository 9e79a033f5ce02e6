#include "events/validation.h"

#include "absl/strings/str_cat.h"
#include "events/codec.h"
#include "events/payloads/payloads.h"

namespace routebench {
namespace {

bool TargetsAreNamed(const Attributes& attributes) {
  if (attributes.targets.empty()) return false;
  for (const std::string& target : attributes.targets) {
    if (target.empty()) return false;
  }
  return true;
}

}  // namespace

PublishResult Validate(const Event& event, size_t max_body_bytes) {
  const EventHeader& header = event.header;
  if (!IsKnownKind(static_cast<uint8_t>(header.kind)) ||
      static_cast<size_t>(header.priority) >= kPriorityCount) {
    return PublishResult::kInvalid;
  }
  const Attributes& attributes = AttributesOf(event);
  if (header.kind == EventKind::kCustom && attributes.custom_name.empty()) return PublishResult::kInvalid;
  if (header.addressing == Addressing::kToTargets && !TargetsAreNamed(attributes))
    return PublishResult::kInvalid;
  if (event.payload.is_typed() && !IsMessageOf(header.kind, event.payload.message()))
    return PublishResult::kInvalid;
  if (event.payload.encoded_size() > max_body_bytes) return PublishResult::kTooLarge;
  if (event.attributes != nullptr && EncodedSize(attributes) > kMaxAttributesBytes)
    return PublishResult::kTooLarge;
  return PublishResult::kAccepted;
}

absl::Status Validate(const ServiceSpec& service) {
  if (service.id.empty() || service.id.size() > 255) {
    return absl::InvalidArgumentError("a service's id has 1 to 255 bytes");
  }
  if (service.supports.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("service ", service.id, " supports no kind of event"));
  }
  return absl::OkStatus();
}

absl::Status Validate(const SubscriptionSpec& spec) {
  if (spec.capacity == 0) return absl::InvalidArgumentError("a subscription's capacity is at least 1");
  if (spec.concurrency == 0 || spec.concurrency > 1024) {
    return absl::InvalidArgumentError("a subscription's concurrency is between 1 and 1024");
  }
  if (spec.block_deadline < Duration::zero()) {
    return absl::InvalidArgumentError("a block deadline is not negative");
  }
  return absl::OkStatus();
}

absl::Status Validate(const RoutingOptions& options) {
  if (options.deduplication.window > size_t{1} << 30) {
    return absl::InvalidArgumentError("a deduplication window holds at most 2^30 ids");
  }
  if (options.deduplication.max_age <= Duration::zero()) {
    return absl::InvalidArgumentError("a deduplication window's age is positive");
  }
  return absl::OkStatus();
}

}  // namespace routebench
