// Two pipes that both sides inherited, or made: the daemon as a child of the one that uses it. Whoever has
// the other ends is trusted: nobody else can have them.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_PIPE_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_PIPE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "daemon/transport/channel.h"
#include "daemon/transport/transport.h"

namespace routebench::transport {

// `address` is "READ,WRITE", the numbers of this process's two descriptors, which belong to the channel from
// now on (on an error they do not). Once: nobody knows whose these numbers are when the channel has gone.
//
// Errors: InvalidArgument (not two numbers, or not the ends of pipes that they should be), Internal.
absl::StatusOr<std::unique_ptr<ByteChannel>> DialPipe(const std::string& address);

// Waits for one peer, until the first byte comes or the other end is closed.
class PipeListener final : public Listener {
 public:
  // As DialPipe.
  static absl::StatusOr<std::unique_ptr<PipeListener>> Listen(const std::string& address);
  ~PipeListener() override;
  PipeListener(const PipeListener&) = delete;
  PipeListener& operator=(const PipeListener&) = delete;

  absl::StatusOr<Accepted> Accept() override;
  Pollable readable() const override;
  std::string endpoint() const override { return "pipe:" + address_; }
  bool is_over() const override { return channel_ == nullptr; }

 private:
  PipeListener(std::string address, int readable, std::unique_ptr<ByteChannel> channel)
      : address_(std::move(address)), readable_(readable), channel_(std::move(channel)) {}

  const std::string address_;
  const int readable_;  // an epoll of the channel's until it is accepted, of nothing afterwards
  std::unique_ptr<ByteChannel> channel_;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_PIPE_H_
