// Realistic bodies of an exact size, from a seed: paths, rows with their changes, webhook bodies, JSON-RPC
// tool calls.
#ifndef ROUTEBENCH_EVENTS_PAYLOADS_SAMPLE_H_
#define ROUTEBENCH_EVENTS_PAYLOADS_SAMPLE_H_

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "events/event.h"

namespace routebench {

// A body for `kind` whose encoded size is exactly `encoded_size` bytes; the same seed gives the same body on
// every machine. kCustom gives plain bytes. InvalidArgument names the nearest sizes that can be reached where
// this one cannot (smaller than the kind's smallest realistic body, or in a gap of the varint lengths).
absl::StatusOr<Payload> SamplePayload(EventKind kind, size_t encoded_size, uint64_t seed);

// The smallest size that SamplePayload can reach for `kind`, in bytes.
size_t SmallestSample(EventKind kind);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_PAYLOADS_SAMPLE_H_
