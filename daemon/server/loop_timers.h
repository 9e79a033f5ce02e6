// Timers whose callbacks run on the broker's loop.
#ifndef ROUTEBENCH_DAEMON_SERVER_LOOP_TIMERS_H_
#define ROUTEBENCH_DAEMON_SERVER_LOOP_TIMERS_H_

#include <memory>

#include "events/clock.h"

namespace boost::asio {
class io_context;
}

namespace routebench::daemon {

// On the loop's own clock.
std::unique_ptr<Timers> MakeLoopTimers(boost::asio::io_context& loop);
// On another's: its callbacks are posted to the loop. What comes after the destruction is dropped.
std::unique_ptr<Timers> PostToLoop(Timers& timers, boost::asio::io_context& loop);

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_LOOP_TIMERS_H_
