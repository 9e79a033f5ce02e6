#include "events/validation.h"

#include <cmath>

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

size_t TextBytes(const Filter& filter) {
  size_t bytes = filter.expression.size();
  for (const Source& source : filter.sources) {
    bytes += source.id.size() + source.type.size() + source.instance.size();
  }
  for (const auto& [key, value] : filter.metadata) bytes += key.size() + value.size();
  return bytes;
}

absl::Status CheckMetadata(const ServiceSpec& service) {
  if (service.metadata.size() > kMaxServiceMetadata) {
    return absl::InvalidArgumentError(
        absl::StrCat("service ", service.id, " has more than ", kMaxServiceMetadata, " entries of metadata"));
  }
  for (const auto& [key, value] : service.metadata) {
    if (!key.empty() && key.size() <= 255) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("service ", service.id, ": a key of its metadata has 1 to 255 bytes"));
  }
  return absl::OkStatus();
}

}  // namespace

size_t TextBytes(const ServiceSpec& service) {
  size_t bytes = service.id.size() + service.type.size() + service.instance.size();
  for (const Filter& filter : service.filters) bytes += TextBytes(filter);
  for (const auto& [key, value] : service.metadata) bytes += key.size() + value.size();
  return bytes;
}

size_t TextBytes(const Rule& rule) {
  size_t bytes =
      rule.id.size() + rule.name.size() + TextBytes(rule.filter) + rule.conditions.expression.size();
  for (const std::string& target : rule.targets) bytes += target.size();
  return bytes;
}

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
  if (service.type.size() > 255 || service.instance.size() > 255) {
    return absl::InvalidArgumentError(
        absl::StrCat("service ", service.id, ": its type and its instance have at most 255 bytes"));
  }
  if (service.supports.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("service ", service.id, " supports no kind of event"));
  }
  if (!(service.weight > 0) || !std::isfinite(service.weight)) {
    return absl::InvalidArgumentError(
        absl::StrCat("service ", service.id, ": its weight is finite and above zero"));
  }
  if (service.breaker.has_value()) {
    if (absl::Status status = Validate(*service.breaker); !status.ok()) return status;
  }
  if (absl::Status status = CheckMetadata(service); !status.ok()) return status;
  if (TextBytes(service) > kMaxSpecText) {
    return absl::InvalidArgumentError(
        absl::StrCat("service ", service.id, " has more than ", kMaxSpecText, " bytes of text"));
  }
  return absl::OkStatus();
}

absl::Status Validate(const Rule& rule) {
  if (TextBytes(rule) <= kMaxSpecText) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("a rule has at most ", kMaxSpecText, " bytes of text"));
}

namespace {

absl::Status Validate(const BatchOptions& batch, const SubscriptionSpec& spec) {
  if (batch.most == 0 || batch.most > spec.capacity) {
    return absl::InvalidArgumentError("a batch has at least 1 event and at most the subscription's capacity");
  }
  if (batch.most == 1) return absl::OkStatus();
  if (batch.interval <= Duration::zero()) {
    return absl::InvalidArgumentError("a batch's interval is positive");
  }
  if (spec.concurrency > 1) {
    return absl::InvalidArgumentError("a batched subscription runs one handler at a time");
  }
  if (spec.full_policy == FullPolicy::kDropOldest) {
    return absl::InvalidArgumentError(
        "a batched subscription cannot drop its oldest: they may be handed out");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Validate(const SubscriptionSpec& spec) {
  if (spec.capacity == 0) return absl::InvalidArgumentError("a subscription's capacity is at least 1");
  if (spec.concurrency == 0 || spec.concurrency > 1024) {
    return absl::InvalidArgumentError("a subscription's concurrency is between 1 and 1024");
  }
  if (spec.block_deadline < Duration::zero()) {
    return absl::InvalidArgumentError("a block deadline is not negative");
  }
  if (spec.guarantee == Guarantee::kAtMostOnce && !spec.name.empty()) {
    return absl::InvalidArgumentError("only an at-least-once subscription has a name");
  }
  if (spec.guarantee == Guarantee::kAtLeastOnce && (spec.name.empty() || spec.name.size() > 255)) {
    return absl::InvalidArgumentError("an at-least-once subscription has a name of 1 to 255 bytes");
  }
  if (spec.lease <= Duration::zero()) return absl::InvalidArgumentError("a lease is positive");
  if (spec.delivery_timeout < Duration::zero()) {
    return absl::InvalidArgumentError("a delivery timeout is not negative");
  }
  if (absl::Status status = Validate(spec.batch, spec); !status.ok()) return status;
  if (spec.retry.has_value()) return Validate(*spec.retry);
  return absl::OkStatus();
}

absl::Status Validate(const BackoffOptions& options) {
  if (options.initial < Duration::zero() || options.maximum < options.initial) {
    return absl::InvalidArgumentError(
        "a backoff's initial delay is not negative, and its maximum not below that");
  }
  if (!(options.multiplier >= 1) || std::isinf(options.multiplier)) {
    return absl::InvalidArgumentError("a backoff's multiplier is at least 1");
  }
  if (!(options.jitter >= 0 && options.jitter <= 1)) {
    return absl::InvalidArgumentError("a backoff's jitter is between 0 and 1");
  }
  return absl::OkStatus();
}

absl::Status Validate(const RoutingOptions& options) {
  if (options.deduplication.window > size_t{1} << 30) {
    return absl::InvalidArgumentError("a deduplication window holds at most 2^30 ids");
  }
  if (options.dead_letters.most == 0) {
    return absl::InvalidArgumentError("there is room for at least one dead letter");
  }
  if (options.deduplication.max_age <= Duration::zero()) {
    return absl::InvalidArgumentError("a deduplication window's age is positive");
  }
  return absl::OkStatus();
}

}  // namespace routebench
