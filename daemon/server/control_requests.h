// Requests of the control plane: from messages to the exchange, and back.
#ifndef ROUTEBENCH_DAEMON_SERVER_CONTROL_REQUESTS_H_
#define ROUTEBENCH_DAEMON_SERVER_CONTROL_REQUESTS_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "control.pb.h"
#include "daemon/server/exchange.h"

namespace routebench::daemon {

// Does what `control` asks, which is hostile, and sends the answer if it is a success, before anything that
// follows from it; otherwise returns why not. Register, Deregister, rules, health, services, watches and
// explanations; nothing else.
absl::Status AnswerControl(Exchange& exchange, Peer& peer, const wire::ClientControl& control,
                           absl::FunctionRef<void(const wire::Reply&)> send);

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_CONTROL_REQUESTS_H_
