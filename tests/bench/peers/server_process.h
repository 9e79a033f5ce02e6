// Somebody else's server as a child process, with a private directory.
#ifndef ROUTEBENCH_TESTS_BENCH_PEERS_SERVER_PROCESS_H_
#define ROUTEBENCH_TESTS_BENCH_PEERS_SERVER_PROCESS_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "loadgen/child_process.h"
#include "tests/daemon/private_directory.h"

namespace routebench::bench {

// On PATH or where Debian puts servers; empty: nowhere.
std::string FindServer(const std::string& name);
// The first line that `executable --version` prints.
std::string VersionOf(const std::string& executable);

// What a party does when its client library fails: the run has no result.
[[noreturn]] void Fail(const std::string& what);

// Ends with this object, and with the process that started it. Its output goes to `directory`/log.
class ServerProcess {
 public:
  // `arguments` are made for the directory. Returns when `ready` says so; Unavailable where the server ends
  // before that, or takes longer than some seconds.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(
      const std::function<std::vector<std::string>(const std::string& directory)>& arguments,
      const std::function<bool(const std::string& directory)>& ready);

  std::string directory() const { return directory_.path().string(); }
  pid_t pid() const { return process_->pid(); }

 private:
  testing::PrivateDirectory directory_;
  std::unique_ptr<loadgen::ChildProcess> process_;
};

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_PEERS_SERVER_PROCESS_H_
