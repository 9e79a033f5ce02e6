// The real eventd as a child process.
#ifndef ROUTEBENCH_TESTS_INTEGRATION_EVENTD_PROCESS_H_
#define ROUTEBENCH_TESTS_INTEGRATION_EVENTD_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace routebench::testing {

// Started by the constructor, killed by the destructor if it still runs. The executable is named by the
// environment variable ROUTEBENCH_EVENTD.
class EventdProcess {
 public:
  // `arguments` besides --ready-fd and --stop-fd. Of `inherited` it gets copies, as kInherited and following.
  static constexpr int kInherited = 202;
  explicit EventdProcess(const std::vector<std::string>& arguments, const std::vector<int>& inherited = {});
  ~EventdProcess();
  EventdProcess(const EventdProcess&) = delete;
  EventdProcess& operator=(const EventdProcess&) = delete;

  // True: it listens. False: it has ended instead.
  bool AwaitReady();
  // Where it listens, once it is ready: separated by spaces.
  const std::string& endpoints() const { return endpoints_; }
  pid_t pid() const { return pid_; }
  void Signal(int number) const;
  // Sends SIGSTOP and waits until it stands still.
  void Stop() const;
  // Closes our side of its stop descriptor.
  void CloseStopDescriptor();
  // Waits until its log has a line with `text`; false when it ends before, or patience does.
  bool AwaitLog(const std::string& text);
  // Waits for its end: its exit code, or minus the signal that ended it. Afterwards log() is complete.
  int AwaitExit();

  const std::string& log() const { return log_; }

 private:
  bool ReadLog();

  pid_t pid_ = -1;
  int ready_ = -1;
  int stop_ = -1;
  int errors_ = -1;
  std::string log_;
  std::string endpoints_;
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_INTEGRATION_EVENTD_PROCESS_H_
