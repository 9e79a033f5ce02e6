#ifndef ROUTEBENCH_TESTS_CONFORMANCE_DAEMON_BACKEND_H_
#define ROUTEBENCH_TESTS_CONFORMANCE_DAEMON_BACKEND_H_

#include <memory>

#include "tests/conformance/backend.h"

namespace routebench::conformance {

// A broker hosted in this process, a publishing and a receiving client, over a real transport.
std::unique_ptr<Backend> MakeDaemonUnix(const RouterOptions& options, testing::FakeTime& time);
std::unique_ptr<Backend> MakeDaemonTcp(const RouterOptions& options, testing::FakeTime& time);
std::unique_ptr<Backend> MakeDaemonPipe(const RouterOptions& options, testing::FakeTime& time);
std::unique_ptr<Backend> MakeDaemonShm(const RouterOptions& options, testing::FakeTime& time);

}  // namespace routebench::conformance

#endif  // ROUTEBENCH_TESTS_CONFORMANCE_DAEMON_BACKEND_H_
