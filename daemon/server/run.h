// The daemon's executable, without main: parses the command line, runs a broker until it is told to stop.
#ifndef ROUTEBENCH_DAEMON_SERVER_RUN_H_
#define ROUTEBENCH_DAEMON_SERVER_RUN_H_

#include <iosfwd>

namespace routebench::daemon {

// Runs until SIGTERM or SIGINT (blocked here for the whole process), or until the descriptor given by
// --stop-fd is closed by its other side, or until nobody can come any more (it listened on pipes
// only, and their peers have gone); then drains and stops. Help and version go to `out`, the log and
// errors to `err`.
//
// Returns the exit code: 0 stopped in order, 1 could not listen (a daemon is there already, the path is not
// ours ...), 64 usage. A drain that ran out of time is logged, with the books, and is 0 as well.
int RunEventd(int argc, const char* const* argv, std::ostream& out, std::ostream& err);

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_RUN_H_
