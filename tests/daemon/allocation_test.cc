// The broker's forwarding path allocates nothing per event in a steady state.
#include <string>
#include <vector>

#include <algorithm>
#include <cstring>
#include <memory>
#include "daemon/server/event_parcel.h"
#include "daemon/server/exchange.h"
#include "daemon/server/session.h"
#include "daemon/wire/stage_block.h"
#include "events/codec.h"
#include "gtest/gtest.h"
#include "tests/daemon/raw_peer.h"
#include "tests/support/allocations.h"
#include "tests/support/fake_time.h"

namespace routebench::daemon {
namespace {

using testing::Allocations;
using testing::BytesOf;
using testing::Framed;
using testing::FramedControl;
using testing::FramedHello;
using testing::FramedPublish;

// Both ends in one thread: the test writes `in`, the session writes `out`.
class LoopbackChannel final : public transport::ByteChannel {
 public:
  struct Pipes {
    std::string in;
    size_t read = 0;
    uint64_t out_bytes = 0;
  };
  explicit LoopbackChannel(Pipes& pipes) : pipes_(pipes) {}

  transport::IoResult Read(char* out, size_t size) override {
    const size_t count = std::min(size, pipes_.in.size() - pipes_.read);
    if (count == 0) return {.status = transport::IoResult::Status::kWouldBlock};
    std::memcpy(out, pipes_.in.data() + pipes_.read, count);
    pipes_.read += count;
    return {.bytes = count};
  }
  transport::IoResult Write(absl::Span<const iovec> parts) override {
    size_t count = 0;
    for (const iovec& part : parts) count += part.iov_len;
    pipes_.out_bytes += count;
    return {.bytes = count};
  }
  void Shutdown() override {}
  transport::Pollable readable() const override { return {}; }
  transport::Pollable writable() const override { return {}; }

 private:
  Pipes& pipes_;
};

class DirtyList final : public SessionHost {
 public:
  void OnDirty(Session& session) override { dirty.push_back(&session); }
  void OnStatisticsRequest(Session&, uint64_t) override {}
  void OnDrainRequest(Session&, uint64_t, TimePoint, bool) override {}
  void OnProgressDone(Session&, uint32_t) override {}
  void OnEstablished(Session&) override {}

  void Work() {
    for (size_t i = 0; i < dirty.size(); ++i) ASSERT_FALSE(dirty[i]->Work().has_value());
    dirty.clear();
  }
  std::vector<Session*> dirty;
};

struct Party {
  Party(const Session::Shared& shared, uint32_t number)
      : session(shared, std::make_unique<LoopbackChannel>(pipes), number, 0) {
    shared.exchange.AddPeer(session);
  }
  void Feed(const std::string& bytes) {
    pipes.in = bytes;
    pipes.read = 0;
    ASSERT_FALSE(session.Read().has_value());
  }
  LoopbackChannel::Pipes pipes;
  Session session;
};

class Forwarding : public ::testing::TestWithParam<bool> {};  // whether events are sampled

INSTANTIATE_TEST_SUITE_P(, Forwarding, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "sampled" : "plain"; });

TEST_P(Forwarding, AllocatesNothingPerEvent) {
  constexpr int kEventsAtOnce = 100;
  testing::FakeTime time;
  EventStore store;
  Exchange exchange(RoutingOptions(), time, time);
  DirtyList host;
  const BrokerLimits limits;
  const wire::TimeDomain domain = wire::TimeDomain::OfThisProcess();
  transport::BlockPool read_blocks(transport::FrameReader::kReadBytes, 4);
  transport::BlockPool write_blocks(transport::FrameWriter::kBlockBytes, 32);
  const Session::Shared shared{exchange, store, host, limits, domain, read_blocks, write_blocks};
  Party publisher(shared, 1);
  Party subscriber(shared, 2);
  publisher.Feed(FramedHello());
  subscriber.Feed(FramedHello());
  wire::ClientControl control;
  control.mutable_register_service()->set_id("receiver");
  control.mutable_register_service()->set_supports(KindSet::All().bits());
  subscriber.Feed(FramedControl(control));
  control.mutable_subscribe()->set_service("receiver");
  control.mutable_subscribe()->set_capacity(1024);
  control.mutable_subscribe()->set_concurrency(1);
  subscriber.Feed(FramedControl(control));
  Attributes attributes;
  attributes.source.id = "source";
  std::string encoded(EncodedSize(attributes), '\0');
  EncodeAttributes(attributes, encoded.data());
  wire::DefineAttributes define;
  define.number = 1;
  publisher.Feed(Framed(BytesOf(define) + encoded));
  host.Work();

  const std::string body(512, 'b');
  EncodedHeader header;
  header.attributes_number = 1;
  header.body_crc32c = Crc32c(body);
  std::string events;
  const std::string stages(GetParam() ? wire::kStageBlockSize : 0, '\0');
  for (int i = 0; i < kEventsAtOnce; ++i) events += FramedPublish(header, body, stages);
  uint64_t handed = 0;
  const auto round = [&](const std::string& reports) {
    publisher.Feed(events);
    host.Work();
    subscriber.Feed(reports);
    host.Work();
  };
  const auto reports = [&] {
    wire::Progress progress;
    progress.subscription = 1;
    progress.handed = handed + kEventsAtOnce;
    wire::Acknowledged acknowledged;
    acknowledged.subscription = 1;
    acknowledged.first = handed + 1;
    acknowledged.count = kEventsAtOnce;
    handed += kEventsAtOnce;
    return Framed(BytesOf(progress)) + Framed(BytesOf(acknowledged));
  };
  for (int i = 0; i < 20; ++i) round(reports());  // warms up

  const std::string last_reports = reports();
  publisher.pipes.in.reserve(events.size());
  subscriber.pipes.in.reserve(last_reports.size());
  const uint64_t bytes_before = subscriber.pipes.out_bytes;
  const Allocations before = Allocations::OfThisThread();
  round(last_reports);
  const Allocations spent = Allocations::OfThisThread() - before;
  EXPECT_EQ(spent.count, 0u) << spent.bytes << " bytes";
  EXPECT_GE(subscriber.pipes.out_bytes - bytes_before, kEventsAtOnce * (body.size() + stages.size()));
  EXPECT_EQ(exchange.InFlight(), 0u);
  EXPECT_EQ(exchange.Statistics().books.of(Outcome::kDelivered), handed);
  exchange.RemovePeer(publisher.session, Outcome::kDroppedClosed);
  exchange.RemovePeer(subscriber.session, Outcome::kDroppedClosed);
}

}  // namespace
}  // namespace routebench::daemon
