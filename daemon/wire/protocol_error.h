// Why a connection was refused or ended: one closed set.
#ifndef ROUTEBENCH_DAEMON_WIRE_PROTOCOL_ERROR_H_
#define ROUTEBENCH_DAEMON_WIRE_PROTOCOL_ERROR_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace routebench::wire {

enum class ProtocolError : uint8_t {
  // Refused before the session began
  kVersion,           // another version of the protocol
  kOtherBoot,         // another boot or time namespace: its times mean nothing here
  kOtherUser,         // credentials of another user
  kWrongToken,        // or none, where the transport demands one
  kTooManySessions,   // the broker's limit
  kNoDescriptors,     // the system lets the broker open no more
  kHandshakeTimeout,  // no greeting in time
  kHandshakeBroken,   // gone, or something else than a greeting
  // The peer broke the protocol
  kFrameTooLong,  // a length above the limit
  kUnknownFrame,  // a type that this side does not take
  kMalformed,     // a frame that is not what its type says
  kAttributes,    // a number redefined or not defined, or more sets than the limit
  kWindow,        // published beyond its window
  kProgress,      // reported events that it was not given
  kTransport,     // the rules of the transport: a record or a position that cannot be
  // The connection ended otherwise
  kStalled,      // did not read for longer than the stall timeout
  kOutputLimit,  // more waits for it than a session may hold
  kDied,         // the connection ended without a farewell
  kShutdown,     // the broker stops
  kSystem,       // the system refused to read or write
};
inline constexpr size_t kProtocolErrorCount = 20;

// Stable names for logs and messages: "version", "frame_too_long".
std::string_view Name(ProtocolError error);

}  // namespace routebench::wire

#endif  // ROUTEBENCH_DAEMON_WIRE_PROTOCOL_ERROR_H_
