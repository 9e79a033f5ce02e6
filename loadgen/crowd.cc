#include "loadgen/crowd.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "loadgen/descriptors.h"
#include "loadgen/options_stages.h"
#include "loadgen/specs.h"

namespace routebench::loadgen {
namespace {

// Of each client: its connection, what it polls with and is woken by; over shared memory also doorbells.
constexpr uint64_t kDescriptorsEach = 4;
constexpr uint64_t kDescriptorsEachShm = 8;
constexpr uint64_t kDescriptorsBeside = 64;

absl::Status CheckDescriptors(const record::RunPlan& plan, uint32_t count) {
  const uint64_t each = TransportOf(plan.backend()) == "shm" ? kDescriptorsEachShm : kDescriptorsEach;
  const uint64_t needed = count * each + kDescriptorsBeside;
  const uint64_t limit = RaiseDescriptorLimit();
  if (needed <= limit) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat(count, " clients in a process need about ", needed, " open descriptors and it may have ",
                   limit, ": raise the hard limit (ulimit -Hn), or use more --load-processes"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Crowd>> Crowd::Connect(const record::RunPlan& plan, const Input& input,
                                                      const DaemonAddress& daemon, uint32_t first,
                                                      uint32_t count) {
  if (absl::Status status = CheckDescriptors(plan, count); !status.ok()) return status;
  std::unique_ptr<Crowd> crowd(new Crowd);
  if (const StageInjection injection = InjectionOf(plan); !injection.empty())
    crowd->hooks_ = std::make_unique<InjectingHooks>(injection);
  std::vector<Seat> seats;
  std::vector<Backend*> backends;
  for (uint32_t i = 0; i < count; ++i) {
    if (absl::Status status = crowd->Add(plan, input.schedule.phases.size(), daemon); !status.ok()) {
      return absl::Status(status.code(),
                          absl::StrCat("client ", first + i + 1, ": ", std::string(status.message())));
    }
    const Client& client = crowd->clients_.back();
    seats.push_back({&client.backend->router(), client.outstanding.get(), client.asker.get()});
    backends.push_back(client.backend.get());
  }
  crowd->load_.emplace(plan, input, first, std::move(seats), std::move(backends));
  return crowd;
}

// Publishers end before what they publish through.
Crowd::~Crowd() { load_.reset(); }

absl::Status Crowd::Add(const record::RunPlan& plan, size_t phases, const DaemonAddress& daemon) {
  Client client;
  RouterOptions options = RouterOptionsOf(plan);
  options.handler_threads = 1;  // it has one thing to wait for
  options.stage_hooks = hooks_.get();
  const bool requests = plan.exchange() == "request";
  if (plan.outstanding() > 0) {
    const double outcomes = requests ? 1 : std::max(1.0, plan.fan_out());
    client.outstanding = std::make_unique<OutstandingLimit>(plan.outstanding(), outcomes);
  }
  if (client.outstanding != nullptr && !requests) {
    options.report_delivered = true;
    options.outcome_sink = [limit = client.outstanding.get()](const OutcomeReport&) { limit->OnOutcome(); };
  }
  const TimePoint begin = Clock::System().Now();
  auto backend =
      OpenBackend(plan.backend(), daemon, "loadgen-client", std::move(options), GuaranteeOf(plan), &timers_);
  if (!backend.ok()) return backend.status();
  connect_times_.Record((Clock::System().Now() - begin).count());
  client.backend = *std::move(backend);
  if (requests) {
    auto asker = Asker::Create(client.backend->router(), timers_, plan, phases, client.outstanding.get(),
                               Clock::System());
    if (!asker.ok()) return asker.status();
    client.asker = *std::move(asker);
  }
  clients_.push_back(std::move(client));
  return absl::OkStatus();
}

}  // namespace routebench::loadgen
