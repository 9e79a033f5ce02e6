#ifndef ROUTEBENCH_TESTS_CONFORMANCE_COORDINATOR_BACKEND_H_
#define ROUTEBENCH_TESTS_CONFORMANCE_COORDINATOR_BACKEND_H_

#include <memory>

#include "tests/conformance/backend.h"

namespace routebench::conformance {

std::unique_ptr<Backend> MakeCoordinator(const RouterOptions& options, testing::FakeTime& time);
std::unique_ptr<Backend> MakeInlineCoordinator(const RouterOptions& options, testing::FakeTime& time);

}  // namespace routebench::conformance

#endif  // ROUTEBENCH_TESTS_CONFORMANCE_COORDINATOR_BACKEND_H_
