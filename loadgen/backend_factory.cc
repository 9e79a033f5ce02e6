#include "loadgen/backend_factory.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/data_coordinator.h"
#include "loadgen/null_router.h"

namespace routebench::loadgen {
namespace {

template <typename Router>
class InProcess final : public Backend {
 public:
  template <typename... Arguments>
  explicit InProcess(Arguments&&... arguments) : router_(std::forward<Arguments>(arguments)...) {}
  EventRouter& router() override { return router_; }

 private:
  Router router_;
};

}  // namespace

bool NeedsDaemon(const std::string& backend) { return backend == "daemon:unix"; }

bool Delivers(const std::string& backend) { return backend != "null"; }

absl::StatusOr<std::unique_ptr<Backend>> OpenBackend(const std::string& backend,
                                                     const std::string& /*endpoint*/,
                                                     const std::string& /*peer_name*/,
                                                     RouterOptions options) {
  if (backend == "null") return std::make_unique<InProcess<NullRouter>>();
  if (backend == "coordinator") return std::make_unique<InProcess<DataCoordinator>>(std::move(options));
  return absl::UnimplementedError(absl::StrCat("backend ", backend, " is not part of this build"));
}

}  // namespace routebench::loadgen
