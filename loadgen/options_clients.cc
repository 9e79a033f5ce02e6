#include "loadgen/options_clients.h"

#include "absl/strings/str_cat.h"
#include "loadgen/backend_factory.h"

namespace routebench::loadgen {
namespace {

constexpr uint32_t kMostProcesses = 64;

}  // namespace

void SetClients(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  const uint32_t clients = options.clients.value_or(0);
  if (!options.clients.has_value()) {
    reader.Require(!options.load_processes.has_value(), "--load-processes belongs to --clients");
    reader.Require(!options.idle.has_value(), "--idle belongs to --clients");
    return;
  }
  reader.Require(clients >= 1 && clients <= kMostClients, absl::StrCat("--clients: 1 to ", kMostClients));
  reader.Require(NeedsDaemon(plan.backend()),
                 absl::StrCat("--clients belongs to --backend daemon: ", plan.backend(),
                              " has one process and no connections; --publishers is the same load there"));
  reader.Require(TransportOf(plan.backend()) != "pipe", "--clients: nobody else can come by a pipe");
  reader.Require(options.publishers == 1, "--publishers does not go with --clients: each client is one");
  reader.Require(options.replay.empty(),
                 "--clients does not go with --replay: a trace has its own publishers");
  const uint32_t processes = options.load_processes.value_or(1);
  reader.Require(processes >= 1 && processes <= kMostProcesses && processes <= std::max(1u, clients),
                 absl::StrCat("--load-processes: 1 to ", kMostProcesses, ", and no more than clients"));
  plan.set_clients(clients);
  plan.set_publishers(clients);
  plan.set_load_processes(processes);
  plan.set_idle_ns(reader.Duration("--idle", options.idle, 0));
}

void AddClientsFlags(CLI::App& app, RunOptions& o) {
  const char* group = "Many clients";
  app.add_option(
         "--clients", o.clients,
         "publishers with a connection each, in other processes than this one; their connecting and what "
         "they cost the daemon is measured [all publishers share a connection]")
      ->group(group);
  app.add_option("--load-processes", o.load_processes, "that the clients are spread over [1]")->group(group);
  app.add_option(
         "--idle", o.idle,
         "all clients stay connected and idle for so long before the run, and the daemon is watched [0s]")
      ->group(group);
}

}  // namespace routebench::loadgen
