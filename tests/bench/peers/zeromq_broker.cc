// ZeroMQ has no server: a process of ours that calls zmq_proxy and nothing else forwards from XSUB to XPUB
// (https://zguide.zeromq.org/docs/chapter2, "The Dynamic Discovery Problem"), over Unix sockets (ipc).
//
// Sockets have no high-water mark, because they drop above it and our window is a limit already. The library
// batches by itself in its I/O thread, of which one for each process is what it recommends below a gigabyte a
// second. Publishers are XPUB sockets: the same as PUB, but they see the subscriptions come.
#include <signal.h>
#include <unistd.h>
#include <zmq.h>

#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "tests/bench/child_process.h"
#include "tests/bench/peers/broker.h"
#include "tests/bench/peers/server_process.h"

namespace routebench::bench {
namespace {

void Check(int result, const char* what) {
  if (result < 0) Fail(absl::StrCat("zeromq: ", what, ": ", zmq_strerror(zmq_errno())));
}

void* OpenSocket(void* context, int type) {
  void* const socket = zmq_socket(context, type);
  const int none = 0;
  if (socket == nullptr) Fail("zeromq: socket");
  Check(zmq_setsockopt(socket, ZMQ_SNDHWM, &none, sizeof none), "no high-water mark");
  Check(zmq_setsockopt(socket, ZMQ_RCVHWM, &none, sizeof none), "no high-water mark");
  return socket;
}

std::string EntryOf(const std::string& directory) { return absl::StrCat("ipc://", directory, "/in"); }
std::string ExitOf(const std::string& directory) { return absl::StrCat("ipc://", directory, "/out"); }

class ZeroMqParty final : public Party {
 public:
  ZeroMqParty(const std::string& directory, const Role& role, OnEvent on_event)
      : role_(role), on_event_(std::move(on_event)), context_(zmq_ctx_new()) {
    message_.fill('x');
    message_[0] = static_cast<char>(role.sends);
    out_ = OpenSocket(context_, ZMQ_XPUB);
    Check(zmq_connect(out_, EntryOf(directory).c_str()), "connect");
    if (!role.listens) return;
    in_ = OpenSocket(context_, ZMQ_SUB);
    Check(zmq_connect(in_, ExitOf(directory).c_str()), "connect");
    const char topic = static_cast<char>(role.receives);
    Check(zmq_setsockopt(in_, ZMQ_SUBSCRIBE, &topic, sizeof topic), "subscribe");
  }

  void AwaitListener() override {
    // A subscription comes as 1 and its prefix.
    std::array<char, 16> change = {};
    do {
      Check(zmq_recv(out_, change.data(), change.size(), 0), "await a subscription");
    } while (change[0] != 1 || change[1] != static_cast<char>(role_.sends));
  }

  void Send(uint64_t sequence) override {
    std::memcpy(message_.data() + 1, &sequence, sizeof sequence);
    Check(zmq_send(out_, message_.data(), message_.size(), 0), "send");
  }

  void Receive() override {
    zmq_msg_t message;
    zmq_msg_init(&message);
    for (bool go_on = true; go_on;) {
      Check(zmq_msg_recv(&message, in_, 0), "receive");
      const std::string_view body(static_cast<const char*>(zmq_msg_data(&message)) + 1,
                                  zmq_msg_size(&message) - 1);
      uint64_t sequence;
      std::memcpy(&sequence, body.data(), sizeof sequence);
      go_on = on_event_({sequence, body});
    }
    zmq_msg_close(&message);
  }

 private:
  const Role role_;
  const OnEvent on_event_;
  void* const context_;
  void* out_ = nullptr;
  void* in_ = nullptr;
  std::array<char, 1 + kBodyBytes> message_;  // behind its topic
};

void RunProxy(const std::string& directory, int ready) {
  void* const context = zmq_ctx_new();
  void* const entry = OpenSocket(context, ZMQ_XSUB);
  void* const exit = OpenSocket(context, ZMQ_XPUB);
  Check(zmq_bind(entry, EntryOf(directory).c_str()), "bind");
  Check(zmq_bind(exit, ExitOf(directory).c_str()), "bind");
  if (write(ready, "r", 1) != 1) return;
  zmq_proxy(entry, exit, nullptr);
}

class ZeroMqServer final : public Server {
 public:
  ZeroMqServer() {
    std::array<int, 2> ready;
    if (pipe(ready.data()) != 0) Fail("zeromq: pipe");
    process_ = std::make_unique<ChildProcess>([&] {
      signal(SIGTERM, SIG_DFL);
      sigset_t none;
      sigemptyset(&none);
      sigprocmask(SIG_SETMASK, &none, nullptr);
      RunProxy(directory_.path().string(), ready[1]);
    });
    close(ready[1]);
    char byte;
    listens_ = read(ready[0], &byte, 1) == 1;
    close(ready[0]);
  }
  bool listens() const { return listens_; }
  std::unique_ptr<Party> Connect(const Role& role, OnEvent on_event) override {
    return std::make_unique<ZeroMqParty>(directory_.path().string(), role, std::move(on_event));
  }

 private:
  testing::PrivateDirectory directory_;
  std::unique_ptr<ChildProcess> process_;
  bool listens_ = false;
};

}  // namespace

Broker ZeroMqBroker() {
  int major = 0;
  int minor = 0;
  int patch = 0;
  zmq_version(&major, &minor, &patch);
  return {.name = "zeromq",
          .version = absl::StrCat("libzmq ", major, ".", minor, ".", patch),
          .settings = "XSUB/XPUB proxy over ipc, no high-water marks, one I/O thread a process",
          .start = []() -> absl::StatusOr<std::unique_ptr<Server>> {
            auto server = std::make_unique<ZeroMqServer>();
            if (!server->listens()) return absl::UnavailableError("the proxy does not listen");
            return server;
          }};
}

}  // namespace routebench::bench
