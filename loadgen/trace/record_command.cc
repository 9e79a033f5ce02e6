#include "loadgen/trace/record_command.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "loadgen/trace/cloud_events.h"
#include "loadgen/trace/command.h"
#include "loadgen/trace/file_event.h"
#include "loadgen/trace/file_watcher.h"
#include "loadgen/trace/path_hider.h"

namespace routebench::loadgen {
namespace {

constexpr int kError = 1;
constexpr int kInterrupted = 130;
constexpr Duration kPatience = std::chrono::seconds(5);  // with a command that was asked to end
// Changes that wait to be written while there is more to read: about 50 MB.
constexpr size_t kMaxBacklog = 200'000;
constexpr size_t kWrittenAtOnce = 64;
constexpr int kLastReads = 100;  // each empties a queue of the default length

// SIGINT and SIGTERM of this thread as a descriptor.
class Signals {
 public:
  Signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
    descriptor_ = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  ~Signals() {
    close(descriptor_);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  int descriptor() const { return descriptor_; }
  std::optional<signalfd_siginfo> Next() {
    signalfd_siginfo info;
    if (read(descriptor_, &info, sizeof info) != sizeof info) return std::nullopt;
    return info;
  }

 private:
  sigset_t before_;
  int descriptor_;
};

struct Counts {
  std::array<uint64_t, kKindCount> by_kind{};
  uint64_t all = 0;
  uint64_t busiest_second = 0;
  uint64_t this_second = 0;
  int64_t second = -1;  // since the start

  void Add(EventKind kind, Duration since_start) {
    ++by_kind[static_cast<size_t>(kind)];
    ++all;
    const int64_t now = std::chrono::duration_cast<std::chrono::seconds>(since_start).count();
    this_second = now == second ? this_second + 1 : 1;
    second = now;
    busiest_second = std::max(busiest_second, this_second);
  }
};

class Recording {
 public:
  Recording(FileWatcher& watcher, TraceWriter& writer, const PathHider* hider)
      : watcher_(watcher), writer_(writer), hider_(hider), ids_(RandomSeed()) {
    Attributes attributes;
    attributes.source.id = "routebench-record";
    attributes_ = std::make_shared<const Attributes>(std::move(attributes));
  }

  // Until the command has ended and all that happened before is written.
  void Follow(Command& command, Signals& signals) {
    while (Step(command, signals)) {
    }
    // Bounded: something that goes on in the background must not keep the recording going.
    for (int i = 0; i < kLastReads && Read(); ++i) {
    }
    std::vector<FileChange> last;
    watcher_.Finish(last);
    backlog_.insert(backlog_.end(), last.begin(), last.end());
    Write(backlog_.size());
    length_ = clock_.Now() - start_;
  }

  // The first thing that went wrong with reading or writing.
  const absl::Status& status() const { return status_; }
  bool interrupted() const { return interrupted_; }
  const Counts& counts() const { return counts_; }
  Duration length() const { return length_; }

 private:
  // Waits for something to do and does it; reading goes before writing, so that the kernel's queue stays
  // short and times are true. False when the command has ended.
  bool Step(Command& command, Signals& signals) {
    std::array<pollfd, 3> polled = {{{signals.descriptor(), POLLIN, 0},
                                     {command.descriptor(), POLLIN, 0},
                                     {watcher_.descriptor(), POLLIN, 0}}};
    if (!status_.ok()) polled[2].fd = -1;
    poll(polled.data(), polled.size(), Timeout());
    while (const auto signal = signals.Next()) Interrupt(command, *signal);
    if (kill_at_.has_value() && clock_.Now() >= *kill_at_) command.Signal(SIGKILL);
    const bool to_read = polled[2].revents != 0 || Due(watcher_.deadline());
    if (to_read && backlog_.size() < kMaxBacklog) {
      Read();
    } else {
      Write(kWrittenAtOnce);
    }
    return polled[1].revents == 0;
  }

  bool Due(std::optional<TimePoint> time) const { return time.has_value() && *time <= clock_.Now(); }

  int Timeout() const {
    if (!backlog_.empty()) return 0;
    std::optional<TimePoint> next = status_.ok() ? watcher_.deadline() : std::nullopt;
    if (kill_at_.has_value()) next = next.has_value() ? std::min(*next, *kill_at_) : *kill_at_;
    if (!next.has_value()) return -1;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*next - clock_.Now()).count();
    return static_cast<int>(std::max<int64_t>(wait, 0));
  }

  void Interrupt(Command& command, const signalfd_siginfo& signal) {
    // The terminal sends its Ctrl-C to the command as well, kill(1) does not.
    if (signal.ssi_code != SI_KERNEL) command.Signal(static_cast<int>(signal.ssi_signo));
    if (interrupted_) command.Signal(SIGKILL);
    interrupted_ = true;
    kill_at_ = clock_.Now() + kPatience;
  }

  bool Read() {
    if (!status_.ok()) return false;
    std::vector<FileChange> changes;
    const auto more = watcher_.Read(changes);
    backlog_.insert(backlog_.end(), std::make_move_iterator(changes.begin()),
                    std::make_move_iterator(changes.end()));
    status_.Update(more.status());
    return more.ok() && *more;
  }

  void Write(size_t most) {
    for (; most > 0 && !backlog_.empty(); --most, backlog_.pop_front()) {
      if (!status_.ok()) continue;
      const FileChange& change = backlog_.front();
      TraceEvent traced;
      traced.unix_ns = start_unix_ns_ + (change.at - start_).count();
      traced.event = ToFileEvent(change, traced.unix_ns, hider_);
      traced.event.header.id = ids_.Next();
      traced.event.attributes = attributes_;
      status_ = writer_.Write(traced);
      counts_.Add(change.kind, change.at - start_);
    }
  }

  FileWatcher& watcher_;
  TraceWriter& writer_;
  const PathHider* const hider_;
  EventIdGenerator ids_;
  std::shared_ptr<const Attributes> attributes_;
  const Clock& clock_ = Clock::System();
  // All times are differences on the monotonic clock, put on the wall clock once.
  const TimePoint start_ = clock_.Now();
  const int64_t start_unix_ns_ = std::chrono::duration_cast<std::chrono::nanoseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count();
  std::deque<FileChange> backlog_;
  absl::Status status_;
  bool interrupted_ = false;
  std::optional<TimePoint> kill_at_;
  Counts counts_;
  Duration length_{};
};

int Fail(std::ostream& err, const absl::Status& status) {
  err << "loadgen record: " << std::string(status.message()) << "\n";
  return kError;
}

// A trace inside the directory it is about would record its own writing.
bool LiesIn(const std::string& file, const std::string& directory) {
  std::error_code error;
  const auto inner = std::filesystem::weakly_canonical(std::filesystem::absolute(file).parent_path(), error);
  const auto outer = std::filesystem::canonical(directory, error);
  if (error) return false;
  return std::mismatch(outer.begin(), outer.end(), inner.begin(), inner.end()).first == outer.end();
}

void Summarise(const RecordOptions& options, const Recording& recording, const FileWatcher& watcher,
               std::ostream& err) {
  const Counts& counts = recording.counts();
  const double seconds = std::chrono::duration<double>(recording.length()).count();
  err << absl::StrFormat("recorded %d events in %.2f s (%.0f/s; %d in the busiest second) to %s\n",
                         counts.all, seconds, static_cast<double>(counts.all) / seconds,
                         counts.busiest_second, options.out);
  for (size_t i = 0; i < kKindCount; ++i) {
    if (counts.by_kind[i] == 0) continue;
    err << absl::StrFormat("  %-30s %9d\n", std::string(Name(static_cast<EventKind>(i))), counts.by_kind[i]);
  }
  if (recording.interrupted()) err << "  interrupted: the trace ends there\n";
  if (watcher.overflows() > 0) {
    err << "  the kernel's queue overflowed " << watcher.overflows()
        << " times: events are missing there, marked in the trace as filesystem.file_batch (see "
           "fs.inotify.max_queued_events)\n";
  }
  if (watcher.unwatched() > 0) {
    err << "  " << watcher.unwatched() << " directories could not be watched, first "
        << watcher.first_unwatched() << "\n";
  }
  if (watcher.gone()) err << "  " << options.watch << " itself was deleted\n";
}

}  // namespace

CLI::App* AddRecordCommand(CLI::App& app, RecordOptions& options) {
  CLI::App* const record =
      app.add_subcommand("record", "record the file-system events that a command causes, as a trace");
  record->add_option("--watch", options.watch, "directory, with everything below it")->required();
  record->add_option("--out", options.out, "the trace: CloudEvents, JSON Lines")->required();
  record->add_flag("--anonymise", options.anonymise, "replace names by hashes; depth and extensions stay");
  record->add_option("command", options.command, "what to run, after --")->required();
  return record;
}

int RunRecordCommand(const RecordOptions& options, std::ostream& err) {
  if (LiesIn(options.out, options.watch)) {
    return Fail(
        err, absl::InvalidArgumentError(absl::StrCat(options.out, " lies in ", options.watch,
                                                     " and would be recorded itself; choose another place")));
  }
  auto writer = TraceWriter::Create(options.out);
  if (!writer.ok()) return Fail(err, writer.status());
  auto watcher = FileWatcher::Start(options.watch, Clock::System());
  if (!watcher.ok()) return Fail(err, watcher.status());
  const PathHider hider = PathHider::WithRandomSecret();
  Signals signals;
  Recording recording(**watcher, *writer, options.anonymise ? &hider : nullptr);
  auto command = Command::Start(options.command);
  if (!command.ok()) return Fail(err, command.status());
  recording.Follow(**command, signals);
  const int exit_code = (*command)->Wait();
  absl::Status status = recording.status();
  if (status.ok()) status = writer->Commit();
  if (!status.ok()) return Fail(err, status);
  Summarise(options, recording, **watcher, err);
  return recording.interrupted() ? kInterrupted : exit_code;
}

}  // namespace routebench::loadgen
