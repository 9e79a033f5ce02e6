// eventd, over each of its transports, by the client that everybody uses. Plain bytes as the others move
// them, with everything that our events have besides: kind, id, sequence, times, checksum, attributes. What
// is published while a write is under way leaves with the next one; there is nothing to choose.
#include <atomic>
#include <cstring>
#include <memory>

#include "absl/strings/str_cat.h"
#include "daemon/client/daemon_client.h"
#include "daemon/transport/transport.h"
#include "loadgen/daemon_process.h"
#include "tests/bench/event_corpus.h"
#include "tests/bench/peers/broker.h"
#include "tests/bench/peers/server_process.h"

namespace routebench::bench {
namespace {

EventKind KindOf(Topic topic) {
  return topic == Topic::kThere ? EventKind::kRecordUpdated : EventKind::kToolResponse;
}

void Check(const absl::Status& status, const char* what) {
  if (!status.ok()) Fail(absl::StrCat("eventd: ", what, ": ", std::string(status.message())));
}

class DaemonParty final : public Party {
 public:
  DaemonParty(const loadgen::DaemonAddress& address, const Role& role, OnEvent on_event)
      : on_event_(std::move(on_event)), corpus_(KindOf(role.sends), EventKind::kCustom, kBodyBytes) {
    DaemonClientOptions options;
    options.endpoint = address.endpoint;
    options.token_file = address.token_file;
    options.name = "peers";
    options.router.handler_threads = 1;
    auto client = DaemonClient::Connect(std::move(options));
    Check(client.status(), "connect");
    client_ = *std::move(client);
    if (role.listens) Listen(role);
  }

  void Send(uint64_t) override {
    if (client_->Publish(corpus_.Next()) != PublishResult::kAccepted) Fail("eventd: publish");
  }

  void Receive() override { enough_.wait(false); }

 private:
  void Listen(const Role& role) {
    const std::string service(1, static_cast<char>(role.receives));
    Check(client_->Register({.id = service}), "register");
    Check(client_
              ->Subscribe({.service = service,
                           .filters = {{.kinds = KindSet::Of(CategoryOf(KindOf(role.receives)))}},
                           .capacity = std::max<size_t>(role.window, 1)},
                          [this](Delivery& delivery) {
                            const Event& event = delivery.event();
                            if (!enough_.load(std::memory_order_relaxed) &&
                                !on_event_({event.header.sequence, event.payload.bytes()})) {
                              enough_.store(true);
                              enough_.notify_one();
                            }
                            return Verdict::kAck;
                          })
              .status(),
          "subscribe");
  }

  const OnEvent on_event_;
  EventCorpus corpus_;
  std::atomic<bool> enough_{false};
  std::unique_ptr<DaemonClient> client_;
};

class DaemonServer final : public Server {
 public:
  explicit DaemonServer(std::unique_ptr<loadgen::DaemonProcess> process) : process_(std::move(process)) {}
  std::unique_ptr<Party> Connect(const Role& role, OnEvent on_event) override {
    return std::make_unique<DaemonParty>(process_->TakeAddress(), role, std::move(on_event));
  }

 private:
  const std::unique_ptr<loadgen::DaemonProcess> process_;
};

}  // namespace

std::vector<Broker> DaemonBrokers(const std::string& eventd) {
  const auto executable = loadgen::FindEventd(eventd);
  std::vector<Broker> brokers;
  for (const transport::Transport& transport : transport::Transports()) {
    if (transport.dials_once) continue;
    Broker& broker = brokers.emplace_back();
    broker.name = absl::StrCat("daemon:", std::string(transport.name));
    broker.ours = true;
    broker.settings = "as it comes; one handler thread";
    if (!executable.ok()) {
      broker.missing = std::string(executable.status().message());
      continue;
    }
    broker.version = VersionOf(*executable);
    broker.start = [executable = *executable,
                    name = std::string(transport.name)]() -> absl::StatusOr<std::unique_ptr<Server>> {
      auto process = loadgen::DaemonProcess::Start(executable, {.transport = name});
      if (!process.ok()) return process.status();
      return std::make_unique<DaemonServer>(*std::move(process));
    };
  }
  return brokers;
}

}  // namespace routebench::bench
