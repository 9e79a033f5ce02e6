#include <algorithm>

#include "tests/conformance/backend.h"
#include "tests/conformance/coordinator_backend.h"
#include "tests/conformance/daemon_backend.h"

namespace routebench::conformance {
namespace {

const BackendFixture* selected = nullptr;
WaitPolicy selected_wait = WaitPolicy::kBlock;

}  // namespace

const std::vector<BackendFixture>& Backends() {
  static const auto& backends = *new std::vector<BackendFixture>{
      {.name = "coordinator", .make = MakeCoordinator},
      {.name = "coordinator:inline", .make = MakeInlineCoordinator, .is_inline = true},
      {.name = "daemon:unix", .make = MakeDaemonUnix, .crosses_processes = true},
      {.name = "daemon:tcp", .make = MakeDaemonTcp, .crosses_processes = true},
      {.name = "daemon:pipe", .make = MakeDaemonPipe, .crosses_processes = true},
      {.name = "daemon:shm", .make = MakeDaemonShm, .crosses_processes = true},
  };
  return backends;
}

bool SelectBackend(std::string_view argument) {
  const size_t comma = argument.find(',');
  const std::string_view name = argument.substr(0, comma);
  if (comma != std::string_view::npos) {
    const auto wait = ParseWaitPolicy(argument.substr(comma + 1));
    if (!wait.has_value()) return false;
    selected_wait = *wait;
  }
  const std::vector<BackendFixture>& all = Backends();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const BackendFixture& b) { return b.name == name; });
  if (found == all.end()) return false;
  selected = &*found;
  return true;
}

const BackendFixture& BackendUnderTest() { return *selected; }
WaitPolicy WaitUnderTest() { return selected_wait; }

}  // namespace routebench::conformance
