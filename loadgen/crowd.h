// Clients of a run in this process, each with a connection, a publisher and, for requests, an asker of its
// own.
#ifndef ROUTEBENCH_LOADGEN_CROWD_H_
#define ROUTEBENCH_LOADGEN_CROWD_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "analysis/record/histogram.h"
#include "events/dispatch/thread_timers.h"
#include "events/stage_injection.h"
#include "loadgen/asker.h"
#include "loadgen/backend_factory.h"
#include "loadgen/input.h"
#include "loadgen/local_load.h"
#include "loadgen/outstanding.h"

namespace routebench::loadgen {

// Not thread-safe.
class Crowd {
 public:
  // Connects clients `first` to `first + count - 1` of the plan's, one after another. Borrows the input.
  // ResourceExhausted where the process may not open as many descriptors, even with its soft limit raised to
  // the hard one; errors of OpenBackend and Asker::Create, with the number of the client.
  static absl::StatusOr<std::unique_ptr<Crowd>> Connect(const record::RunPlan& plan, const Input& input,
                                                        const DaemonAddress& daemon, uint32_t first,
                                                        uint32_t count);
  ~Crowd();

  // For each client: from the call to connect until the daemon has answered its greeting.
  const record::Histogram& connect_times() const { return connect_times_; }
  Load& load() { return *load_; }

 private:
  struct Client {
    std::unique_ptr<OutstandingLimit> outstanding;  // outlives the connection, which tells it of outcomes
    std::unique_ptr<Backend> backend;
    std::unique_ptr<Asker> asker;
  };

  Crowd() = default;
  absl::Status Add(const record::RunPlan& plan, size_t phases, const DaemonAddress& daemon);

  std::unique_ptr<InjectingHooks> hooks_;  // of all; null: nothing is injected
  dispatch::ThreadTimers timers_;          // of all
  std::vector<Client> clients_;
  record::Histogram connect_times_;
  std::optional<LocalLoad> load_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_CROWD_H_
