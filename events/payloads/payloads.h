// The typed bodies: which protobuf message belongs to which kind (R2, R3).
#ifndef ROUTEBENCH_EVENTS_PAYLOADS_PAYLOADS_H_
#define ROUTEBENCH_EVENTS_PAYLOADS_PAYLOADS_H_

#include <memory>

#include <google/protobuf/message.h>

#include "events/kind.h"

namespace routebench {

// A new, empty message of the kind's type; null for kCustom, whose body is bytes.
std::unique_ptr<google::protobuf::Message> NewMessage(EventKind kind);

// Whether `message` is of the kind's type. False for kCustom.
bool IsMessageOf(EventKind kind, const google::protobuf::Message& message);

}  // namespace routebench

#endif  // ROUTEBENCH_EVENTS_PAYLOADS_PAYLOADS_H_
