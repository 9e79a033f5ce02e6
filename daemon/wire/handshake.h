// The greeting: what both sides must agree on before the first event.
#ifndef ROUTEBENCH_DAEMON_WIRE_HANDSHAKE_H_
#define ROUTEBENCH_DAEMON_WIRE_HANDSHAKE_H_

#include <optional>
#include <string>

#include "control.pb.h"
#include "daemon/wire/protocol_error.h"

namespace routebench::wire {

// Which times compare: those of one boot and one time namespace.
struct TimeDomain {
  std::string boot_id;
  std::string time_namespace;

  // Of this process, from /proc; empty strings where that cannot be read.
  static TimeDomain OfThisProcess();
};

Hello MakeHello(const TimeDomain& domain, std::string name, bool wants_outcomes);

// Why `hello` is to be refused, if it is; the sentence for a person goes to `detail`.
std::optional<ProtocolError> CheckHello(const Hello& hello, const TimeDomain& domain, std::string* detail);

}  // namespace routebench::wire

#endif  // ROUTEBENCH_DAEMON_WIRE_HANDSHAKE_H_
