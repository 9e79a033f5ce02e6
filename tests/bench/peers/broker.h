// A broker between two processes, ours or somebody else's, as the comparison sees all of them.
#ifndef ROUTEBENCH_TESTS_BENCH_PEERS_BROKER_H_
#define ROUTEBENCH_TESTS_BENCH_PEERS_BROKER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace routebench::bench {

inline constexpr size_t kBodyBytes = 512;

// Two streams of events.
enum class Topic : char { kThere = 'a', kBack = 'b' };

// An event as it came; valid during the call. `sequence` counts from 1.
struct Arrived {
  uint64_t sequence = 0;
  std::string_view body;
};

// False: enough. Runs inside Receive, or on a thread of the client.
using OnEvent = std::function<bool(const Arrived&)>;

// What a process does with its events.
struct Role {
  Topic sends = Topic::kThere;
  Topic receives = Topic::kBack;
  bool listens = false;  // it receives at all
  // Each event leaves at once, because the next one waits for it; otherwise the client's batching is at work.
  bool at_once = false;
  size_t window = 0;  // events in flight, at most
};

// One process's side of a broker. Of one thread; failures of a client library end the process, and the parent
// sees a run without a result.
class Party {
 public:
  virtual ~Party() = default;
  // Returns once an event that is sent will reach who listens to it. Only after that one has connected.
  virtual void AwaitListener() {}
  // Sends the next event of kBodyBytes; the `sequence` of the first is 1. The client may keep it until Flush.
  virtual void Send(uint64_t sequence) = 0;
  virtual void Flush() {}
  // Until `on_event` has said that it is enough.
  virtual void Receive() = 0;
};

// A running server; the destructor ends it.
class Server {
 public:
  virtual ~Server() = default;
  // In a process of its own, forked while the server runs. It listens on the return, if it does at all.
  virtual std::unique_ptr<Party> Connect(const Role& role, OnEvent on_event) = 0;
};

struct Broker {
  std::string name;  // "nats", "daemon:unix"
  bool ours = false;
  std::string version;
  std::string settings;  // one line: what was chosen where there is a choice
  std::string missing;   // why it cannot be measured here; empty: it can
  std::function<absl::StatusOr<std::unique_ptr<Server>>()> start;
};

// All of them, those included that are missing. `eventd`: our daemon's executable, empty to look for it.
std::vector<Broker> AllBrokers(const std::string& eventd);

// One row each.
Broker NatsBroker();
Broker RedisBroker();
Broker ZeroMqBroker();
// One for each transport of the table whose address is good for more than one connection.
std::vector<Broker> DaemonBrokers(const std::string& eventd);

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_PEERS_BROKER_H_
