#include "tests/conformance/coordinator_backend.h"

#include "coordinator/data_coordinator.h"

namespace routebench::conformance {
namespace {

class CoordinatorBackend final : public Backend {
 public:
  CoordinatorBackend(const RouterOptions& options, testing::FakeTime& time) : router_(options, time, &time) {}
  EventRouter& publisher() override { return router_; }
  EventRouter& subscriber() override { return router_; }

 private:
  DataCoordinator router_;
};

}  // namespace

std::unique_ptr<Backend> MakeCoordinator(const RouterOptions& options, testing::FakeTime& time) {
  return std::make_unique<CoordinatorBackend>(options, time);
}

}  // namespace routebench::conformance
