#include "tests/bench/peers/options.h"

#include "tests/bench/peers/measure.h"

namespace routebench::bench {

void AddFlags(CLI::App& app, Options& o) {
  app.add_option("--blocks", o.blocks, "repetitions; a block holds every broker once in each placement")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--events", o.events, "one way, in each run")
      ->capture_default_str()
      ->check(CLI::Range(1, 100'000'000));
  app.add_option("--trips", o.trips, "round trips in each run, besides a tenth as warm-up")
      ->capture_default_str()
      ->check(CLI::Range(size_t{1}, kMostTrips));
  app.add_option("--window", o.window, "events in flight one way; a multiple of 8")
      ->capture_default_str()
      ->check(CLI::Range(8, 1 << 20))
      ->check([](const std::string& text) {
        return std::stoull(text) % 8 == 0 ? std::string() : std::string("a multiple of 8");
      });
  app.add_option("--measure", o.measure, "one-way, round-trip or both")
      ->capture_default_str()
      ->check(CLI::IsMember({"one-way", "round-trip", "both"}));
  app.add_option("--brokers", o.brokers, "nats, redis, zeromq, daemon:unix ... [all that are there]")
      ->delimiter(',');
  app.add_option("--seed", o.seed, "of the order inside the first block [drawn]");
  app.add_option("--eventd", o.eventd, "our daemon [found in the build tree]");
  app.add_flag("--json", o.json, "print one JSON object (routebench.peers.v1) instead of the table");
  app.add_flag("--quiet", o.quiet, "no progress");
}

}  // namespace routebench::bench
