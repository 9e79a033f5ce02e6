// A forked process that runs one function, for benchmarks of more than one process.
#ifndef ROUTEBENCH_TESTS_BENCH_CHILD_PROCESS_H_
#define ROUTEBENCH_TESTS_BENCH_CHILD_PROCESS_H_

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace routebench::bench {

// Start it while the calling process has one thread only. Ends with its parent, and when this object goes.
class ChildProcess {
 public:
  template <typename Work>
  explicit ChildProcess(Work&& work) : pid_(fork()) {
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work();
    _exit(0);
  }
  ~ChildProcess() {
    kill(pid_, SIGTERM);
    waitpid(pid_, nullptr, 0);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

 private:
  pid_t pid_;
};

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_CHILD_PROCESS_H_
