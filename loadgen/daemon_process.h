// A daemon of the run's own.
#ifndef ROUTEBENCH_LOADGEN_DAEMON_PROCESS_H_
#define ROUTEBENCH_LOADGEN_DAEMON_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "loadgen/backend_factory.h"
#include "loadgen/child_process.h"

namespace routebench::loadgen {

// Where eventd is: `flag` where it is given, else beside this executable, in its build tree, on PATH.
// NotFound says where it was looked for.
absl::StatusOr<std::string> FindEventd(const std::string& flag);

struct DaemonSettings {
  std::string transport = "unix";  // or shm, tcp, pipe
  std::string balancer;            // empty: its default
  bool keeps_names = false;        // of at-least-once subscriptions, in its private directory
  std::string stage_injection;     // events/stage_injection.h
  std::string wait = "block";      // a WaitPolicy
};

// Not thread-safe. The destructor stops the daemon and removes its directory.
class DaemonProcess {
 public:
  // Starts `executable` with a new private directory for its files and returns when it listens. Unavailable
  // with its reason where it does not.
  static absl::StatusOr<std::unique_ptr<DaemonProcess>> Start(const std::string& executable,
                                                              const DaemonSettings& settings = {});
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // For the next connection; at most kConnections of them. The descriptors of a pipe belong to the caller.
  static constexpr size_t kConnections = 2;
  DaemonAddress TakeAddress();
  pid_t pid() const { return process_->pid(); }
  // Removes its files and their directory. Call it once everybody has connected: then nothing stays in the
  // file system, however this process ends. Not where it keeps names, or somebody may connect again.
  void RemoveFiles();
  // Why it no longer serves, or empty.
  std::string Trouble();

 private:
  DaemonProcess() = default;

  absl::Status Prepare(const std::string& transport);
  absl::Status Launch(const std::string& executable, const DaemonSettings& settings);

  std::string directory_;
  DaemonAddress address_;  // where it is the same for all
  struct PipeEnds {
    Descriptor read;
    Descriptor write;
  };
  std::vector<PipeEnds> pipes_;      // ours, that nobody has taken
  std::vector<Descriptor> theirs_;   // until it is started
  std::vector<std::string> listen_;  // its arguments
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_DAEMON_PROCESS_H_
