// What a shared-memory channel asks of its peer before it touches anything (docs/security.md).
#include "daemon/transport/shm/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/transport/shm/doorbell.h"
#include "daemon/transport/shm/greeting.h"
#include "daemon/transport/shm/ring.h"
#include "daemon/transport/shm/segment.h"
#include "gtest/gtest.h"
#include "tests/daemon/held.h"

namespace routebench::transport {
namespace {

using shm::File;
using Status = IoResult::Status;

constexpr size_t kRing = shm::kMinRingBytes;

File MakeMemory(size_t size, int seals) {
  File file(memfd_create("routebench-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(ftruncate(file.get(), static_cast<off_t>(size)), 0);
  if (seals != 0) {
    EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, seals), 0);
  }
  return file;
}

// Somebody at the other end of the socket of a channel that has just been accepted.
class ShmChannelTest : public ::testing::Test {
 protected:
  ShmChannelTest() {
    const auto [ours, theirs] = MakePair();
    peer_ = File(ours);
    channel_ = AcceptShm(File(theirs)).value();
  }

  static std::pair<int, int> MakePair() {
    std::array<int, 2> ends;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) abort();
    return {ends[0], ends[1]};
  }
  static shm::Hello GoodHello() { return {shm::kMagic, shm::LayoutHash(), kRing, 99}; }

  Status ReadOnce() {
    char byte;
    return channel_->Read(&byte, 1).status;
  }
  // The channel's answer to a Hello with these descriptors.
  Status AnswerTo(const shm::Hello& hello, const std::vector<int>& descriptors) {
    EXPECT_TRUE(shm::SendHello(peer_.get(), hello, descriptors));
    return ReadOnce();
  }

  File peer_;
  std::unique_ptr<ByteChannel> channel_;
};

TEST_F(ShmChannelTest, WaitsForAHello) {
  EXPECT_EQ(ReadOnce(), Status::kWouldBlock);
  peer_.Close();
  EXPECT_EQ(ReadOnce(), Status::kEnd);
}

TEST_F(ShmChannelTest, MeetsWhoDoesEverythingRight) {
  const auto own = shm::MakeSegment(kRing);
  ASSERT_TRUE(own.ok()) << own.status();
  const auto [ours, theirs] = MakePair();
  const File bell(ours), other(theirs);
  EXPECT_EQ(AnswerTo(GoodHello(), {own->file.get(), other.get()}), Status::kWouldBlock);
  shm::Greeting answer = shm::ReceiveHello(peer_.get(), 1);
  ASSERT_EQ(answer.status, shm::Greeting::Status::kDone);
  EXPECT_EQ(answer.hello.ring_bytes, kRing);
  EXPECT_TRUE(shm::MapPeer(answer.files[0], kRing).ok());
  EXPECT_EQ(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, answer.files[0].get(), 0), MAP_FAILED)
      << "nobody writes what is not his";
  EXPECT_NE(ftruncate(answer.files[0].get(), 0), 0);
}

// A peer that has met the channel, and rings only where a test does.
class MetShmChannelTest : public ShmChannelTest {
 protected:
  MetShmChannelTest() {
    own_ = shm::MakeSegment(kRing).value();
    const auto [ours, theirs] = MakePair();
    bell_ = File(ours);
    const File other(theirs);
    EXPECT_EQ(AnswerTo(GoodHello(), {own_.file.get(), other.get()}), Status::kWouldBlock);
    shm::Greeting answer = shm::ReceiveHello(peer_.get(), 1);
    theirs_ = shm::MapPeer(answer.files.at(0), kRing).value();
    writer_.emplace(own_.mapping->positions(), own_.mapping->ring(), kRing, GoodHello().epoch);
    writer_->Meet(theirs_->positions());
    epoch_ = answer.hello.epoch;
  }

  shm::Moved PeerWrites(std::string_view bytes) {
    const std::array<iovec, 1> parts = {{{const_cast<char*>(bytes.data()), bytes.size()}}};
    return writer_->Write(parts);
  }
  static bool Ready(const Pollable& what) {
    pollfd polled = {what.descriptor, what.events, 0};
    return poll(&polled, 1, 0) == 1;
  }

  shm::OwnSegment own_;
  File bell_;
  std::unique_ptr<shm::Mapping> theirs_;
  std::optional<shm::RingWriter> writer_;
  uint64_t epoch_ = 0;  // of the channel's ring
};

TEST_F(MetShmChannelTest, MayWriteNow) {
  EXPECT_TRUE(Ready(channel_->writable()));
  const std::array<iovec, 1> parts = {{{const_cast<char*>("x"), 1}}};
  EXPECT_EQ(channel_->Write(parts).status, Status::kDone);
}

TEST_F(MetShmChannelTest, AsksToBeRungWheneverItFindsNothing) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(Ready(channel_->readable()));
    EXPECT_TRUE(PeerWrites("x").ring);
    EXPECT_FALSE(PeerWrites("y").ring);
    shm::Ring(peer_.get());
    EXPECT_TRUE(Ready(channel_->readable()));
    std::array<char, 8> in;
    EXPECT_EQ(channel_->Read(in.data(), in.size()).bytes, 2u);
    EXPECT_EQ(ReadOnce(), Status::kWouldBlock);
  }
}

TEST_F(MetShmChannelTest, WhatWasNotReadIsAnnouncedWithoutABell) {
  PeerWrites("more than one byte");
  std::array<char, 64> in;
  ASSERT_EQ(channel_->Read(in.data(), 1).bytes, 1u);
  EXPECT_TRUE(Ready(channel_->readable()));
  EXPECT_EQ(channel_->Read(in.data(), in.size()).bytes, 17u);
  EXPECT_FALSE(Ready(channel_->readable()));
}

TEST_F(MetShmChannelTest, AReadThatFillsItsBufferIsFollowedByAnother) {
  PeerWrites("x");
  std::array<char, 1> in;
  ASSERT_EQ(channel_->Read(in.data(), in.size()).bytes, 1u);
  EXPECT_TRUE(Ready(channel_->readable())) << "it has not asked for more, so that no bell would tell of it";
  EXPECT_EQ(ReadOnce(), Status::kWouldBlock);
  EXPECT_FALSE(Ready(channel_->readable()));
  EXPECT_TRUE(PeerWrites("y").ring);
}

TEST_F(MetShmChannelTest, AWriteThatFindsRoomIsFollowedByAnother) {
  const std::string block(kRing, 'x');
  const std::array<iovec, 1> much = {{{const_cast<char*>(block.data()), block.size()}}};
  while (channel_->Write(much).status == Status::kDone) {
  }
  ASSERT_FALSE(Ready(channel_->writable()));
  shm::RingReader reader(own_.mapping->positions(), theirs_->positions(), theirs_->ring(), kRing, epoch_);
  std::string in(kRing / 4, 0);
  ASSERT_FALSE(reader.Read(in.data(), in.size()).ring) << "it has asked for half of the ring";
  const std::array<iovec, 1> little = {{{const_cast<char*>(block.data()), 1}}};
  ASSERT_EQ(channel_->Write(little).status, Status::kDone);
  EXPECT_TRUE(Ready(channel_->writable())) << "it has not asked for more, so that no bell would tell of it";
}

TEST_F(MetShmChannelTest, ATailThatCannotBeEndsTheConnection) {
  own_.mapping->positions()->tail.value.store(kRing * 2);
  EXPECT_EQ(ReadOnce(), Status::kBroken);
  EXPECT_EQ(ReadOnce(), Status::kBroken);
}

TEST_F(MetShmChannelTest, EndsWithWhoRingsForNothing) {
  Status status = Status::kWouldBlock;
  int rings = 0;
  for (; status == Status::kWouldBlock && rings < 100'000; ++rings) {
    shm::Ring(peer_.get());
    status = ReadOnce();
  }
  EXPECT_EQ(status, Status::kBroken);
  EXPECT_GT(rings, 100) << "a bell too many now and then is no offence";
}

TEST_F(MetShmChannelTest, EndsWithWhoRingsForRoomThatThereIsNot) {
  const std::string block(kRing, 'x');
  const std::array<iovec, 1> parts = {{{const_cast<char*>(block.data()), block.size()}}};
  ASSERT_EQ(channel_->Write(parts).status, Status::kDone);
  Status status = Status::kWouldBlock;
  int rings = 0;
  for (; status == Status::kWouldBlock && rings < 100'000; ++rings) {
    shm::Ring(bell_.get());
    status = channel_->Write(parts).status;
  }
  EXPECT_EQ(status, Status::kBroken);
  EXPECT_GT(rings, 100);
}

TEST_F(MetShmChannelTest, WhatWasCommittedBeforeThePeerDiedArrives) {
  PeerWrites("farewell");
  peer_.Close();
  bell_.Close();
  std::array<char, 64> in;
  EXPECT_EQ(channel_->Read(in.data(), in.size()).bytes, 8u);
  EXPECT_EQ(ReadOnce(), Status::kEnd);
}

TEST_F(ShmChannelTest, SaysWhatItHasToSayWithoutMemoryIfNeedBe) {
  const std::array<iovec, 1> parts = {{{const_cast<char*>("go away"), 7}}};
  EXPECT_EQ(channel_->Write(parts).bytes, 7u);
  shm::Greeting answer = shm::ReceiveHello(peer_.get(), 1);
  EXPECT_EQ(answer.status, shm::Greeting::Status::kNoMemory);
  EXPECT_EQ(channel_->Write(parts).bytes, 7u);
  channel_.reset();
  std::array<char, 64> in;
  EXPECT_EQ(recv(peer_.get(), in.data(), in.size(), 0), 14);
}

TEST_F(ShmChannelTest, ADiallerHearsWhyItIsRefused) {
  char directory[] = "/tmp/routebench-XXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const std::string path = std::string(directory) + "/sock";
  {
    const auto listener = ShmListener::Listen(path);
    ASSERT_TRUE(listener.ok()) << listener.status();
    const auto dialled = DialShm(path);
    ASSERT_TRUE(dialled.ok());
    auto accepted = (*listener)->Accept();
    ASSERT_TRUE(accepted.ok());
    const std::array<iovec, 1> parts = {{{const_cast<char*>("full"), 4}}};
    ASSERT_EQ(accepted->channel->Write(parts).bytes, 4u);
    accepted->channel.reset();
    std::array<char, 64> in;
    EXPECT_EQ((*dialled)->Read(in.data(), in.size()).bytes, 4u);
    EXPECT_EQ((*dialled)->Read(in.data(), in.size()).status, Status::kEnd);
  }
  std::filesystem::remove_all(directory);
}

TEST_F(ShmChannelTest, RefusesAHelloThatIsNotOurs) {
  const auto own = shm::MakeSegment(kRing);
  ASSERT_TRUE(own.ok());
  const struct {
    const char* what;
    std::function<void(shm::Hello&)> change;
  } cases[] = {{"another magic", [](shm::Hello& hello) { hello.magic ^= 1; }},
               {"another layout", [](shm::Hello& hello) { hello.layout ^= 1; }},
               {"no size", [](shm::Hello& hello) { hello.ring_bytes = 0; }},
               {"no power of two", [](shm::Hello& hello) { hello.ring_bytes = kRing + 64; }},
               {"too small", [](shm::Hello& hello) { hello.ring_bytes = kRing / 2; }},
               {"too large", [](shm::Hello& hello) { hello.ring_bytes = shm::kMaxRingBytes * 2; }},
               {"larger than the file", [](shm::Hello& hello) { hello.ring_bytes = kRing * 2; }}};
  for (const auto& it : cases) {
    const auto [ours, theirs] = MakePair();
    peer_ = File(ours);
    channel_ = AcceptShm(File(theirs)).value();
    const auto [bell, other] = MakePair();
    const File near(bell), far(other);
    shm::Hello hello = GoodHello();
    it.change(hello);
    EXPECT_EQ(AnswerTo(hello, {own->file.get(), far.get()}), Status::kBroken) << it.what;
  }
}

TEST_F(ShmChannelTest, RefusesMemoryThatCouldShrink) {
  const File memory = MakeMemory(shm::kRingOffset + kRing, F_SEAL_GROW);
  const auto [bell, other] = MakePair();
  const File near(bell), far(other);
  EXPECT_EQ(AnswerTo(GoodHello(), {memory.get(), far.get()}), Status::kBroken);
}

TEST_F(ShmChannelTest, RefusesMemoryOfAnotherSize) {
  const File memory = MakeMemory(shm::kRingOffset + kRing - 1, F_SEAL_GROW | F_SEAL_SHRINK);
  const auto [bell, other] = MakePair();
  const File near(bell), far(other);
  EXPECT_EQ(AnswerTo(GoodHello(), {memory.get(), far.get()}), Status::kBroken);
}

TEST_F(ShmChannelTest, RefusesDescriptorsOfAnotherKind) {
  const auto own = shm::MakeSegment(kRing);
  ASSERT_TRUE(own.ok());
  EXPECT_EQ(AnswerTo(GoodHello(), {peer_.get(), peer_.get()}), Status::kBroken) << "a socket for memory";
  const auto [ours, theirs] = MakePair();
  peer_ = File(ours);
  channel_ = AcceptShm(File(theirs)).value();
  EXPECT_EQ(AnswerTo(GoodHello(), {own->file.get(), own->file.get()}), Status::kBroken)
      << "memory for a bell";
}

TEST_F(ShmChannelTest, RefusesTooFewDescriptors) {
  const auto own = shm::MakeSegment(kRing);
  ASSERT_TRUE(own.ok());
  EXPECT_EQ(AnswerTo(GoodHello(), {own->file.get()}), Status::kBroken);
}

TEST_F(ShmChannelTest, RefusesHalfAHello) {
  const shm::Hello hello = GoodHello();
  ASSERT_EQ(send(peer_.get(), &hello, sizeof hello / 2, MSG_NOSIGNAL),
            static_cast<ssize_t>(sizeof hello / 2));
  EXPECT_EQ(ReadOnce(), Status::kBroken);
}

TEST_F(ShmChannelTest, LeavesNothingBehindWhateverThePeerWas) {
  channel_.reset();
  peer_.Close();
  const testing::Held before = testing::Held::Now();
  for (int i = 0; i < 50; ++i) {
    const auto own = shm::MakeSegment(kRing);
    const auto [ours, theirs] = MakePair();
    peer_ = File(ours);
    channel_ = AcceptShm(File(theirs)).value();
    const auto [bell, other] = MakePair();
    const File near(bell), far(other);
    shm::Hello hello = GoodHello();
    hello.layout += static_cast<uint64_t>(i % 3);
    AnswerTo(hello, {own->file.get(), i % 2 == 0 ? far.get() : own->file.get()});
  }
  channel_.reset();
  peer_.Close();
  EXPECT_EQ(testing::Held::Now(), before);
}

}  // namespace
}  // namespace routebench::transport
