// What every backend asks of an event before it accepts it (R5).
#ifndef ROUTEBENCH_EVENTS_VALIDATION_H_
#define ROUTEBENCH_EVENTS_VALIDATION_H_

#include <cstddef>

#include "absl/status/status.h"
#include "events/event.h"
#include "events/outcome.h"
#include "events/router.h"
#include "events/rule.h"

namespace routebench {

// kAccepted, kTooLarge or kInvalid. Allocates nothing.
PublishResult Validate(const Event& event, size_t max_body_bytes);

// InvalidArgument that names the field, or OK.
absl::Status Validate(const ServiceSpec& service);  // but not its filters
absl::Status Validate(const Rule& rule);            // only the size of it
absl::Status Validate(const SubscriptionSpec& spec);
absl::Status Validate(const RoutingOptions& options);

// All the text in it, in bytes: what kMaxSpecText and RoutingOptions::max_text count.
size_t TextBytes(const ServiceSpec& service);
size_t TextBytes(const Rule& rule);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_VALIDATION_H_
