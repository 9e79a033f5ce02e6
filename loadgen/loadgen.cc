#include "loadgen/loadgen.h"

#include <google/protobuf/stubs/logging.h>
#include <signal.h>
#include <unistd.h>

#include <ostream>

#include "loadgen/campaign/campaign.h"
#include "loadgen/load_processes.h"
#include "loadgen/options.h"
#include "loadgen/receiver.h"
#include "loadgen/run.h"
#include "loadgen/trace/record_command.h"

namespace routebench::loadgen {
namespace {

constexpr int kControlDescriptor = 3;  // where ChildProcess puts it

constexpr char kDescription[] =
    "Sends a workload of events through a routing backend and measures what comes of it.\n"
    "\n"
    "  loadgen --pattern spike --backend daemon          a run through a daemon of its own\n"
    "  loadgen --level medium --json --out run.run       one JSON object and the full record\n"
    "  loadgen --pattern burst --rate 20k/s --print-plan what these flags amount to\n"
    "\n"
    "Exit codes: 0 pass, 1 error, 4 invalid measurement, 64 usage, 130 interrupted.";

}  // namespace

int Run(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  // A reader that left, or a file that may not grow, shows as a failed write.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  google::protobuf::SetLogHandler(nullptr);  // it would print a line for each string that is no UTF-8
  CLI::App app(kDescription, "loadgen");
  app.set_version_flag("--version", std::string("routebench ") + ROUTEBENCH_VERSION);
  RunOptions options;
  AddRunFlags(app, options);
  CLI::App* const receive = app.add_subcommand("receive")->group("");
  CLI::App* const load = app.add_subcommand("load")->group("");
  RecordOptions record_options;
  CLI::App* const record = AddRecordCommand(app, record_options);
  CampaignOptions campaign_options;
  CLI::App* const campaign = AddCampaignCommand(app, campaign_options);
  app.require_subcommand(0, 1);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are no errors.
    return app.exit(error, out, err) == 0 ? kExitOk : kExitUsage;
  }
  if (receive->parsed()) return RunReceiverProcess(kControlDescriptor);
  if (load->parsed()) return RunLoadProcess(kControlDescriptor);
  if (record->parsed()) return RunRecordCommand(record_options, err);
  if (campaign->parsed()) {
    campaign_options.progress = isatty(STDERR_FILENO) == 1;
    return RunCampaign(campaign_options, out, err);
  }
  return RunOnce(options, argc, argv, {out, err});
}

}  // namespace routebench::loadgen
