// Questions that wait for the daemon's answer.
#ifndef ROUTEBENCH_DAEMON_CLIENT_CALLS_H_
#define ROUTEBENCH_DAEMON_CLIENT_CALLS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control.pb.h"
#include "events/clock.h"
#include "events/mutex.h"

namespace routebench::daemon {

// Thread-safe. Owned by shared_ptr: a timer of a call may fire late.
class Calls : public std::enable_shared_from_this<Calls> {
 public:
  // Runs on the reader's thread when the answer is a success, before any later frame is read.
  using OnSuccess = std::function<void(const wire::Reply&)>;

  // A new question; its number goes into the request. Send the request, then Await.
  uint64_t Start(OnSuccess on_success);
  // Blocks until the answer, or the end of the connection (Unavailable).
  absl::StatusOr<wire::Reply> Await(uint64_t request);
  // Likewise, and DeadlineExceeded at `due`.
  absl::StatusOr<wire::Reply> AwaitUntil(uint64_t request, TimePoint due, Timers& timers);

  // The reader's. False: nobody asked.
  bool OnReply(uint64_t request, const wire::Reply& reply);
  // All of them, also those to come, fail as Unavailable for this reason.
  void FailAll(std::string reason);

 private:
  struct Call {
    OnSuccess on_success;
    bool done = false;
    absl::StatusOr<wire::Reply> result = absl::UnavailableError("");
  };

  Mutex mutex_;
  CondVar done_;
  uint64_t last_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<uint64_t, Call> calls_ ABSL_GUARDED_BY(mutex_);
  bool failed_ ABSL_GUARDED_BY(mutex_) = false;
  std::string reason_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_CALLS_H_
