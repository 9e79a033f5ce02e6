// What a handler does at least: look at every field.
#ifndef ROUTEBENCH_EVENTS_PAYLOADS_READ_FIELDS_H_
#define ROUTEBENCH_EVENTS_PAYLOADS_READ_FIELDS_H_

#include <cstdint>

#include "events/event.h"

namespace routebench {

// Reads every field of the body, every byte of its strings and bytes included, and returns a digest of them:
// no compiler can leave the reading out, and two bodies that differ in a field differ in the digest (up to
// collisions). Not a hash for storage: may change between versions. Allocates nothing. Requires a typed
// payload to be of `kind`'s type.
uint64_t ReadFields(EventKind kind, const Payload& payload);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_PAYLOADS_READ_FIELDS_H_
