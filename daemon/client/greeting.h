// The client's side of the handshake.
#ifndef ROUTEBENCH_DAEMON_CLIENT_GREETING_H_
#define ROUTEBENCH_DAEMON_CLIENT_GREETING_H_

#include "absl/status/statusor.h"
#include "control.pb.h"
#include "daemon/transport/channel.h"
#include "daemon/transport/frame_buffer.h"
#include "events/clock.h"

namespace routebench::daemon {

// Sends `hello` and waits for the answer, up to `timeout` of real time. What the daemon sent after it stays
// in `reader`. FailedPrecondition: refused, with the daemon's reason. Unavailable: the connection ended.
absl::StatusOr<wire::Welcome> Greet(transport::ByteChannel& channel, transport::FrameReader& reader,
                                    const wire::Hello& hello, Duration timeout);

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_GREETING_H_
