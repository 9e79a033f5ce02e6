// The backends that a benchmark runs on, each alive.
#ifndef ROUTEBENCH_TESTS_BENCH_SITE_H_
#define ROUTEBENCH_TESTS_BENCH_SITE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "events/router.h"
#include "tests/daemon/private_directory.h"
#include "tests/integration/eventd_process.h"

namespace routebench::bench {

// coordinator, coordinator:inline, daemon:unix.
const std::vector<std::string>& SiteNames();

// One backend and two parties that use it: two clients of an eventd (ROUTEBENCH_EVENTD) or, in the
// coordinator, twice the same router. Aborts where it cannot be had.
class Site {
 public:
  // `eventd_arguments` say to the daemon what `options.routing` says to a coordinator.
  explicit Site(const std::string& name, const RouterOptions& options = {},
                std::vector<std::string> eventd_arguments = {});

  EventRouter& router() { return *router_; }
  EventRouter& other() { return other_ == nullptr ? *router_ : *other_; }

  // One more party: a client, or a coordinator of its own.
  std::unique_ptr<EventRouter> Join() const;

 private:
  const std::string name_;
  const RouterOptions options_;
  const testing::PrivateDirectory directory_;
  std::optional<testing::EventdProcess> eventd_;
  std::unique_ptr<EventRouter> router_;
  std::unique_ptr<EventRouter> other_;
};

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_SITE_H_
