// Stream framing: the frames that come out do not depend on how the bytes arrive, and they are those of the
// stream.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/transport/frame_buffer.h"
#include "tests/fuzz/fuzz.h"

namespace routebench::transport {
namespace {

using fuzz::Require;

// Gives a stream away in pieces of sizes that the input chooses, and keeps what is written.
class Pieces final : public ByteChannel {
 public:
  Pieces(std::string_view stream, std::string_view sizes) : stream_(stream), sizes_(sizes) {}

  IoResult Read(char* out, size_t size) override {
    Require(size > 0, "there is room to read into");
    if (stream_.empty()) return {.status = IoResult::Status::kEnd};
    const size_t bytes = std::min({size, stream_.size(), NextPiece()});
    std::memcpy(out, stream_.data(), bytes);
    stream_.remove_prefix(bytes);
    return {.bytes = bytes};
  }
  IoResult Write(absl::Span<const iovec> parts) override {
    size_t room = NextPiece();
    size_t bytes = 0;
    for (const iovec& part : parts) {
      const size_t taken = std::min(room, part.iov_len);
      written_.append(static_cast<const char*>(part.iov_base), taken);
      bytes += taken;
      room -= taken;
    }
    return {.bytes = bytes};
  }
  void Shutdown() override {}
  Pollable readable() const override { return {}; }
  Pollable writable() const override { return {}; }
  const std::string& written() const { return written_; }

 private:
  size_t NextPiece() {
    return sizes_.empty() ? 4096 : 1 + size_t{static_cast<uint8_t>(sizes_[next_++ % sizes_.size()])};
  }

  std::string_view stream_;
  const std::string_view sizes_;
  size_t next_ = 0;
  std::string written_;
};

struct Parsed {
  std::vector<std::string> frames;
  bool too_long = false;
  size_t rest = 0;  // bytes behind the last whole frame
};

// What framing means, said once more and plainly. The first frame has a limit of its own, as a greeting has.
Parsed Expected(std::string_view stream, size_t first_limit, size_t limit) {
  Parsed parsed;
  for (size_t most = first_limit;; most = limit) {
    uint32_t length = 0;
    parsed.rest = stream.size();
    if (stream.size() < sizeof length) return parsed;
    std::memcpy(&length, stream.data(), sizeof length);
    parsed.too_long = length > most;
    if (parsed.too_long || stream.size() - sizeof length < length) return parsed;
    parsed.frames.emplace_back(stream.substr(sizeof length, length));
    stream.remove_prefix(sizeof length + length);
  }
}

Parsed Actual(ByteChannel& channel, size_t first_limit, size_t limit, size_t read_bytes) {
  Parsed parsed;
  FrameReader reader(first_limit, read_bytes);
  while (reader.Fill(channel).status == IoResult::Status::kDone) {
    for (;;) {
      std::string_view frame;
      const FrameReader::Result result = reader.Next(&frame);
      if (result == FrameReader::Result::kIncomplete) break;
      parsed.too_long = result == FrameReader::Result::kTooLong;
      if (parsed.too_long) return parsed;
      parsed.frames.emplace_back(frame);
      reader.set_max_frame(limit);
    }
  }
  parsed.rest = reader.buffered();
  return parsed;
}

// Written again, whole or with referred tails, they are the same bytes.
void CheckWriter(const std::vector<std::string>& frames, std::string_view stream, std::string_view sizes) {
  FrameWriter writer;
  int released = 0;
  int referred = 0;
  for (const std::string& frame : frames) {
    if (frame.size() % 2 == 0) {
      std::memcpy(writer.Append(frame.size()), frame.data(), frame.size());
      continue;
    }
    const size_t head = frame.size() / 2;
    char* const at = writer.AppendWithTail(head, std::string_view(frame).substr(head), [&] { ++released; });
    std::memcpy(at, frame.data(), head);
    ++referred;
  }
  Pieces channel({}, sizes);
  Require(writer.Flush(channel).status == IoResult::Status::kDone, "everything is written");
  Require(writer.empty() && released == referred, "every tail is released, once");
  Require(stream.substr(0, channel.written().size()) == channel.written(),
          "what was read is what is written");
}

}  // namespace
}  // namespace routebench::transport

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace routebench::transport;
  routebench::fuzz::Input input(data, size);
  const size_t first_limit = input.Number<uint16_t>() % 1024;
  const size_t limit = input.Number<uint16_t>() % 4096;
  const size_t read_bytes = 1 + input.Number<uint16_t>() % 1024;
  const std::string_view sizes = input.Bytes(input.Byte() % 8);
  const std::string_view stream = input.Rest();
  const Parsed expected = Expected(stream, first_limit, limit);
  Pieces channel(stream, sizes);
  const Parsed actual = Actual(channel, first_limit, limit, read_bytes);
  routebench::fuzz::Require(actual.frames == expected.frames, "the frames are those of the stream");
  routebench::fuzz::Require(actual.too_long == expected.too_long, "a frame is too long, or none is");
  routebench::fuzz::Require(actual.too_long || actual.rest == expected.rest, "no byte is lost");
  CheckWriter(actual.frames, stream, sizes);
  return 0;
}
