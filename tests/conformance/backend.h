// The backends under test: what a fixture provides, and the table of them.
#ifndef ROUTEBENCH_TESTS_CONFORMANCE_BACKEND_H_
#define ROUTEBENCH_TESTS_CONFORMANCE_BACKEND_H_

#include <memory>
#include <string_view>
#include <vector>

#include "events/router.h"
#include "tests/support/fake_time.h"

namespace routebench::conformance {

// One backend, alive. Publishers and subscribers may be different routers: two clients of one broker.
class Backend {
 public:
  virtual ~Backend() = default;
  virtual EventRouter& publisher() = 0;
  virtual EventRouter& subscriber() = 0;
};

struct BackendFixture {
  std::string_view name;
  // Routers made with `options` (both, where there are two; the sink is the publisher's) on `time`, which
  // stands still until the test moves it. Aborts the test program when it cannot.
  std::unique_ptr<Backend> (*make)(const RouterOptions& options, testing::FakeTime& time);
  // The handler runs inside Publish: a stuck handler is a stuck publisher.
  bool is_inline = false;
  // Events cross a process boundary: bytes can be damaged on the way, and a peer can die.
  bool crosses_processes = false;
};

// All of them; a new backend is one line in backends.cc.
const std::vector<BackendFixture>& Backends();

// The one that this run of the program tests (--backend=NAME).
const BackendFixture& BackendUnderTest();
// How its threads wait.
WaitPolicy WaitUnderTest();
// NAME, or NAME,WAIT. False: there is no such backend, or no such policy.
bool SelectBackend(std::string_view argument);

}  // namespace routebench::conformance

#endif  // ROUTEBENCH_TESTS_CONFORMANCE_BACKEND_H_
