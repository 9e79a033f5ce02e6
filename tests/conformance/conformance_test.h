// What the tests of all rows share: a backend of their own on a clock that they move.
#ifndef ROUTEBENCH_TESTS_CONFORMANCE_CONFORMANCE_TEST_H_
#define ROUTEBENCH_TESTS_CONFORMANCE_CONFORMANCE_TEST_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/conformance/backend.h"
#include "tests/support/fake_time.h"
#include "tests/support/gate.h"
#include "tests/support/recorder.h"

namespace routebench::conformance {

using testing::FakeTime;
using testing::Gate;
using testing::Inbox;
using testing::kPatience;
using testing::Outcomes;

constexpr Duration kSecond = std::chrono::seconds(1);

// 1, 2, .. n
std::vector<uint64_t> UpTo(uint64_t n);

class ConformanceTest : public ::testing::Test {
 protected:
  // Every outcome is reported to outcomes(), and there are more handler threads than any test gets stuck.
  ConformanceTest();

  // Change before the first use of a router.
  RouterOptions options;

  EventRouter& publisher() { return backend().publisher(); }
  EventRouter& subscriber() { return backend().subscriber(); }
  FakeTime& time() { return time_; }
  const Outcomes& outcomes() const { return outcomes_; }
  // Ends the routers now.
  void DestroyBackend() { backend_.reset(); }

  // The next event: sequence counts from 1, body of plain bytes.
  Event NewEvent(EventKind kind = EventKind::kFileModified);
  // Publishes the next `count` events of file system kind and expects that all are accepted.
  void PublishMore(uint64_t count);

  // Registers `service.id` and subscribes to everything; expects that both succeed.
  void MustRegister(const ServiceSpec& service);
  SubscriptionId MustSubscribe(const SubscriptionSpec& spec, Handler handler);
  // The same with a service of the subscription's own.
  SubscriptionId AddReceiver(SubscriptionSpec spec, Handler handler);

  // Everything accepted so far has its outcome.
  void MustDrain();
  // What the receiving side has told the routing side so far has arrived there.
  void Settle();
  Books BooksOf(SubscriptionId id);
  Books RouterBooks();

  // Moves the time in small steps until `done`; false when patience runs out. `done` is checked between the
  // steps.
  template <typename Done>
  [[nodiscard]] bool AdvanceUntil(const Done& done) {
    const TimePoint give_up = Clock::System().Now() + kPatience;
    while (!done()) {
      if (Clock::System().Now() > give_up) return false;
      time_.Advance(kSecond / 20);
      std::this_thread::yield();
    }
    return true;
  }

 private:
  Backend& backend();

  FakeTime time_;
  Outcomes outcomes_;
  EventIdGenerator ids_{RandomSeed()};
  uint64_t sequence_ = 0;
  std::unique_ptr<Backend> backend_;
};

// For tests that need a handler to be stuck while they publish.
#define SKIP_ON_INLINE() \
  if (BackendUnderTest().is_inline) GTEST_SKIP() << "a stuck handler is a stuck publisher"

}  // namespace routebench::conformance

#endif  // ROUTEBENCH_TESTS_CONFORMANCE_CONFORMANCE_TEST_H_
