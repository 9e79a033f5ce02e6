// What every transport promises (channel.h, transport.h). A transport in the table enters by itself; where
// its peers meet, test_endpoints.h knows.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/transport/transport.h"
#include "gtest/gtest.h"
#include "tests/daemon/test_endpoints.h"
#include "tests/support/patience.h"

namespace routebench::transport {
namespace {

using ::routebench::testing::kPatience;
using ::routebench::testing::TestEndpoints;
using Status = IoResult::Status;

std::set<int> OpenDescriptors() {
  std::set<int> open;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int descriptor = std::stoi(entry.path().filename().string());
    if (fcntl(descriptor, F_GETFD) >= 0) open.insert(descriptor);
  }
  return open;  // without the one that listed them
}

// True when it is ready; false when patience ran out.
bool Await(const Pollable& what) {
  pollfd polled = {what.descriptor, what.events, 0};
  int ready;
  do {
    ready = poll(&polled, 1, static_cast<int>(kPatience / std::chrono::milliseconds(1)));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

IoResult WriteOnce(ByteChannel& channel, std::string_view bytes) {
  const std::array<iovec, 1> parts = {{{const_cast<char*>(bytes.data()), bytes.size()}}};
  return channel.Write(parts);
}

// Waits for room; the status that ended it, kDone when all is written.
Status WriteAll(ByteChannel& channel, std::string_view bytes) {
  while (!bytes.empty()) {
    const IoResult result = WriteOnce(channel, bytes);
    if (result.status == Status::kDone) {
      bytes.remove_prefix(result.bytes);
    } else if (result.status != Status::kWouldBlock || !Await(channel.writable())) {
      return result.status;
    }
  }
  return Status::kDone;
}

// Waits for something: kDone with bytes, or the end.
IoResult ReadSome(ByteChannel& channel, char* out, size_t size) {
  for (;;) {
    const IoResult result = channel.Read(out, size);
    if (result.status != Status::kWouldBlock || !Await(channel.readable())) return result;
  }
}

// Up to `size` bytes; fewer where the stream ends before.
std::string ReadExactly(ByteChannel& channel, size_t size) {
  std::string bytes(size, '\0');
  size_t got = 0;
  while (got < size) {
    const IoResult result = ReadSome(channel, bytes.data() + got, size - got);
    if (result.status != Status::kDone) break;
    got += result.bytes;
  }
  bytes.resize(got);
  return bytes;
}

std::string ReadToTheEnd(ByteChannel& channel) {
  std::string bytes;
  std::array<char, 4096> piece;
  for (;;) {
    const IoResult result = ReadSome(channel, piece.data(), piece.size());
    if (result.status != Status::kDone) {
      EXPECT_EQ(result.status, Status::kEnd);
      return bytes;
    }
    bytes.append(piece.data(), result.bytes);
  }
}

std::string Noise(size_t size) {
  std::mt19937_64 random(7);
  std::string bytes(size, '\0');
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<char>(random()); });
  return bytes;
}

class TransportTest : public ::testing::TestWithParam<std::string_view> {
 protected:
  TransportTest() : endpoints_(std::in_place, GetParam(), 1) {
    auto listener = Listen(endpoints_->listen().front(), {});
    EXPECT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }

  // Some transports know of a peer only when it has said something.
  void Meet() {
    auto dialled = Dial(endpoints_->Dial({listener_->endpoint()}), {});
    ASSERT_TRUE(dialled.ok()) << dialled.status();
    near_ = *std::move(dialled);
    ASSERT_EQ(WriteAll(*near_, "!"), Status::kDone);
    ASSERT_TRUE(Await(listener_->readable()));
    auto accepted = listener_->Accept();
    ASSERT_TRUE(accepted.ok()) << accepted.status();
    far_ = std::move(accepted->channel);
    ASSERT_NE(far_, nullptr);
    ASSERT_EQ(ReadExactly(*far_, 1), "!");
  }

  // Until there is no room; how many bytes.
  static size_t Fill(ByteChannel& channel) {
    const std::string block(size_t{1} << 16, 'x');
    size_t written = 0;
    for (;;) {
      const IoResult result = WriteOnce(channel, block);
      if (result.status != Status::kDone) {
        EXPECT_EQ(result.status, Status::kWouldBlock);
        return written;
      }
      written += result.bytes;
    }
  }

  const std::set<int> others_ = OpenDescriptors();
  std::optional<TestEndpoints> endpoints_;
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<ByteChannel> near_;
  std::unique_ptr<ByteChannel> far_;
};

INSTANTIATE_TEST_SUITE_P(, TransportTest, ::testing::ValuesIn(::routebench::testing::TransportNames()),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(TransportTest, AcceptsNobodyWhereNobodyWaits) {
  const auto before = listener_->Accept();
  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->channel, nullptr);
  Meet();
  const auto after = listener_->Accept();
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->channel, nullptr);
}

TEST_P(TransportTest, NamesItsEndpointSoThatItCanBeParsed) {
  const auto endpoint = Endpoint::Parse(listener_->endpoint());
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->transport->name, GetParam());
}

TEST_P(TransportTest, ReadsNothingWhereNothingIsWritten) {
  Meet();
  char byte;
  EXPECT_EQ(near_->Read(&byte, 1).status, Status::kWouldBlock);
  EXPECT_EQ(far_->Read(&byte, 1).status, Status::kWouldBlock);
}

TEST_P(TransportTest, CarriesPartsInOrderWhateverTheirSizes) {
  Meet();
  std::mt19937 random(3);
  const std::string sent = Noise(size_t{1} << 20);
  std::string received;
  size_t at = 0;
  std::vector<char> in(size_t{64} << 10);
  while (received.size() < sent.size()) {
    std::vector<iovec> parts;
    for (size_t next = at; next < sent.size() && parts.size() < 1 + random() % ByteChannel::kMaxParts;) {
      const size_t size = std::min<size_t>(1 + random() % 5000, sent.size() - next);
      parts.push_back({const_cast<char*>(sent.data()) + next, size});
      next += size;
    }
    if (!parts.empty()) {
      const IoResult result = near_->Write(parts);
      ASSERT_TRUE(result.status == Status::kDone || result.status == Status::kWouldBlock);
      at += result.bytes;
    }
    ASSERT_TRUE(at == received.size() || Await(far_->readable()));
    const IoResult result = far_->Read(in.data(), 1 + random() % in.size());
    ASSERT_TRUE(result.status == Status::kDone || result.status == Status::kWouldBlock);
    received.append(in.data(), result.bytes);
  }
  EXPECT_TRUE(received == sent);
}

TEST_P(TransportTest, APeerThatDoesNotReadHoldsUpNobody) {
  Meet();
  const size_t written = Fill(*near_);
  EXPECT_GT(written, 0u);
  EXPECT_LT(written, size_t{64} << 20);
  ASSERT_EQ(WriteAll(*far_, "answer"), Status::kDone) << "the other way is free";
  EXPECT_EQ(ReadExactly(*near_, 6), "answer");
  EXPECT_EQ(ReadExactly(*far_, written), std::string(written, 'x'));
  EXPECT_TRUE(Await(near_->writable()));
  EXPECT_EQ(WriteAll(*near_, "more"), Status::kDone);
  EXPECT_EQ(ReadExactly(*far_, 4), "more");
}

TEST_P(TransportTest, CarriesMuchBothWaysAtOnce) {
  Meet();
  const std::string sent = Noise(size_t{24} << 20);
  const auto both_ways = [&sent](ByteChannel& channel) {
    std::string received;
    std::thread reader([&] { received = ReadExactly(channel, sent.size()); });
    EXPECT_EQ(WriteAll(channel, sent), Status::kDone);
    reader.join();
    EXPECT_TRUE(received == sent);
  };
  std::thread other([&] { both_ways(*far_); });
  both_ways(*near_);
  other.join();
}

// Who polls before each read, and reads less than there is, still gets it all: no byte lies there
// unannounced.
TEST_P(TransportTest, EveryByteIsAnnounced) {
  Meet();
  constexpr size_t kBytes = 200'000;
  std::thread writer([&] {
    std::mt19937 random(5);
    for (size_t done = 0; done < kBytes;) {
      const size_t size = std::min<size_t>(1 + random() % 24, kBytes - done);
      ASSERT_EQ(WriteAll(*near_, std::string(size, 'x')), Status::kDone);
      done += size;
      if (random() % 4 == 0) std::this_thread::yield();
    }
  });
  std::mt19937 random(6);
  std::array<char, 32> in;
  for (size_t done = 0; done < kBytes;) {
    ASSERT_TRUE(Await(far_->readable())) << done;
    const IoResult result = far_->Read(in.data(), 1 + random() % in.size());
    ASSERT_TRUE(result.status == Status::kDone || result.status == Status::kWouldBlock);
    done += result.bytes;
  }
  writer.join();
}

TEST_P(TransportTest, ShutdownEndsPollsOnBothSides) {
  Meet();
  const auto await_end = [](ByteChannel& channel) {
    char byte;
    EXPECT_EQ(ReadSome(channel, &byte, 1).status, Status::kEnd);
  };
  std::thread ours([&] { await_end(*near_); });
  std::thread theirs([&] { await_end(*far_); });
  near_->Shutdown();
  near_->Shutdown();
  ours.join();
  theirs.join();
  EXPECT_EQ(WriteOnce(*near_, "x").status, Status::kEnd);
}

TEST_P(TransportTest, WhatWasWrittenBeforeTheEndArrives) {
  Meet();
  ASSERT_EQ(WriteAll(*far_, "something that is never read"), Status::kDone);
  ASSERT_TRUE(Await(near_->readable()));
  const size_t written = Fill(*near_);
  near_->Shutdown();
  near_.reset();
  EXPECT_EQ(ReadToTheEnd(*far_).size(), written);
}

TEST_P(TransportTest, APeerThatGoesIsTheEndAndNoSignal) {
  Meet();
  near_.reset();
  Status status;
  do {
    status = WriteOnce(*far_, "x").status;
  } while (status == Status::kDone);
  EXPECT_EQ(status, Status::kEnd);
  EXPECT_EQ(WriteOnce(*far_, "x").status, Status::kEnd) << "and stays it";
  EXPECT_EQ(ReadToTheEnd(*far_), "");
  sigset_t signals;
  sigpending(&signals);
  EXPECT_EQ(sigismember(&signals, SIGPIPE), 0);
  pthread_sigmask(SIG_SETMASK, nullptr, &signals);
  EXPECT_EQ(sigismember(&signals, SIGPIPE), 0) << "it is not blocked for good";
}

TEST_P(TransportTest, APeerThatGoesEndsTheWaitForRoom) {
  Meet();
  Fill(*far_);
  std::thread writer([&] {
    Status status = Status::kWouldBlock;
    while (status == Status::kWouldBlock || status == Status::kDone) {
      ASSERT_TRUE(Await(far_->writable()));
      status = WriteOnce(*far_, "x").status;
    }
    EXPECT_EQ(status, Status::kEnd);
  });
  near_.reset();
  writer.join();
}

TEST_P(TransportTest, ChannelsOutliveTheirListener) {
  Meet();
  listener_.reset();
  ASSERT_EQ(WriteAll(*near_, "still"), Status::kDone);
  EXPECT_EQ(ReadExactly(*far_, 5), "still");
}

TEST_P(TransportTest, LeavesNoDescriptorBehind) {
  Meet();
  EXPECT_GT(OpenDescriptors().size(), others_.size());
  near_->Shutdown();
  near_.reset();
  far_.reset();
  listener_.reset();
  endpoints_.reset();
  EXPECT_EQ(OpenDescriptors(), others_);
}

TEST_P(TransportTest, ExecutedProgramsInheritNothing) {
  Meet();
  for (const int descriptor : OpenDescriptors()) {
    if (others_.count(descriptor) > 0) continue;
    EXPECT_NE(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, 0) << descriptor;
  }
}

}  // namespace
}  // namespace routebench::transport
