#include "analysis/run.h"

#include <google/protobuf/stubs/logging.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "analysis/record/hdr_log.h"
#include "analysis/record/json.h"
#include "analysis/record/metrics.h"
#include "analysis/record/run_record.h"
#include "analysis/record/summary.h"
#include "analysis/report/model.h"
#include "analysis/report/renderers.h"

namespace routebench::analysis {
namespace {

constexpr int kError = 1;
constexpr int kWorse = 2;
constexpr int kInconclusive = 3;
constexpr int kInvalid = 4;
constexpr int kUsage = 64;

constexpr char kExamples[] = R"(
Examples:
  analysis report results --out report
  analysis report results --out report --format html,json --fail-on-inconclusive
  analysis compare coordinator-*.run --vs daemon-*.run
  analysis show results/mixed-03-daemon.run
  analysis export-hlog results/mixed-03-daemon.run --out mixed.hlog)";

struct Format {
  const char* name;
  const char* file;
  std::string (*render)(const report::Report&);
};
constexpr Format kFormats[] = {{"html", "report.html", report::RenderHtml},
                               {"md", "report.md", report::RenderMarkdown},
                               {"json", "report.json", report::RenderJson},
                               {"csv", "report.csv", report::RenderCsv}};

struct Options {
  std::vector<std::string> a;
  std::vector<std::string> b;
  std::string directory;
  std::string out;
  std::vector<std::string> formats = {"html", "md", "json", "csv"};
  std::string baseline = "coordinator";
  std::string record;
  bool json = false;
  bool fail_on_worse = false;
  bool fail_on_inconclusive = false;
  bool allow_unequal_waits = false;

  report::Waits waits() const {
    return allow_unequal_waits ? report::Waits::kMayDiffer : report::Waits::kEqual;
  }
};

int Fail(const absl::Status& status, std::ostream& err) {
  err << "analysis: " << std::string(status.message()) << "\n";
  return kError;
}

int ExitCode(const report::Report& report, const Options& options) {
  if (!report.lacking().empty()) return kInvalid;
  if (options.fail_on_worse && report.worse()) return kWorse;
  if (options.fail_on_inconclusive && report.inconclusive()) return kInconclusive;
  return 0;
}

absl::Status WriteFile(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (file.good()) return absl::OkStatus();
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  return absl::UnknownError(absl::StrCat(path, ": cannot be written"));
}

struct File {
  std::string path;
  std::string text;
};

// All of them, or none: what was there before stays until the last is written.
absl::Status WriteAll(const std::vector<File>& files) {
  const auto part_of = [](const File& file) { return file.path + ".part"; };
  absl::Status status;
  for (const File& file : files) {
    if (status.ok()) status = WriteFile(part_of(file), file.text);
  }
  std::error_code error;
  for (const File& file : files) {
    if (status.ok()) {
      std::filesystem::rename(part_of(file), file.path, error);
      if (error) status = absl::UnknownError(absl::StrCat(file.path, ": ", error.message()));
    }
    if (!status.ok()) std::filesystem::remove(part_of(file), error);
  }
  return status;
}

// The runs of one side, all of one backend, with the side in the name of their arm.
absl::StatusOr<std::vector<report::Run>> LoadSide(const std::vector<std::string>& paths, const char* side,
                                                  report::Waits waits) {
  auto runs = report::LoadRuns(paths, waits);
  if (!runs.ok()) return runs.status();
  std::set<std::string> backends;
  for (const report::Run& run : *runs) backends.insert(run.arm);
  if (backends.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("side ", side, " holds runs of several backends: ", absl::StrJoin(backends, ", ")));
  }
  for (report::Run& run : *runs) run.arm = absl::StrCat(side, " (", run.arm, ")");
  return runs;
}

int Compare(const Options& options, std::ostream& out, std::ostream& err) {
  auto runs = LoadSide(options.a, "A", options.waits());
  if (!runs.ok()) return Fail(runs.status(), err);
  auto others = LoadSide(options.b, "B", options.waits());
  if (!others.ok()) return Fail(others.status(), err);
  const std::string baseline = runs->front().arm;
  std::move(others->begin(), others->end(), std::back_inserter(*runs));
  const auto report = report::BuildReport(*std::move(runs), baseline, options.waits());
  if (!report.ok()) return Fail(report.status(), err);
  out << (options.json ? report::RenderJson(*report) : report::RenderTable(*report));
  return ExitCode(*report, options);
}

int WriteReport(const Options& options, std::ostream& out, std::ostream& err) {
  auto runs = report::LoadRuns({options.directory}, options.waits());
  if (!runs.ok()) return Fail(runs.status(), err);
  const auto report = report::BuildReport(*std::move(runs), options.baseline, options.waits());
  if (!report.ok()) return Fail(report.status(), err);
  std::vector<File> files;
  std::vector<std::string> written;
  for (const Format& format : kFormats) {
    if (std::find(options.formats.begin(), options.formats.end(), format.name) == options.formats.end())
      continue;
    written.push_back((std::filesystem::path(options.out) / format.file).string());
    files.push_back({written.back(), format.render(*report)});
  }
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(options.out, error);
  if (error) return Fail(absl::UnknownError(absl::StrCat(options.out, ": ", error.message())), err);
  if (absl::Status status = WriteAll(files); !status.ok()) {
    if (is_new) std::filesystem::remove(options.out, error);
    return Fail(status, err);
  }
  if (options.json) {
    out << report::RenderJson(*report);
  } else {
    out << report::RenderTable(*report) << "report: " << absl::StrJoin(written, ", ") << "\n";
  }
  return ExitCode(*report, options);
}

int Show(const Options& options, std::ostream& out, std::ostream& err) {
  const auto record = record::ReadRunRecord(options.record);
  if (!record.ok()) return Fail(record.status(), err);
  out << (options.json ? record::RunToJson(*record) : record::RenderSummary(*record));
  return record::InvalidReasons(*record).empty() ? 0 : kInvalid;
}

int ExportHlog(const Options& options, std::ostream& out, std::ostream& err) {
  const auto record = record::ReadRunRecord(options.record);
  if (!record.ok()) return Fail(record.status(), err);
  const record::MeasuredPart part = record::MeasuredPartOf(*record);
  const std::string log =
      record::HdrLog(part.response, "response", record->started_unix_ns(), record->measured_ns());
  if (absl::Status status = WriteFile(options.out, log); !status.ok()) return Fail(status, err);
  if (part.missing() > 0) {
    err << "analysis: " << part.missing() << " missing deliveries are not in the log: it cannot hold them\n";
  }
  out << options.out << "\n";
  return 0;
}

void AddGates(CLI::App& command, Options& options) {
  command.add_flag("--json", options.json, "print the report as JSON (routebench.report.v1)");
  command.add_flag("--fail-on-worse", options.fail_on_worse, "exit 2 when a verdict says that B is worse");
  command.add_flag("--fail-on-inconclusive", options.fail_on_inconclusive,
                   "exit 3 when a planned comparison ends without a verdict");
  command.add_flag("--allow-unequal-waits", options.allow_unequal_waits,
                   "compare runs that waited by different policies; the report says so");
}

CLI::App* AddCompare(CLI::App& app, Options& options) {
  CLI::App* command = app.add_subcommand("compare", "compare two sets of runs, block by block");
  command->add_option("A", options.a, "records or directories of side A")->required();
  command->add_option("--vs", options.b, "records or directories of side B")->required();
  AddGates(*command, options);
  return command;
}

CLI::App* AddReport(CLI::App& app, Options& options) {
  CLI::App* command = app.add_subcommand("report", "compare all backends found in a directory of records");
  command->add_option("DIR", options.directory, "directory with records (*.run), also below it")->required();
  command->add_option("--out", options.out, "directory for the report")->required();
  command->add_option("--format", options.formats, "any of html, md, json, csv")
      ->delimiter(',')
      ->check(CLI::IsMember({"html", "md", "json", "csv"}))
      ->capture_default_str();
  command->add_option("--baseline", options.baseline, "the backend that the others are compared with")
      ->capture_default_str();
  AddGates(*command, options);
  return command;
}

CLI::App* AddShow(CLI::App& app, Options& options) {
  CLI::App* command = app.add_subcommand("show", "print one run; exit 4 when it is invalid");
  command->add_option("RECORD", options.record, "a run record")->required();
  command->add_flag("--json", options.json, "print it as JSON (routebench.run.v1)");
  return command;
}

CLI::App* AddExport(CLI::App& app, Options& options) {
  CLI::App* command =
      app.add_subcommand("export-hlog", "write the response times as an HdrHistogram log (values in ns)");
  command->add_option("RECORD", options.record, "a run record")->required();
  command->add_option("--out", options.out, "the log's file")->required();
  return command;
}

}  // namespace

int Run(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  // A reader that left, or a file that may not grow, shows as a failed write.
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  google::protobuf::SetLogHandler(nullptr);  // it would print a line for each string that is no UTF-8
  CLI::App app("Reads run records, compares backends, and says what can be said.", "analysis");
  app.footer(kExamples);
  app.require_subcommand(1);
  Options options;
  using Command = int (*)(const Options&, std::ostream&, std::ostream&);
  const std::pair<CLI::App*, Command> commands[] = {{AddCompare(app, options), Compare},
                                                    {AddReport(app, options), WriteReport},
                                                    {AddShow(app, options), Show},
                                                    {AddExport(app, options), ExportHlog}};
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? 0 : kUsage;
  }
  for (const auto& [command, run] : commands) {
    if (command->parsed()) return run(options, out, err);
  }
  return kUsage;
}

}  // namespace routebench::analysis
