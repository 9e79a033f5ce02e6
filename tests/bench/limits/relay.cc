#include "tests/bench/limits/relay.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace routebench::bench {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;
constexpr size_t kBatchBytes = size_t{64} << 10;

[[noreturn]] void Fail(const char* what) {
  std::perror(what);
  std::abort();
}

void WriteAll(int descriptor, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(descriptor, data, size, MSG_NOSIGNAL);
    if (sent < 0) Fail("relay: send");
    data += sent;
    size -= static_cast<size_t>(sent);
  }
}

uint32_t LengthAt(const char* data) {
  uint32_t length;
  std::memcpy(&length, data, sizeof length);
  return length;
}

// One direction of the relay: what has been read and is not a whole frame yet stays for the next read.
class Direction {
 public:
  Direction(int from, int to) : from_(from), to_(to), buffer_(2 * kReadBytes) {}

  // False at the end of the stream.
  bool Move() {
    if (buffer_.size() - end_ < kReadBytes) buffer_.resize(end_ + kReadBytes);
    const ssize_t got = recv(from_, buffer_.data() + end_, kReadBytes, 0);
    if (got < 0) Fail("relay: recv");
    if (got == 0) return false;
    end_ += static_cast<size_t>(got);
    size_t whole = 0;
    while (end_ - whole >= sizeof(uint32_t)) {
      const size_t frame = sizeof(uint32_t) + LengthAt(buffer_.data() + whole);
      if (end_ - whole < frame) break;
      whole += frame;
    }
    if (whole > 0) WriteAll(to_, buffer_.data(), whole);
    std::memmove(buffer_.data(), buffer_.data() + whole, end_ - whole);
    end_ -= whole;
    return true;
  }

 private:
  int from_;
  int to_;
  std::vector<char> buffer_;
  size_t end_ = 0;
};

}  // namespace

FrameSocket::FrameSocket(int descriptor) : descriptor_(descriptor), in_(2 * kReadBytes) {
  out_.reserve(2 * kBatchBytes);
}

FrameSocket::~FrameSocket() { close(descriptor_); }

void FrameSocket::Append(const char* body, size_t size) {
  const uint32_t length = static_cast<uint32_t>(size);
  const char* prefix = reinterpret_cast<const char*>(&length);
  out_.insert(out_.end(), prefix, prefix + sizeof length);
  out_.insert(out_.end(), body, body + size);
  if (out_.size() >= kBatchBytes) Flush();
}

void FrameSocket::Flush() {
  WriteAll(descriptor_, out_.data(), out_.size());
  out_.clear();
}

std::vector<char>::const_iterator FrameSocket::Next(size_t* size) {
  for (;;) {
    if (end_ - begin_ >= sizeof(uint32_t)) {
      const size_t length = LengthAt(in_.data() + begin_);
      if (end_ - begin_ - sizeof(uint32_t) >= length) {
        *size = length;
        const auto body = in_.cbegin() + static_cast<std::ptrdiff_t>(begin_ + sizeof(uint32_t));
        begin_ += sizeof(uint32_t) + length;
        return body;
      }
    }
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
    if (in_.size() - end_ < kReadBytes) in_.resize(end_ + kReadBytes);
    const ssize_t got = recv(descriptor_, in_.data() + end_, kReadBytes, 0);
    if (got < 0) Fail("frame socket: recv");
    if (got == 0) {
      *size = 0;
      return in_.cend();
    }
    end_ += static_cast<size_t>(got);
  }
}

void RunRelay(int left, int right) {
  Direction forth(left, right);
  Direction back(right, left);
  std::array<pollfd, 2> polled = {{{left, POLLIN, 0}, {right, POLLIN, 0}}};
  for (;;) {
    if (poll(polled.data(), polled.size(), -1) < 0) Fail("relay: poll");
    if (polled[0].revents != 0 && !forth.Move()) return;
    if (polled[1].revents != 0 && !back.Move()) return;
  }
}

}  // namespace routebench::bench
