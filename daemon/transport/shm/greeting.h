// The first message on a shared-memory channel's socket: a Hello and descriptors.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_SHM_GREETING_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_SHM_GREETING_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "daemon/transport/shm/layout.h"
#include "daemon/transport/shm/segment.h"

namespace routebench::transport::shm {

// False: the socket does not take it. Without descriptors it is one of no memory.
bool SendHello(int socket, const Hello& hello, absl::Span<const int> descriptors);

struct Greeting {
  enum class Status : uint8_t {
    kDone,
    kNoMemory,  // bytes follow on the socket
    kNothing,   // not yet
    kGone,      // the peer
    kBroken,    // something else, or not exactly the descriptors that belong to it
  };
  Status status = Status::kNothing;
  Hello hello{};
  std::vector<File> files;
};
// Never blocks. A Hello of another layout or an impossible size is kBroken; one of no memory, too, where
// `descriptors` is not that of a dialler, 1.
Greeting ReceiveHello(int socket, size_t descriptors);

// Whether it can be a bell: a connected Unix stream socket.
bool IsBell(const File& file);

}  // namespace routebench::transport::shm

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_SHM_GREETING_H_
