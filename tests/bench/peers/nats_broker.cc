// NATS: https://docs.nats.io. The server is reached by TCP on loopback, which is all it has.
//
// The client is attached to an event loop of ours (natsOptions_SetEventLoop, the documented way for libevent
// and libuv): socket and subscriber share one thread. As it comes, the C client reads on one thread and hands
// each message to another, and writes from a third, which costs two more wake-ups a message. Writes are
// gathered up to 64 KiB when sending goes one way, and leave at once otherwise.
#include <nats/nats.h>
#include <poll.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/peers/broker.h"
#include "tests/bench/peers/server_process.h"

namespace routebench::bench {
namespace {

constexpr int kBufferBytes = 256 << 10;
constexpr size_t kBatchBytes = size_t{64} << 10;

void Check(natsStatus status, const char* what) {
  if (status != NATS_OK) Fail(absl::StrCat("nats: ", what, ": ", natsStatus_GetText(status)));
}

std::string SubjectOf(Topic topic) { return std::string(1, static_cast<char>(topic)); }

class NatsParty final : public Party {
 public:
  NatsParty(const std::string& url, const Role& role, OnEvent on_event)
      : role_(role), subject_(SubjectOf(role.sends)), on_event_(std::move(on_event)) {
    body_.fill('x');
    natsOptions* options = nullptr;
    Check(natsOptions_Create(&options), "options");
    natsOptions_SetURL(options, url.c_str());
    natsOptions_SetAllowReconnect(options, false);
    natsOptions_SetIOBufSize(options, kBufferBytes);
    natsOptions_SetSendAsap(options, true);  // into the loop's hands, not into a flusher thread's
    Check(natsOptions_SetEventLoop(options, this, Attach, WantRead, WantWrite, Detach), "event loop");
    Check(natsConnection_Connect(&connection_, options), "connect");
    natsOptions_Destroy(options);
    if (!role.listens) return;
    Check(natsConnection_SubscribeSync(&subscription_, connection_, SubjectOf(role.receives).c_str()),
          "subscribe");
    Check(natsSubscription_SetPendingLimits(subscription_, -1, -1), "limits");
    AwaitSubscription(SubjectOf(role.receives));
  }

  void Send(uint64_t sequence) override {
    std::memcpy(body_.data(), &sequence, sizeof sequence);
    Check(natsConnection_Publish(connection_, subject_.c_str(), body_.data(), kBodyBytes), "publish");
    gathered_ += kBodyBytes;
    if (role_.at_once || gathered_ >= kBatchBytes) Flush();
  }

  void Flush() override {
    gathered_ = 0;
    while (wants_write_) {
      natsConnection_ProcessWriteEvent(connection_);
      if (!wants_write_) return;
      pollfd polled{socket_, POLLOUT, 0};
      poll(&polled, 1, -1);
    }
  }

  void Receive() override {
    for (;;) {
      ReadSome();
      natsMsg* message = nullptr;
      while (natsSubscription_NextMsg(&message, subscription_, 0) == NATS_OK) {
        const std::string_view body(natsMsg_GetData(message),
                                    static_cast<size_t>(natsMsg_GetDataLength(message)));
        uint64_t sequence;
        std::memcpy(&sequence, body.data(), sizeof sequence);
        const bool go_on = on_event_({sequence, body});
        natsMsg_Destroy(message);
        if (!go_on) return;
      }
    }
  }

 private:
  void ReadSome() {
    Flush();  // answers to the server's pings
    pollfd polled{socket_, POLLIN, 0};
    poll(&polled, 1, -1);
    natsConnection_ProcessReadEvent(connection_);
    if (natsConnection_IsClosed(connection_)) Fail("nats: the connection has ended");
  }

  // A message of our own comes back once the server knows the subscription, which was sent before it.
  void AwaitSubscription(const std::string& subject) {
    Check(natsConnection_PublishString(connection_, subject.c_str(), "?"), "publish");
    natsMsg* message = nullptr;
    while (natsSubscription_NextMsg(&message, subscription_, 0) != NATS_OK) ReadSome();
    natsMsg_Destroy(message);
  }

  static natsStatus Attach(void** data, void* loop, natsConnection*, natsSock socket) {
    auto* const self = static_cast<NatsParty*>(loop);
    self->socket_ = socket;
    *data = self;
    return NATS_OK;
  }
  static natsStatus WantRead(void*, bool) { return NATS_OK; }
  static natsStatus WantWrite(void* data, bool add) {
    static_cast<NatsParty*>(data)->wants_write_ = add;
    return NATS_OK;
  }
  static natsStatus Detach(void*) { return NATS_OK; }

  const Role role_;
  const std::string subject_;
  const OnEvent on_event_;
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;
  natsSock socket_ = -1;
  bool wants_write_ = false;
  size_t gathered_ = 0;
  std::array<char, kBodyBytes> body_;
};

// Where the server says that it listens; empty: it does not yet.
std::string UrlIn(const std::string& directory) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".ports") continue;
    std::ifstream file(entry.path());
    const auto ports = nlohmann::json::parse(file, nullptr, false);
    if (ports.is_object() && ports.contains("nats") && !ports["nats"].empty()) return ports["nats"][0];
  }
  return "";
}

class NatsServer final : public Server {
 public:
  explicit NatsServer(std::unique_ptr<ServerProcess> process)
      : process_(std::move(process)), url_(UrlIn(process_->directory())) {}
  std::unique_ptr<Party> Connect(const Role& role, OnEvent on_event) override {
    return std::make_unique<NatsParty>(url_, role, std::move(on_event));
  }

 private:
  const std::unique_ptr<ServerProcess> process_;
  const std::string url_;
};

}  // namespace

Broker NatsBroker() {
  Broker broker{.name = "nats",
                .settings =
                    "TCP on loopback, no persistence; client in an event loop of one thread, 256 KiB "
                    "buffers, writes of 64 KiB one way and at once in round trips"};
  const std::string server = FindServer("nats-server");
  if (server.empty()) {
    broker.missing = "nats-server is not installed";
    return broker;
  }
  broker.version = absl::StrCat(VersionOf(server), ", libnats ", nats_GetVersion());
  broker.start = [server]() -> absl::StatusOr<std::unique_ptr<Server>> {
    auto process = ServerProcess::Start(
        [&server](const std::string& directory) {
          return std::vector<std::string>{server,   "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir",
                                          directory};
        },
        [](const std::string& directory) { return !UrlIn(directory).empty(); });
    if (!process.ok()) return process.status();
    return std::make_unique<NatsServer>(*std::move(process));
  };
  return broker;
}

}  // namespace routebench::bench
