// A peer that sends whatever bytes a test wants.
#ifndef ROUTEBENCH_TESTS_DAEMON_RAW_PEER_H_
#define ROUTEBENCH_TESTS_DAEMON_RAW_PEER_H_

#include <poll.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "control.pb.h"
#include "daemon/transport/frame_buffer.h"
#include "daemon/transport/transport.h"
#include "daemon/wire/frames.h"
#include "daemon/wire/handshake.h"
#include "events/codec.h"
#include "events/router.h"
#include "tests/daemon/test_endpoints.h"
#include "tests/support/patience.h"

namespace routebench::testing {

// The bytes of a frame: its length and its body.
inline std::string Framed(std::string_view body) {
  const uint32_t length = static_cast<uint32_t>(body.size());
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + std::string(body);
}

template <typename Frame>
std::string BytesOf(const Frame& frame) {
  std::string bytes(sizeof frame, '\0');
  wire::Store(frame, bytes.data());
  return bytes;
}

inline std::string FramedControl(const wire::ClientControl& control) {
  return Framed(BytesOf(wire::Prefix{wire::FrameType::kControl}) + control.SerializeAsString());
}

inline std::string FramedHello(uint32_t version = wire::kProtocolVersion, bool wants_outcomes = false) {
  wire::ClientControl control;
  *control.mutable_hello() = wire::MakeHello(wire::TimeDomain::OfThisProcess(), "raw", wants_outcomes);
  control.mutable_hello()->set_version(version);
  control.mutable_hello()->set_token(std::string(TestEndpoints::kToken));
  return FramedControl(control);
}

// A Publish frame of a custom event with `body`; `stages` is the block of a sampled one.
inline std::string FramedPublish(EncodedHeader header, std::string_view body, std::string_view stages = {}) {
  header.body_size = static_cast<uint32_t>(body.size());
  const uint8_t flags = stages.empty() ? 0 : wire::kStages;
  std::string frame = BytesOf(wire::Prefix{wire::FrameType::kPublish, flags}) + std::string(stages);
  const size_t start = frame.size();
  frame.resize(start + kEncodedHeaderSize);
  EncodeHeader(header, frame.data() + start);
  return Framed(frame + std::string(body));
}

class RawPeer {
 public:
  explicit RawPeer(const std::string& endpoint)
      : channel_(transport::Dial(endpoint, {}).value()), reader_(size_t{64} << 20) {}

  // Everything, waiting for room as long as it takes.
  void Send(std::string bytes) {
    while (!bytes.empty()) {
      const std::array<iovec, 1> parts = {{{bytes.data(), bytes.size()}}};
      const auto result = channel_->Write(parts);
      if (result.status == transport::IoResult::Status::kDone) {
        bytes.erase(0, result.bytes);
      } else if (result.status != transport::IoResult::Status::kWouldBlock || !Poll(channel_->writable())) {
        return;
      }
    }
  }

  // The next frame; empty: the connection has ended, or patience.
  std::string Next() {
    for (;;) {
      std::string_view frame;
      if (reader_.Next(&frame) == transport::FrameReader::Result::kFrame) return std::string(frame);
      const auto result = reader_.Fill(*channel_);
      if (result.status == transport::IoResult::Status::kDone) continue;
      if (result.status != transport::IoResult::Status::kWouldBlock || !Poll(channel_->readable())) return {};
    }
  }

  transport::ByteChannel& channel() { return *channel_; }

  wire::BrokerControl NextControl() {
    wire::BrokerControl control;
    for (std::string frame = Next(); !frame.empty(); frame = Next()) {
      if (frame.front() != static_cast<char>(wire::FrameType::kControl)) continue;
      control.ParseFromString(frame.substr(sizeof(wire::Prefix)));
      break;
    }
    return control;
  }

  // Reads to the end; the error that the broker named last, or nothing.
  std::string AwaitEnd() {
    std::string error;
    for (;;) {
      const wire::BrokerControl control = NextControl();
      if (control.has_refused()) error = control.refused().error();
      if (control.has_goodbye()) error = control.goodbye().error();
      if (control.body_case() == wire::BrokerControl::BODY_NOT_SET) return error;
    }
  }

  wire::Welcome Greet() {
    Send(FramedHello());
    return NextControl().welcome();
  }

  // Registers a service and subscribes for everything; the subscription's id.
  uint64_t Subscribe(const std::string& service, uint64_t capacity) {
    wire::ClientControl control;
    control.set_request(1);
    control.mutable_register_service()->set_id(service);
    control.mutable_register_service()->set_supports(KindSet::All().bits());
    Send(FramedControl(control));
    if (NextControl().reply().code() != 0) std::abort();
    control.set_request(2);
    control.mutable_subscribe()->set_service(service);
    control.mutable_subscribe()->set_capacity(capacity);
    control.mutable_subscribe()->set_concurrency(1);
    control.mutable_subscribe()->set_full_policy(static_cast<uint32_t>(FullPolicy::kReject));
    Send(FramedControl(control));
    return NextControl().reply().subscription();
  }

 private:
  static bool Poll(const transport::Pollable& what) {
    pollfd polled = {what.descriptor, what.events, 0};
    return poll(&polled, 1, static_cast<int>(kPatience / std::chrono::milliseconds(1))) > 0;
  }

  std::unique_ptr<transport::ByteChannel> channel_;
  transport::FrameReader reader_;
};

}  // namespace routebench::testing

#endif  // ROUTEBENCH_TESTS_DAEMON_RAW_PEER_H_
