// A daemon that is killed and started again under a publisher and a subscriber that live on, and the books of
// it.
#ifndef ROUTEBENCH_TESTS_INTEGRATION_KILL_RUN_H_
#define ROUTEBENCH_TESTS_INTEGRATION_KILL_RUN_H_

#include <atomic>
#include <cstdint>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "daemon/client/reconnecting_client.h"
#include "events/mutex.h"
#include "tests/daemon/private_directory.h"
#include "tests/integration/eventd_process.h"

namespace routebench::testing {

class KillRun {
 public:
  explicit KillRun(uint64_t max_events);
  ~KillRun();

  // Starts an eventd; with a crash point it kills itself there. False: it has not come up.
  bool StartEventd(const std::string& crash_point = "");
  EventdProcess& eventd() { return *eventd_; }
  // Kills it and waits for its end.
  void KillEventd();

  absl::Status Connect();
  // One service, one at-least-once subscription of the name "name".
  absl::Status Subscribe();

  // A thread that publishes `count` events more, `per_second` of them if that is not 0, until Stop.
  void StartPublisher(uint64_t count, double per_second = 0);
  void StopPublisher();
  void JoinPublisher();

  // Calls of the handler so far. Waits until there have been `count`; false when they do not come.
  uint64_t handled();
  [[nodiscard]] bool AwaitHandled(uint64_t count);
  // From now on, the time of the next call of the handler.
  void WatchFirst();
  std::optional<TimePoint> AwaitFirst();

  struct Books {
    uint64_t accepted = 0;
    uint64_t lost = 0;                // never handed, though all have been released
    uint64_t duplicates = 0;          // handed more than once
    uint64_t released = 0;            // to the publisher, acknowledged by all
    uint64_t released_otherwise = 0;  // not by all
    uint64_t released_before_handed = 0;
    friend bool operator==(const Books&, const Books&) = default;
  };
  // Waits until everything is released, and until nothing more may come.
  absl::Status Drain();
  Books books() const;

  std::string socket() const { return (directory_.path() / "eventd.sock").string(); }
  std::string state() const { return (directory_.path() / "state").string(); }
  ReconnectingClient& publisher() { return *publisher_; }
  ReconnectingClient& subscriber() { return *subscriber_; }
  // The subscriber goes, in order; Connect brings it again.
  void DropSubscriber() { subscriber_.reset(); }

 private:
  void Publish(uint64_t count, double per_second);
  Verdict OnEvent(const Event& event);

  PrivateDirectory directory_;
  std::unique_ptr<EventdProcess> eventd_;
  std::vector<std::atomic<uint32_t>> handed_;  // by sequence
  std::atomic<uint64_t> accepted_{0};
  std::atomic<uint64_t> released_{0};
  std::atomic<uint64_t> released_otherwise_{0};
  std::atomic<uint64_t> released_before_handed_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;

  Mutex mutex_;
  CondVar changed_;
  uint64_t handled_ ABSL_GUARDED_BY(mutex_) = 0;
  bool watching_ ABSL_GUARDED_BY(mutex_) = false;
  TimePoint first_ ABSL_GUARDED_BY(mutex_){};

  std::unique_ptr<ReconnectingClient> publisher_;
  std::unique_ptr<ReconnectingClient> subscriber_;
};

std::ostream& operator<<(std::ostream& out, const KillRun::Books& books);

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_INTEGRATION_KILL_RUN_H_
