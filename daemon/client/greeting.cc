#include "daemon/client/greeting.h"

#include <poll.h>

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "daemon/wire/frames.h"
#include "daemon/wire/parse.h"

namespace routebench::daemon {

using transport::FrameReader;
using transport::IoResult;

namespace {

absl::StatusOr<wire::Welcome> ParseAnswer(std::string_view frame) {
  wire::Prefix prefix;
  wire::BrokerControl answer;
  if (!wire::LoadFront(frame, &prefix) || prefix.type != wire::FrameType::kControl ||
      !wire::ParseControl(frame.substr(sizeof prefix), &answer)) {
    return absl::UnavailableError("what answered is not an eventd");
  }
  if (answer.has_welcome()) return answer.welcome();
  const wire::Refused& reason = answer.has_refused() ? answer.refused() : answer.goodbye();
  return absl::FailedPreconditionError(absl::StrCat("the daemon refused the connection: ", reason.error(),
                                                    reason.detail().empty() ? "" : ": ", reason.detail()));
}

}  // namespace

absl::StatusOr<wire::Welcome> Greet(transport::ByteChannel& channel, FrameReader& reader,
                                    const wire::Hello& hello, Duration timeout) {
  wire::ClientControl control;
  *control.mutable_hello() = hello;
  transport::FrameWriter writer;
  const size_t size = control.ByteSizeLong();
  char* const out = writer.Append(sizeof(wire::Prefix) + size);
  wire::Store(wire::Prefix{wire::FrameType::kControl}, out);
  control.SerializeToArray(out + sizeof(wire::Prefix), static_cast<int>(size));
  // An empty socket takes a greeting whole; an error shows in the read.
  writer.Flush(channel);

  const TimePoint end = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    std::string_view frame;
    const FrameReader::Result next = reader.Next(&frame);
    if (next == FrameReader::Result::kFrame) return ParseAnswer(frame);
    if (next == FrameReader::Result::kTooLong)
      return absl::UnavailableError("what answered is not an eventd");
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    const transport::Pollable readable = channel.readable();
    pollfd polled = {readable.descriptor, readable.events, 0};
    if (poll(&polled, 1, static_cast<int>(std::max<int64_t>(0, left.count()))) == 0) {
      return absl::DeadlineExceededError("the daemon did not answer the greeting in time");
    }
    const IoResult result = reader.Fill(channel);
    if (result.status != IoResult::Status::kDone && result.status != IoResult::Status::kWouldBlock) {
      return absl::UnavailableError("the daemon closed the connection in the handshake");
    }
  }
}

}  // namespace routebench::daemon
