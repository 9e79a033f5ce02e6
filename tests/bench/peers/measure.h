// One run through one broker: fresh processes, one figure.
//
// What is the same for all of them: a process that sends, the broker's process, a process that receives;
// events of 512 B whose first eight bytes (our daemon: the header) are their number; the receiver reads every
// byte and checks every number; and one window in flight, which the receiver opens again by a pipe of the
// benchmark, so that nobody has a reason to lose anything. A lost or disordered event makes the run invalid.
#ifndef ROUTEBENCH_TESTS_BENCH_PEERS_MEASURE_H_
#define ROUTEBENCH_TESTS_BENCH_PEERS_MEASURE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/peers/broker.h"

namespace routebench::bench {

// Which processor runs what; negative: any. See tests/bench/pinning.h.
struct Placement {
  std::string name;
  int ends = -1;    // the processes that send and receive
  int broker = -1;  // the broker, with all its threads
};
// Anywhere; the broker on a processor of its own (where there are two); everything on one processor.
std::vector<Placement> OneWayPlacements();
std::vector<Placement> RoundTripPlacements();

struct RoundTrip {
  double p50_us = 0;
  double p99_us = 0;
};

// Call while the process has one thread. Unavailable: the server did not start, or a process died or stood
// still. DataLoss: events were lost, or came out of order.
//
// Events per second, from the first send to the last arrival.
absl::StatusOr<double> MeasureOneWay(const Broker& broker, const Placement& placement, uint64_t events,
                                     uint64_t window);
// With one event outstanding; a tenth more go before as a warm-up. `trips` is at most kMostTrips.
inline constexpr size_t kMostTrips = 100'000;
absl::StatusOr<RoundTrip> MeasureRoundTrip(const Broker& broker, const Placement& placement, size_t trips);

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_PEERS_MEASURE_H_
