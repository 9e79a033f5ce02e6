#include "loadgen/options.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "events/payloads/sample.h"
#include "events/routing_options.h"
#include "events/wait.h"
#include "loadgen/backend_factory.h"
#include "loadgen/flag_reader.h"
#include "loadgen/options_clients.h"
#include "loadgen/options_receiving.h"
#include "loadgen/options_stages.h"
#include "loadgen/workload/quantities.h"
#include "loadgen/workload/services.h"

namespace routebench::loadgen {
namespace {

constexpr double kDefaultRate = 5'000;
constexpr uint64_t kDefaultDuration = 3'000'000'000;
constexpr uint64_t kDefaultWarmup = 500'000'000;
constexpr uint64_t kDefaultPayload = 512;
constexpr uint32_t kDefaultServices = 10;
constexpr uint64_t kMaxPayload = uint64_t{8} << 20;

const std::vector<std::string>& Patterns() {
  static const auto& patterns = *new std::vector<std::string>{"steady", "burst", "ramp", "spike", "mixed"};
  return patterns;
}

std::string CanonicalBackend(const std::string& name) { return name == "daemon" ? "daemon:unix" : name; }

void SetMix(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  const Mix mix =
      options.mix.empty() ? DefaultMix() : reader.Take("--mix", ParseMix(options.mix), DefaultMix());
  for (size_t c = 0; c < kCategoryCount; ++c) {
    if (mix[c] <= 0) continue;
    record::ShareOfKind& share = *plan.add_mix();
    share.set_category(std::string(Name(static_cast<Category>(c))));
    share.set_percent(mix[c]);
  }
}

// Every kind that the mix may draw must have bodies of these sizes.
void RequireReachable(const record::RunPlan& plan, const SizeRange& sizes, FlagReader& reader) {
  KindSet mixed;
  for (const record::ShareOfKind& share : plan.mix())
    mixed = mixed | KindSet::Of(*ParseCategory(share.category()));
  size_t smallest = 0;
  for (size_t k = 0; k < kKindCount; ++k) {
    const auto kind = static_cast<EventKind>(k);
    if (mixed.Contains(kind)) smallest = std::max(smallest, SmallestSample(kind));
  }
  reader.Require(sizes.min >= smallest, absl::StrCat("--payload: at least ", smallest,
                                                     "B: smaller bodies are not "
                                                     "possible for every kind in the mix"));
}

void SetLoad(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  std::optional<Level> level;
  if (!options.level.empty()) {
    level = FindLevel(options.level);
    reader.Require(level.has_value(), absl::StrCat("--level: '", options.level,
                                                   "' is unknown; one of light, medium, heavy, stress"));
  }
  plan.set_level(options.level);
  const double rate = options.rate.has_value() ? reader.Take("--rate", ParseRate(*options.rate), kDefaultRate)
                      : level.has_value()      ? level->rate_per_s
                                               : kDefaultRate;
  plan.set_rate_per_s(rate);
  reader.Require(!(options.events.has_value() && options.duration.has_value()),
                 "--events and --duration: give one of them; the other follows from --rate");
  reader.Require(options.events.value_or(1) > 0, "--events: at least 1");
  const std::optional<uint64_t> events = options.events.has_value() ? options.events
                                         : level.has_value() && !options.duration.has_value()
                                             ? std::optional(level->events)
                                             : std::nullopt;
  plan.set_duration_ns(events.has_value()
                           ? static_cast<uint64_t>(std::llround(static_cast<double>(*events) / rate * 1e9))
                           : reader.Duration("--duration", options.duration, kDefaultDuration));
  reader.Require(plan.duration_ns() > 0, "--duration: above 0");
  plan.set_warmup_ns(reader.Duration("--warmup", options.warmup, kDefaultWarmup));
  const uint64_t payload = level.has_value() ? level->payload_bytes : kDefaultPayload;
  const SizeRange sizes =
      options.payload.has_value()
          ? reader.Take("--payload", ParseSizeRange(*options.payload), SizeRange{payload, payload})
          : SizeRange{payload, payload};
  reader.Require(sizes.max <= kMaxPayload, absl::StrCat("--payload: at most ", FormatSize(kMaxPayload)));
  if (reader.status().ok()) RequireReachable(plan, sizes, reader);
  plan.set_payload_min_bytes(sizes.min);
  plan.set_payload_max_bytes(sizes.max);
  SetRules(options, level.has_value() ? level->rules : 0, reader, plan);
  const uint32_t services = options.services.value_or(level.has_value() ? level->services : kDefaultServices);
  // Each publisher of requests registers one more, for the answers.
  const size_t publishers = options.clients.value_or(std::min<uint32_t>(options.publishers, 1024));
  const size_t askers = options.exchange == "request" ? std::min<size_t>(publishers, kMostClients) : 0;
  const size_t most = RoutingOptions().max_services - askers;
  reader.Require(services >= 1 && services <= most, absl::StrCat("--services: 1 to ", most));
  if (reader.status().ok()) PlanServices(services, plan);
}

// A trace decides all of this itself.
void RefusePatternFlags(const RunOptions& options, FlagReader& reader) {
  const struct {
    const char* flag;
    bool given;
  } flags[] = {
      {"--pattern", options.pattern != "steady"}, {"--level", !options.level.empty()},
      {"--rate", options.rate.has_value()},       {"--duration", options.duration.has_value()},
      {"--warmup", options.warmup.has_value()},   {"--events", options.events.has_value()},
      {"--payload", options.payload.has_value()}, {"--mix", !options.mix.empty()},
      {"--arrivals", options.arrivals != "even"}, {"--outstanding", options.outstanding > 0},
  };
  for (const auto& flag : flags) {
    reader.Require(!flag.given, absl::StrCat(flag.flag,
                                             " does not go with --replay: the trace has its own load, and "
                                             "--speed changes its pace"));
  }
}

// A shape flag that no part of the pattern reads would be ignored in silence.
void RefuseForeignShapeFlags(const RunOptions& options, FlagReader& reader) {
  const struct {
    const char* flag;
    const char* pattern;
    bool given;
  } flags[] = {
      {"--burst-size", "burst", options.burst_size.has_value()},
      {"--burst-every", "burst", options.burst_every.has_value()},
      {"--burst-factor", "burst", options.burst_factor.has_value()},
      {"--ramp-from", "ramp", options.ramp_from.has_value()},
      {"--ramp-to", "ramp", options.ramp_to.has_value()},
      {"--spike-factor", "spike", options.spike_factor.has_value()},
      {"--spike-at", "spike", options.spike_at.has_value()},
      {"--spike-for", "spike", options.spike_for.has_value()},
      {"--spike-every", "spike", options.spike_every.has_value()},
  };
  for (const auto& flag : flags) {
    reader.Require(!flag.given || options.pattern == flag.pattern || options.pattern == "mixed",
                   absl::StrCat(flag.flag, " belongs to --pattern ", flag.pattern, " (or mixed), not to ",
                                options.pattern));
  }
}

void SetShape(const RunOptions& options, FlagReader& reader, record::RunPlan& plan) {
  RefuseForeignShapeFlags(options, reader);
  record::Shape& shape = *plan.mutable_shape();
  const bool mixed = options.pattern == "mixed";
  if (mixed || options.pattern == "burst") {
    shape.set_burst_every_ns(
        reader.Duration("--burst-every", options.burst_every, std::max<uint64_t>(plan.duration_ns() / 6, 1)));
    // By default half of the events come in bursts.
    const double in_period = plan.rate_per_s() * static_cast<double>(shape.burst_every_ns()) / 1e9;
    shape.set_burst_size(
        options.burst_size.value_or(static_cast<uint64_t>(std::max(1.0, std::floor(in_period / 2)))));
    shape.set_burst_factor(options.burst_factor.value_or(5));
  }
  if (mixed || options.pattern == "ramp") {
    shape.set_ramp_from(options.ramp_from.value_or(0.2));
    shape.set_ramp_to(options.ramp_to.value_or(1.8));
  }
  if (mixed || options.pattern == "spike") {
    shape.set_spike_factor(options.spike_factor.value_or(5));
    shape.set_spike_at_ns(reader.Duration("--spike-at", options.spike_at, plan.duration_ns() * 2 / 5));
    shape.set_spike_for_ns(reader.Duration("--spike-for", options.spike_for, plan.duration_ns() / 10));
    shape.set_spike_every_ns(reader.Duration("--spike-every", options.spike_every, 0));
  }
}

// Of an endpoint; a path is one of Unix sockets.
std::string TransportNamed(const std::string& endpoint) {
  for (const char* const transport : {"tcp", "shm", "pipe"}) {
    if (absl::StartsWith(endpoint, absl::StrCat(transport, ":"))) return transport;
  }
  return "unix";
}

void CheckPlaces(const RunOptions& options, FlagReader& reader) {
  const bool daemon = options.backend.rfind("daemon", 0) == 0;
  reader.Require(
      daemon || (options.endpoint.empty() && options.eventd.empty()),
      absl::StrCat("--endpoint and --eventd belong to --backend daemon, not to ", options.backend));
  reader.Require(options.backend != "daemon:pipe" || options.endpoint.empty(),
                 "--endpoint: over pipes only a daemon of our own can be reached");
  reader.Require(options.backend != "daemon:pipe" || options.delivery != "at-least-once",
                 "--delivery at-least-once: nobody comes back over a pipe");
  reader.Require(options.endpoint.empty() || options.endpoint.rfind("pipe:", 0) != 0,
                 "--endpoint: nobody else's pipe can be reached");
  const std::string transport = TransportNamed(options.endpoint);
  reader.Require(!daemon || options.endpoint.empty() ||
                     CanonicalBackend(options.backend) == absl::StrCat("daemon:", transport),
                 absl::StrCat("--endpoint: ", options.endpoint, " belongs to --backend daemon:", transport,
                              ", and to nothing else"));
  reader.Require(options.token_file.empty() || transport == "tcp",
                 "--token-file belongs to --endpoint tcp:HOST:PORT");
  reader.Require(options.endpoint.empty() || options.eventd.empty(),
                 "--endpoint and --eventd: a running daemon or one to start, not both");
  reader.Require(daemon || !options.same_process, absl::StrCat("--same-process belongs to --backend daemon; ",
                                                               options.backend, " has one process anyway"));
}

// A processor for each thread that never sleeps: else they are in each other's way, and nobody knows how
// much.
void CheckWait(const RunOptions& options, FlagReader& reader) {
  reader.OneOf("--wait", options.wait, {"block", "adaptive", "spin"});
  if (options.wait != Name(WaitPolicy::kSpin)) return;
  uint32_t spinning = 1;
  if (NeedsDaemon(CanonicalBackend(options.backend))) spinning += options.same_process ? 1 : 2;
  if (options.pacer == "spin") spinning += options.publishers;
  reader.Require(spinning <= AvailableProcessors(),
                 absl::StrCat("--wait spin: ", spinning, " threads would spin on ", AvailableProcessors(),
                              " processors; adaptive looks before it sleeps, too"));
}

}  // namespace

const std::vector<std::string>& BackendNames() {
  static const auto& names =
      *new std::vector<std::string>{"coordinator", "coordinator:inline", "daemon",     "daemon:unix",
                                    "daemon:tcp",  "daemon:pipe",        "daemon:shm", "null"};
  return names;
}

absl::StatusOr<record::RunPlan> MakePlan(const RunOptions& options) {
  FlagReader reader;
  record::RunPlan plan;
  reader.OneOf("--backend", options.backend, BackendNames());
  reader.OneOf("--pattern", options.pattern, Patterns());
  reader.OneOf("--arrivals", options.arrivals, {"even", "poisson"});
  reader.OneOf("--pacer", options.pacer, {"sleep", "spin"});
  CheckWait(options, reader);
  reader.Require(options.outstanding == 0 || options.backend != "null",
                 "--outstanding needs a backend that delivers, not null");
  reader.Require(options.publishers >= 1 && options.publishers <= 1024, "--publishers: 1 to 1024");
  reader.Require(options.handler_threads >= 1 && options.handler_threads <= 256,
                 "--handler-threads: 1 to 256");
  CheckPlaces(options, reader);
  plan.set_backend(CanonicalBackend(options.backend));
  plan.set_pattern(options.pattern);
  plan.set_arrivals(options.arrivals);
  plan.set_loop(options.outstanding > 0 ? "closed" : "open");
  plan.set_outstanding(options.outstanding);
  plan.set_publishers(options.publishers);
  SetClients(options, reader, plan);
  plan.set_seed(options.seed);
  plan.set_wait_policy(options.wait);
  plan.set_pacer(options.pacer);
  plan.set_same_process(options.same_process);
  plan.set_handler_threads(options.handler_threads);
  plan.set_endpoint(options.endpoint);
  SetMix(options, reader, plan);
  SetLoad(options, reader, plan);
  SetShape(options, reader, plan);
  SetReceiving(options, reader, plan);
  SetStages(options, reader, plan);
  if (!options.replay.empty()) {
    RefusePatternFlags(options, reader);
    plan.set_pattern("replay");
    plan.set_trace(options.replay);
    plan.set_speed(reader.Take("--speed", ParseSpeed(options.speed), 1.0));
  } else {
    reader.Require(options.speed == "1x", "--speed belongs to --replay");
  }
  if (!reader.status().ok()) return reader.status();
  return plan;
}

void AddRunFlags(CLI::App& app, RunOptions& o) {
  const auto flag = [&app](const char* group, const char* name, auto& value, const char* help) {
    app.add_option(name, value, help)->group(group);
  };
  const char* what = "What to compare";
  flag(what, "--backend", o.backend,
       "coordinator, coordinator:inline, daemon (= daemon:unix), daemon:tcp, daemon:pipe, daemon:shm or null "
       "[coordinator]");
  app.add_flag("--same-process", o.same_process, "daemon: receive in the publishing process")->group(what);
  flag(what, "--endpoint", o.endpoint, "daemon: where a running eventd listens, which is left running");
  flag(what, "--token-file", o.token_file, "daemon:tcp: the running eventd's token");
  flag(what, "--eventd", o.eventd,
       "daemon: the executable to start [beside loadgen, in the build tree, on PATH]");

  flag(what, "--wait", o.wait,
       "how every idle thread of the backend waits: block (sleeps at once), adaptive (looks for as long as a "
       "wake-up takes, then sleeps) or spin (never sleeps) [block]");

  const char* load = "Load";
  flag(load, "--pattern", o.pattern, "steady, burst, ramp, spike or mixed [steady]");
  flag(load, "--level", o.level,
       "light, medium, heavy or stress: 100/1,000/10,000/100,000 events, 3/10/50/100 services, "
       "512B/1KiB/4KiB/8KiB, 2/5/20/50 rules");
  flag(load, "--rate", o.rate, "mean of all publishers together [5k/s]");
  flag(load, "--duration", o.duration, "of the measured part [3s]");
  flag(load, "--warmup", o.warmup, "before it, not counted [500ms]");
  flag(load, "--events", o.events, "instead of --duration");
  flag(load, "--payload", o.payload, "encoded body: 512B, or a range 512B..4KiB [512B]");
  flag(load, "--mix", o.mix, "[filesystem=30,database=25,external=20,mcp=10,service=10,system=5]");
  flag(load, "--services", o.services, "receivers [10]");
  flag(load, "--publishers", o.publishers, "publishing threads [1]");
  flag(load, "--arrivals", o.arrivals, "even or poisson [even]");
  flag(load, "--seed", o.seed, "of the schedule [1]");
  flag(load, "--outstanding", o.outstanding,
       "closed loop with N events outstanding (of each client, where there are many); labelled as such");
  flag(load, "--pacer", o.pacer, "sleep or spin until the next event is due [sleep]");

  const char* shape = "Load shapes";
  flag(shape, "--burst-size", o.burst_size, "events in a burst [half of those between two bursts' starts]");
  flag(shape, "--burst-every", o.burst_every, "from start to start [a sixth of the duration]");
  flag(shape, "--burst-factor", o.burst_factor, "rate inside a burst, times the mean [5]");
  flag(shape, "--ramp-from", o.ramp_from, "relative to --ramp-to; the mean rate is kept [0.2]");
  flag(shape, "--ramp-to", o.ramp_to, "[1.8]");
  flag(shape, "--spike-factor", o.spike_factor, "rate inside a spike, times the rate outside [5]");
  flag(shape, "--spike-at", o.spike_at, "from the start of the measured part [2/5 of the duration]");
  flag(shape, "--spike-for", o.spike_for, "length [1/10 of the duration]");
  flag(shape, "--spike-every", o.spike_every, "from start to start [once]");

  const char* replay = "Replay";
  flag(replay, "--replay", o.replay,
       "a trace written by `loadgen record` (CloudEvents, JSON Lines) instead of a pattern");
  flag(replay, "--speed", o.speed, "times real time [1x]");

  AddClientsFlags(app, o);
  AddReceivingFlags(app, o);
  AddStageFlags(app, o);

  const char* output = "Output";
  flag(output, "--out", o.out, "write the run record to this file");
  app.add_flag("--json", o.json, "print one JSON object (routebench.run.v1) instead of the summary")
      ->group(output);
  app.add_flag("--print-plan", o.print_plan, "print what the flags amount to and stop")->group(output);
  app.add_flag("--quiet", o.quiet, "no progress")->group(output);
  app.add_option("--campaign-place", o.campaign_place)->group("");
}

}  // namespace routebench::loadgen
