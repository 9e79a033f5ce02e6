// loadgen as a real process, in a private directory, with everything it starts in sight.
#ifndef ROUTEBENCH_TESTS_INTEGRATION_LOADGEN_RUN_H_
#define ROUTEBENCH_TESTS_INTEGRATION_LOADGEN_RUN_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace routebench::testing {

// A directory that goes with this object; short, so that sockets fit.
class PrivateDirectory {
 public:
  PrivateDirectory();
  ~PrivateDirectory();
  const std::string& path() const { return path_; }
  std::vector<std::string> Files() const;

 private:
  std::string path_;
};

struct Finished {
  int code = -1;  // exit code; minus the signal where one killed it
  std::string out;
  std::string err;  // with the progress line, when on a terminal
};

// One process of an executable, its temporary files in `directory`, its standard error on a terminal of its
// own.
class LoadgenRun {
 public:
  struct Settings {
    std::string out_path;     // where standard output goes instead of a pipe
    size_t largest_file = 0;  // RLIMIT_FSIZE; 0: none
  };
  LoadgenRun(const std::vector<std::string>& command, const PrivateDirectory& directory,
             const Settings& settings);
  LoadgenRun(const std::vector<std::string>& command, const PrivateDirectory& directory)
      : LoadgenRun(command, directory, Settings()) {}
  ~LoadgenRun();

  pid_t pid() const { return pid_; }
  // Reads standard error until `pattern` (ECMAScript) has come; fails the test at its end or after half a
  // minute.
  void AwaitError(const std::string& pattern);
  const std::string& error() const { return finished_.err; }  // what has been read of it so far
  // The same until something has been sent, or run.
  void AwaitProgress();
  // Living processes that this one started, itself not included; `with` is a part of their command line.
  std::vector<pid_t> Offspring(const std::string& with = "") const;
  void Signal(int signal) const;
  // Until it and everything it started is gone; fails the test after half a minute.
  Finished Wait();

 private:
  bool ReadSome(int milliseconds);

  std::string mark_;  // in the environment of it and of its children
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  Finished finished_;
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_INTEGRATION_LOADGEN_RUN_H_
