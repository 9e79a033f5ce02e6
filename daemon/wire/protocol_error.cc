#include "daemon/wire/protocol_error.h"

#include <array>

namespace routebench::wire {

std::string_view Name(ProtocolError error) {
  static constexpr std::array<std::string_view, kProtocolErrorCount> kNames = {"version",
                                                                               "other_boot",
                                                                               "other_user",
                                                                               "wrong_token",
                                                                               "too_many_sessions",
                                                                               "no_descriptors",
                                                                               "handshake_timeout",
                                                                               "handshake_broken",
                                                                               "frame_too_long",
                                                                               "unknown_frame",
                                                                               "malformed",
                                                                               "attributes",
                                                                               "window",
                                                                               "progress",
                                                                               "transport",
                                                                               "stalled",
                                                                               "output_limit",
                                                                               "died",
                                                                               "shutdown",
                                                                               "system"};
  return kNames[static_cast<size_t>(error)];
}

}  // namespace routebench::wire
