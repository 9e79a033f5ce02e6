// Protobuf messages over a socket between two of our own processes.
#ifndef ROUTEBENCH_LOADGEN_MESSAGE_SOCKET_H_
#define ROUTEBENCH_LOADGEN_MESSAGE_SOCKET_H_

#include <google/protobuf/message_lite.h>

#include "absl/status/status.h"
#include "events/clock.h"

namespace routebench::loadgen {

// Blocks until it is written. Unavailable when the peer has gone.
absl::Status SendMessage(int socket, const google::protobuf::MessageLite& message);

// Blocks for the next message, at most `patience` (Duration::max(): for ever). Unavailable when the peer has
// gone, DeadlineExceeded, or Internal when what came is no such message.
absl::Status ReceiveMessage(int socket, Duration patience, google::protobuf::MessageLite* message);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_MESSAGE_SOCKET_H_
