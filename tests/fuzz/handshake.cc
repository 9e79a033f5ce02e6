// The greeting of a client: the first control message. Who is let in is of this version, boot and time
// namespace; who is not learns why.
#include <optional>
#include <string>

#include <google/protobuf/stubs/logging.h>

#include "control.pb.h"
#include "daemon/wire/frames.h"
#include "daemon/wire/handshake.h"
#include "daemon/wire/parse.h"
#include "daemon/wire/token.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace routebench::wire;
  using routebench::fuzz::Require;
  const google::protobuf::LogSilencer quiet;  // a line for each string that is not UTF-8
  const TimeDomain domain = {"a boot", "a namespace"};
  if (size > kMaxGreetingBytes) return 0;  // the session's reader refuses it
  ClientControl control;
  if (!ParseControl({reinterpret_cast<const char*>(data), size}, &control) || !control.has_hello()) return 0;
  const Hello& hello = control.hello();
  std::string detail;
  const std::optional<ProtocolError> error = CheckHello(hello, domain, &detail);
  const bool same_clock =
      hello.boot_id() == domain.boot_id && hello.time_namespace() == domain.time_namespace;
  Require(error.has_value() != (hello.version() == kProtocolVersion && same_clock),
          "only who fits is let in");
  Require(error.has_value() != detail.empty(), "who is refused learns why");
  if (error.has_value()) {
    Require((*error == ProtocolError::kVersion) == (hello.version() != kProtocolVersion),
            "for the right reason");
    Require(detail.size() <= size + 256, "in a sentence that is bounded");
    // It goes into a message of strings.
    Refused refused;
    refused.set_detail(detail);
    Refused again;
    Require(again.ParseFromString(refused.SerializeAsString()), "and that can be sent");
  }
  Require(SameToken(hello.token(), hello.name()) == (hello.token() == hello.name()),
          "tokens are compared whole");
  const Hello ours =
      MakeHello({hello.boot_id(), hello.time_namespace()}, hello.name(), hello.wants_outcomes());
  Hello sent;
  Require(sent.ParseFromString(ours.SerializeAsString()), "our own can be read");
  Require(!CheckHello(sent, {hello.boot_id(), hello.time_namespace()}, &detail).has_value(), "and is let in");
  return 0;
}
