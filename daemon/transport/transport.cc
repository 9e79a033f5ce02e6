#include "daemon/transport/transport.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/transport/pipe.h"
#include "daemon/transport/shm/channel.h"
#include "daemon/transport/tcp_socket.h"
#include "daemon/transport/unix_socket.h"

namespace routebench::transport {
namespace {

template <typename Specific>
absl::StatusOr<std::unique_ptr<Listener>> Generic(absl::StatusOr<std::unique_ptr<Specific>> listener) {
  if (!listener.ok()) return listener.status();
  return std::unique_ptr<Listener>(*std::move(listener));
}

}  // namespace

const std::vector<Transport>& Transports() {
  static const auto& transports = *new std::vector<Transport>{
      {.name = "unix",
       .address = "PATH",
       .listen = [](const std::string& path,
                    const ListenOptions&) { return Generic(UnixListener::Listen(path)); },
       .dial = [](const std::string& path, const DialOptions&) { return DialUnix(path); }},
      {.name = "shm",
       .address = "PATH",
       .listen = [](const std::string& path,
                    const ListenOptions&) { return Generic(ShmListener::Listen(path)); },
       .dial = [](const std::string& path, const DialOptions&) { return DialShm(path); }},
      {.name = "tcp",
       .address = "HOST:PORT",
       .listen = [](const std::string& address,
                    const ListenOptions& options) { return Generic(TcpListener::Listen(address, options)); },
       .dial = DialTcp},
      {.name = "pipe",
       .address = "READ,WRITE",
       .listen = [](const std::string& ends,
                    const ListenOptions&) { return Generic(PipeListener::Listen(ends)); },
       .dial = [](const std::string& ends, const DialOptions&) { return DialPipe(ends); },
       .dials_once = true},
  };
  return transports;
}

absl::StatusOr<Endpoint> Endpoint::Parse(const std::string& text) {
  const std::vector<Transport>& all = Transports();
  const size_t colon = std::min(text.find(':'), text.find('/'));
  const bool is_path = colon == std::string::npos || text[colon] == '/';
  const std::string name = is_path ? "unix" : text.substr(0, colon);
  Endpoint endpoint{nullptr, is_path ? text : text.substr(colon + 1)};
  std::string known;
  for (const Transport& transport : all) {
    if (transport.name == name) endpoint.transport = &transport;
    known += (known.empty() ? "" : ", ") + std::string(transport.name) + ":" + std::string(transport.address);
  }
  if (endpoint.transport == nullptr || endpoint.address.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not an endpoint; these are: ", known, ", or a path"));
  }
  return endpoint;
}

absl::StatusOr<std::unique_ptr<Listener>> Listen(const std::string& endpoint, const ListenOptions& options) {
  const absl::StatusOr<Endpoint> parsed = Endpoint::Parse(endpoint);
  if (!parsed.ok()) return parsed.status();
  return parsed->transport->listen(parsed->address, options);
}

absl::StatusOr<std::unique_ptr<ByteChannel>> Dial(const std::string& endpoint, const DialOptions& options) {
  const absl::StatusOr<Endpoint> parsed = Endpoint::Parse(endpoint);
  if (!parsed.ok()) return parsed.status();
  return parsed->transport->dial(parsed->address, options);
}

}  // namespace routebench::transport
