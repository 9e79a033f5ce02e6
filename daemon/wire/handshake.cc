#include "daemon/wire/handshake.h"

#include <unistd.h>

#include <array>
#include <fstream>
#include <utility>

#include "absl/strings/str_format.h"
#include "daemon/wire/frames.h"

namespace routebench::wire {

TimeDomain TimeDomain::OfThisProcess() {
  TimeDomain domain;
  std::ifstream boot_id("/proc/sys/kernel/random/boot_id");
  std::getline(boot_id, domain.boot_id);
  std::array<char, 64> link;
  const ssize_t size = readlink("/proc/self/ns/time", link.data(), link.size());
  if (size > 0) domain.time_namespace.assign(link.data(), static_cast<size_t>(size));
  return domain;
}

Hello MakeHello(const TimeDomain& domain, std::string name, bool wants_outcomes) {
  Hello hello;
  hello.set_version(kProtocolVersion);
  hello.set_features(kFeatures);
  hello.set_boot_id(domain.boot_id);
  hello.set_time_namespace(domain.time_namespace);
  hello.set_pid(getpid());
  hello.set_name(std::move(name));
  hello.set_wants_outcomes(wants_outcomes);
  return hello;
}

std::optional<ProtocolError> CheckHello(const Hello& hello, const TimeDomain& domain, std::string* detail) {
  if (hello.version() != kProtocolVersion) {
    *detail = absl::StrFormat("the daemon speaks version %u of the protocol, the client %u", kProtocolVersion,
                              hello.version());
    return ProtocolError::kVersion;
  }
  if (hello.boot_id() != domain.boot_id || hello.time_namespace() != domain.time_namespace) {
    *detail = absl::StrFormat(
        "the client's clock is another one (boot %s, time namespace %s; the daemon's: %s, %s)",
        hello.boot_id(), hello.time_namespace(), domain.boot_id, domain.time_namespace);
    return ProtocolError::kOtherBoot;
  }
  return std::nullopt;
}

}  // namespace routebench::wire
