// A child process that never outlives its parent.
#ifndef ROUTEBENCH_LOADGEN_CHILD_PROCESS_H_
#define ROUTEBENCH_LOADGEN_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "events/clock.h"

namespace routebench::loadgen {

// Owns a descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() { Reset(); }
  Descriptor(Descriptor&& other) noexcept : descriptor_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      Reset();
      descriptor_ = other.Release();
    }
    return *this;
  }
  int get() const { return descriptor_; }
  int Release() { return std::exchange(descriptor_, -1); }
  void Reset();

 private:
  int descriptor_ = -1;
};

// Not thread-safe. The destructor kills and reaps the child if it still runs.
class ChildProcess {
 public:
  // Starts `arguments[0]`. The child keeps the standard streams and `inherited`, which appear there as
  // descriptors 3 and following; it is killed by the kernel when the calling thread ends, so call it from the
  // main thread. The child ignores SIGINT: a Ctrl-C reaches it as what its parent then does. Where `output`
  // is not negative, standard output and error go there instead.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(const std::vector<std::string>& arguments,
                                                             const std::vector<int>& inherited,
                                                             int output = -1);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  // How it ended, as a clause ("exited with code 1", "was killed by signal 9"), or nothing while it runs.
  std::optional<std::string> Ended();
  // After Ended: its exit code, or nothing where a signal ended it.
  std::optional<int> exit_code() const;
  // Waits for it to end by itself; false when it has not after `patience`.
  bool AwaitEnd(Duration patience);
  // SIGTERM, then SIGKILL after `patience`. True when it ended by itself.
  bool Stop(Duration patience);

 private:
  explicit ChildProcess(pid_t pid) : pid_(pid) {}
  bool Reap(bool wait);

  const pid_t pid_;
  std::optional<int> status_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_CHILD_PROCESS_H_
