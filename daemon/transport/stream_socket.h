// A channel over a connected stream socket, of whatever family.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_STREAM_SOCKET_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_STREAM_SOCKET_H_

#include <memory>

#include "daemon/transport/channel.h"

namespace routebench::transport {

// Owns `descriptor` from now on and makes it non-blocking.
std::unique_ptr<ByteChannel> MakeSocketChannel(int descriptor);

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_STREAM_SOCKET_H_
