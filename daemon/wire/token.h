// The shared secret of those transports that cannot tell whose process the peer is.
#ifndef ROUTEBENCH_DAEMON_WIRE_TOKEN_H_
#define ROUTEBENCH_DAEMON_WIRE_TOKEN_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace routebench::wire {

inline constexpr size_t kMinTokenBytes = 16;
inline constexpr size_t kMaxTokenBytes = 256;

// The bytes of a file, without a newline at its end. Errors: NotFound, PermissionDenied (it belongs to
// another user, or others may read or write it), FailedPrecondition (not a regular file, or too short or too
// long), Internal.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

// Takes the same time wherever they differ.
bool SameToken(std::string_view given, std::string_view expected);

}  // namespace routebench::wire

#endif  // ROUTEBENCH_DAEMON_WIRE_TOKEN_H_
