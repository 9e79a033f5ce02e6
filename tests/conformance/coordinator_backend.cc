#include "tests/conformance/coordinator_backend.h"

#include "coordinator/data_coordinator.h"
#include "coordinator/inline_router.h"

namespace routebench::conformance {
namespace {

template <typename Router>
class CoordinatorBackend final : public Backend {
 public:
  CoordinatorBackend(const RouterOptions& options, testing::FakeTime& time) : router_(options, time, &time) {}
  EventRouter& publisher() override { return router_; }
  EventRouter& subscriber() override { return router_; }

 private:
  Router router_;
};

}  // namespace

std::unique_ptr<Backend> MakeCoordinator(const RouterOptions& options, testing::FakeTime& time) {
  return std::make_unique<CoordinatorBackend<DataCoordinator>>(options, time);
}

std::unique_ptr<Backend> MakeInlineCoordinator(const RouterOptions& options, testing::FakeTime& time) {
  return std::make_unique<CoordinatorBackend<InlineRouter>>(options, time);
}

}  // namespace routebench::conformance
