// A command of the user's, run in the foreground.
#ifndef ROUTEBENCH_LOADGEN_TRACE_COMMAND_H_
#define ROUTEBENCH_LOADGEN_TRACE_COMMAND_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace routebench::loadgen {

// Unlike a ChildProcess it belongs to the user: it is looked for on PATH, has the standard streams and the
// terminal's signals, and is not killed with its parent. Not thread-safe.
class Command {
 public:
  // Starts arguments[0]. Errors name it and the reason.
  static absl::StatusOr<std::unique_ptr<Command>> Start(const std::vector<std::string>& arguments);
  // Kills and reaps what still runs.
  ~Command();

  // Becomes readable when the command has ended. Owned by this.
  int descriptor() const { return descriptor_; }
  void Signal(int signal);
  // Waits for the end. Its exit code, or 128 + N where signal N ended it.
  int Wait();

 private:
  Command(pid_t pid, int descriptor) : pid_(pid), descriptor_(descriptor) {}

  const pid_t pid_;
  const int descriptor_;
  int exit_code_ = -1;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_TRACE_COMMAND_H_
