#include "daemon/server/run.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "daemon/server/broker.h"
#include "daemon/server/crash_point.h"
#include "daemon/server/descriptors.h"
#include "daemon/transport/unix_socket.h"
#include "daemon/wire/frames.h"
#include "events/mutex.h"
#include "events/stage_injection.h"

namespace routebench::daemon {
namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 64;

struct Flags {
  std::vector<std::string> listen = {transport::DefaultSocketPath()};
  std::string token_file;
  bool allow_remote = false;
  std::string state;
  size_t max_body = BrokerLimits().max_body_bytes;
  std::string log_level = "info";
  double drain_seconds = 5;
  RoutingOptions routing;
  WaitPolicy wait = WaitPolicy::kBlock;
  int ready_fd = -1;
  int stop_fd = -1;
  std::string stage_injection;
};

std::string BalancingNames() {
  std::string names;
  for (size_t i = 0; i < kBalancingCount; ++i) {
    names += (i == 0 ? "" : ", ") + std::string(Name(static_cast<Balancing>(i)));
  }
  return names;
}

void Declare(CLI::App& app, Flags& flags) {
  app.add_option("--listen", flags.listen,
                 "where to listen: unix:PATH, or a path; shm:PATH; tcp:HOST:PORT (port 0: one that is free, "
                 "named when "
                 "it is ready); "
                 "pipe:READ,WRITE: two inherited descriptors; may be given again for more places")
      ->capture_default_str()
      ->allow_extra_args(false)
      ->type_name("ENDPOINT");
  app.add_option("--token-file", flags.token_file,
                 "file of mode 0600 with the secret that a peer must know who comes over tcp")
      ->type_name("FILE");
  app.add_flag("--allow-remote", flags.allow_remote,
               "listen on tcp addresses that other machines may reach; nothing is encrypted");
  app.add_option(
         "--state", flags.state,
         "directory where the names of at-least-once subscriptions are kept; without it there are none")
      ->type_name("DIR");
  app.add_option("--max-body", flags.max_body, "largest encoded body that is taken, in bytes")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, size_t{1} << 30))
      ->type_name("BYTES");
  app.add_option("--log-level", flags.log_level, "which lines of its own life it logs")
      ->capture_default_str()
      ->check(CLI::IsMember({"info", "warning", "off"}));
  app.add_option("--drain-deadline", flags.drain_seconds, "how long a stop waits for events in flight")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600.0))
      ->type_name("SECONDS");
  app.add_option("--deduplicate", flags.routing.deduplication.window,
                 "ids of the last events that are remembered to drop duplicates; 0: off")
      ->capture_default_str()
      ->check(CLI::Range(size_t{0}, size_t{1} << 30))
      ->type_name("N");
  app.add_option_function<std::string>(
         "--balancing",
         [&flags](const std::string& name) { flags.routing.balancing = *ParseBalancing(name); },
         "which service of a group gets an event: " + BalancingNames())
      ->default_str(std::string(Name(flags.routing.balancing)))
      ->check([](const std::string& name) {
        return ParseBalancing(name).has_value() ? std::string() : "not one of " + BalancingNames();
      })
      ->type_name("NAME");
  app.add_option_function<std::string>(
         "--wait", [&flags](const std::string& name) { flags.wait = *ParseWaitPolicy(name); },
         "how it waits for peers: block (sleeps at once), adaptive (looks for as long as a wake-up takes, "
         "then "
         "sleeps), spin (never sleeps; takes a processor of its own)")
      ->default_str(std::string(Name(flags.wait)))
      ->check([](const std::string& name) {
        if (!ParseWaitPolicy(name).has_value()) return "not one of block, adaptive, spin";
        if (ParseWaitPolicy(name) != WaitPolicy::kSpin || AvailableProcessors() > 1) return "";
        return "spin on the only processor would keep its peers from running";
      })
      ->type_name("POLICY");
  app.add_option("--ready-fd", flags.ready_fd,
                 "descriptor that gets \"ready ENDPOINT...\" as soon as it listens")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--stop-fd", flags.stop_fd, "descriptor whose closing, at its other side, stops the daemon")
      ->check(CLI::NonNegativeNumber)
      ->type_name("N");
  app.add_option("--stage-injection", flags.stage_injection)->group("");  // events/stage_injection.h
  app.set_version_flag("--version", absl::StrFormat("eventd 0.1.0, protocol %u", wire::kProtocolVersion));
}

// Lines of key=value pairs; thread-safe.
class LineLog {
 public:
  LineLog(std::ostream& out, const std::string& level)
      : out_(out), info_(level == "info"), warning_(level != "off") {}

  void Write(LogLevel level, const std::string& line) {
    if (!(level == LogLevel::kInfo ? info_ : warning_)) return;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    const time_t seconds = static_cast<time_t>(millis / 1000);
    tm utc;
    gmtime_r(&seconds, &utc);
    std::array<char, 32> text;
    std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
    MutexLock lock(mutex_);
    out_ << absl::StrFormat("time=%s.%03dZ level=%s %s\n", text.data(), millis % 1000,
                            level == LogLevel::kInfo ? "info" : "warning", line)
         << std::flush;
  }

 private:
  std::ostream& out_;
  const bool info_;
  const bool warning_;
  Mutex mutex_;
};

// Blocks the signals that stop the daemon and makes them readable.
int BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

// Returns why it is time to stop.
std::string AwaitStop(int signals, int stop_fd, int deserted) {
  std::array<pollfd, 3> polled = {{{signals, POLLIN, 0}, {stop_fd, 0, 0}, {deserted, POLLIN, 0}}};
  for (;;) {
    if (poll(polled.data(), polled.size(), -1) < 0) continue;
    signalfd_siginfo info;
    if (read(signals, &info, sizeof info) == sizeof info) {
      return info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM";
    }
    if (polled[1].revents != 0) return "stop_fd";
    if (polled[2].revents != 0) return "deserted";
  }
}

void SayReady(int descriptor, const std::string& endpoints) {
  const std::string line = "ready " + endpoints + "\n";
  // Whoever asked for it and is gone again does not matter here: the stop descriptor tells.
  if (write(descriptor, line.data(), line.size()) < 0) return;
  close(descriptor);
}

std::string Describe(const Books& books) {
  std::string line = absl::StrFormat("routed=%u in_flight=%u balanced=%s", books.routed, books.in_flight,
                                     books.balanced() ? "yes" : "no");
  for (size_t i = 0; i < kOutcomeCount; ++i) {
    if (books.outcomes[i] == 0) continue;
    absl::StrAppendFormat(&line, " %s=%u", Name(static_cast<Outcome>(i)), books.outcomes[i]);
  }
  return line;
}

int Serve(const Flags& flags, std::ostream& err) {
  if (const char* const point = std::getenv("ROUTEBENCH_CRASH_POINT"); point != nullptr) {
    if (absl::Status status = ArmCrashPoint(point); !status.ok()) {
      err << "eventd: " << std::string(status.message()) << "\n";
      return kUsage;
    }
  }
  const auto injection = ParseStageInjection(flags.stage_injection);
  if (!injection.ok()) {
    err << "eventd: --stage-injection: " << std::string(injection.status().message()) << "\n";
    return kUsage;
  }
  InjectingHooks hooks(*injection);
  LineLog log(err, flags.log_level);
  RaiseDescriptorLimit();
  const int signals = BlockStopSignals();
  const int deserted = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  signal(SIGPIPE, SIG_IGN);
  BrokerOptions options;
  options.listen = flags.listen;
  options.token_file = flags.token_file;
  options.allow_remote = flags.allow_remote;
  options.state_directory = flags.state;
  options.limits.max_body_bytes = flags.max_body;
  options.routing = flags.routing;
  options.stage_hooks = injection->empty() ? nullptr : &hooks;
  options.wait = flags.wait;
  options.deserted = [deserted] { eventfd_write(deserted, 1); };
  options.log = [&log](LogLevel level, const std::string& line) { log.Write(level, line); };
  const auto broker = Broker::Start(std::move(options));
  if (!broker.ok()) {
    err << "eventd: " << std::string(broker.status().message()) << "\n";
    close(signals);
    close(deserted);
    return kFailed;
  }
  const std::string endpoints = absl::StrJoin((*broker)->endpoints(), " ");
  log.Write(LogLevel::kInfo,
            absl::StrFormat("event=listening pid=%d endpoints=\"%s\" protocol=%u max_body=%u", getpid(),
                            endpoints, wire::kProtocolVersion, flags.max_body));
  if (flags.ready_fd >= 0) SayReady(flags.ready_fd, endpoints);

  const std::string reason = AwaitStop(signals, flags.stop_fd, deserted);
  log.Write(LogLevel::kInfo, absl::StrFormat("event=draining reason=%s", reason));
  const absl::Status drained = (*broker)->Drain(
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(flags.drain_seconds)));
  if (!drained.ok()) {
    log.Write(LogLevel::kWarning, absl::StrCat("event=drain_incomplete detail=\"", drained.message(), "\""));
  }
  (*broker)->Stop();
  log.Write(LogLevel::kInfo, absl::StrCat("event=stopped ", Describe((*broker)->Statistics().books)));
  close(signals);
  close(deserted);
  return 0;
}

}  // namespace

int RunEventd(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  CLI::App app("Routes events between the processes of one user.", "eventd");
  Flags flags;
  Declare(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error, out, err) == 0 ? 0 : kUsage;
  }
  return Serve(flags, err);
}

}  // namespace routebench::daemon
