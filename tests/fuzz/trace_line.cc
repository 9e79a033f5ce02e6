// A line of a trace: what is read can be written, unless it says what CloudEvents cannot hold, and read again
// it is the same event.
#include <google/protobuf/stubs/logging.h>

#include <string>
#include <string_view>

#include "loadgen/trace/cloud_events.h"
#include "tests/events/equality.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace routebench;
  using namespace routebench::loadgen;
  using fuzz::Require;
  const google::protobuf::LogSilencer quiet;
  const auto traced = ParseCloudEvent(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!traced.ok()) {
    Require(!traced.status().message().empty(), "who is refused learns why");
    return 0;
  }
  Require(traced->unix_ns >= 0 && traced->event.attributes != nullptr, "an event is whole");
  const auto line = ToCloudEvent(*traced);
  if (!line.ok()) return 0;
  Require(line->find('\n') == std::string::npos, "a line is one line");
  const auto again = ParseCloudEvent(*line);
  Require(again.ok(), "what we write can be read");
  Require(again->unix_ns == traced->unix_ns && again->unknown_type == traced->unknown_type,
          "it is the same line");
  Require(SameHeader(again->event.header, traced->event.header), "of the same event");
  Require(again->event.payload.is_typed() == traced->event.payload.is_typed(), "with the same body");
  const auto line_again = ToCloudEvent(*again);
  Require(line_again.ok() && *line_again == *line, "and written again it is the same line");
  return 0;
}
