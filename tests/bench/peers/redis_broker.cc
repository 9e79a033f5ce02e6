// Redis publish and subscribe: https://redis.io/docs/latest/develop/interact/pubsub. On a Unix socket, the
// quickest way to it, with nothing written to disk and without a limit for what waits for a subscriber (our
// window is one).
//
// One way, PUBLISH is pipelined up to 64 KiB and its answers are switched off (CLIENT REPLY OFF); in round
// trips each command leaves at once, likewise without an answer. A connection that subscribes cannot publish
// in the protocol that hiredis speaks, so a party that does both has two.
#include <hiredis/hiredis.h>

#include <cstring>
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/peers/broker.h"
#include "tests/bench/peers/server_process.h"

namespace routebench::bench {
namespace {

constexpr size_t kBatchBytes = size_t{64} << 10;

std::string ChannelOf(Topic topic) { return std::string(1, static_cast<char>(topic)); }

redisContext* Open(const std::string& path) {
  redisContext* const context = redisConnectUnix(path.c_str());
  if (context == nullptr || context->err != 0)
    Fail(absl::StrCat("redis: connect: ", context == nullptr ? "no memory" : context->errstr));
  return context;
}

class RedisParty final : public Party {
 public:
  RedisParty(const std::string& path, const Role& role, OnEvent on_event)
      : role_(role), on_event_(std::move(on_event)), out_(Open(path)) {
    if (redisAppendCommand(out_, "CLIENT REPLY OFF") != REDIS_OK) Fail("redis: client reply off");
    Flush();
    const std::string body(kBodyBytes, 'x');
    command_ =
        absl::StrCat("*3\r\n$7\r\nPUBLISH\r\n$1\r\n", ChannelOf(role.sends), "\r\n$", kBodyBytes, "\r\n");
    body_at_ = command_.size();
    absl::StrAppend(&command_, body, "\r\n");
    if (!role.listens) return;
    in_ = Open(path);
    auto* const reply =
        static_cast<redisReply*>(redisCommand(in_, "SUBSCRIBE %s", ChannelOf(role.receives).c_str()));
    if (reply == nullptr || reply->type != REDIS_REPLY_ARRAY) Fail("redis: subscribe");
    freeReplyObject(reply);
  }

  void Send(uint64_t sequence) override {
    std::memcpy(command_.data() + body_at_, &sequence, sizeof sequence);
    if (redisAppendFormattedCommand(out_, command_.data(), command_.size()) != REDIS_OK)
      Fail("redis: publish");
    gathered_ += command_.size();
    if (role_.at_once || gathered_ >= kBatchBytes) Flush();
  }

  void Flush() override {
    gathered_ = 0;
    for (int done = 0; done == 0;) {
      if (redisBufferWrite(out_, &done) != REDIS_OK) Fail(absl::StrCat("redis: write: ", out_->errstr));
    }
  }

  void Receive() override {
    for (;;) {
      void* got = nullptr;
      if (redisGetReply(in_, &got) != REDIS_OK) Fail(absl::StrCat("redis: read: ", in_->errstr));
      auto* const reply = static_cast<redisReply*>(got);
      if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) Fail("redis: not a message");
      const std::string_view body(reply->element[2]->str, static_cast<size_t>(reply->element[2]->len));
      uint64_t sequence;
      std::memcpy(&sequence, body.data(), sizeof sequence);
      const bool go_on = on_event_({sequence, body});
      freeReplyObject(reply);
      if (!go_on) return;
    }
  }

 private:
  const Role role_;
  const OnEvent on_event_;
  redisContext* const out_;
  redisContext* in_ = nullptr;
  std::string command_;
  size_t body_at_ = 0;
  size_t gathered_ = 0;
};

std::string SocketIn(const std::string& directory) { return absl::StrCat(directory, "/redis.sock"); }

class RedisServer final : public Server {
 public:
  explicit RedisServer(std::unique_ptr<ServerProcess> process) : process_(std::move(process)) {}
  std::unique_ptr<Party> Connect(const Role& role, OnEvent on_event) override {
    return std::make_unique<RedisParty>(SocketIn(process_->directory()), role, std::move(on_event));
  }

 private:
  const std::unique_ptr<ServerProcess> process_;
};

bool Listens(const std::string& directory) {
  redisContext* const context = redisConnectUnix(SocketIn(directory).c_str());
  const bool listens = context != nullptr && context->err == 0;
  if (context != nullptr) redisFree(context);
  return listens;
}

}  // namespace

Broker RedisBroker() {
  Broker broker{.name = "redis",
                .settings =
                    "Unix socket, no persistence, no output limit for subscribers, one I/O thread; "
                    "PUBLISH without replies, pipelined by 64 KiB one way and at once in round trips"};
  const std::string server = FindServer("redis-server");
  if (server.empty()) {
    broker.missing = "redis-server is not installed";
    return broker;
  }
  broker.version =
      absl::StrCat(VersionOf(server), ", hiredis ", HIREDIS_MAJOR, ".", HIREDIS_MINOR, ".", HIREDIS_PATCH);
  broker.start = [server]() -> absl::StatusOr<std::unique_ptr<Server>> {
    auto process = ServerProcess::Start(
        [&server](const std::string& directory) {
          return std::vector<std::string>{server,
                                          "--port",
                                          "0",
                                          "--unixsocket",
                                          SocketIn(directory),
                                          "--unixsocketperm",
                                          "600",
                                          "--save",
                                          "",
                                          "--appendonly",
                                          "no",
                                          "--dir",
                                          directory,
                                          "--daemonize",
                                          "no",
                                          "--client-output-buffer-limit",
                                          "pubsub 0 0 0"};
        },
        Listens);
    if (!process.ok()) return process.status();
    return std::make_unique<RedisServer>(*std::move(process));
  };
  return broker;
}

}  // namespace routebench::bench
