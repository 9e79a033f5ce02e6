// How the daemon's loop waits for the next thing.
#ifndef ROUTEBENCH_DAEMON_SERVER_LOOP_WAIT_H_
#define ROUTEBENCH_DAEMON_SERVER_LOOP_WAIT_H_

#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "daemon/transport/channel.h"
#include "events/wait.h"

namespace routebench::daemon {

// Whose bytes are looked for in memory, while it is busy.
class LookedAt {
 public:
  virtual ~LookedAt() = default;
  virtual transport::ByteChannel& channel() = 0;
  // Read finds something. False: look no more.
  virtual bool OnBytes() = 0;

 private:
  friend class LoopWait;
  bool hot_ = false;
};

// Runs the handlers of an io_context. With a policy that looks, channels that have just had something to say
// are looked at until the policy's patience with all of them is over; then they are left to their
// descriptors, and the loop sleeps. A connection that is silent costs nothing, however many there are. Not
// thread-safe: of the loop.
class LoopWait {
 public:
  LoopWait(boost::asio::io_context& loop, WaitPolicy policy) : loop_(loop), policy_(policy) {}

  // Until the loop is stopped or has nothing left to do.
  void Run();
  // Before a Read of its channel, whose descriptor said so.
  void Heard(const std::shared_ptr<LookedAt>& whom);

 private:
  bool LookAtAll();
  void LookAway();

  boost::asio::io_context& loop_;
  const WaitPolicy policy_;
  std::vector<std::shared_ptr<LookedAt>> hot_;
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_LOOP_WAIT_H_
