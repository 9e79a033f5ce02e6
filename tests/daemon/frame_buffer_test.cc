#include "daemon/transport/frame_buffer.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace routebench::transport {
namespace {

// Gives out the bytes in pieces of the given sizes, and takes at most `room` bytes a write.
class ScriptedChannel final : public ByteChannel {
 public:
  IoResult Read(char* out, size_t size) override {
    if (pieces.empty()) return {.status = IoResult::Status::kWouldBlock};
    const size_t count = std::min(size, pieces.front().size());
    std::memcpy(out, pieces.front().data(), count);
    pieces.front().erase(0, count);
    if (pieces.front().empty()) pieces.erase(pieces.begin());
    largest_read = std::max(largest_read, size);
    return {.bytes = count};
  }
  IoResult Write(absl::Span<const iovec> parts) override {
    if (room == 0) return {.status = IoResult::Status::kWouldBlock};
    size_t count = 0;
    for (const iovec& part : parts) {
      const size_t step = std::min(room - count, part.iov_len);
      written.append(static_cast<const char*>(part.iov_base), step);
      count += step;
    }
    return {.bytes = count};
  }
  void Shutdown() override {}
  Pollable readable() const override { return {}; }
  Pollable writable() const override { return {}; }

  std::vector<std::string> pieces;
  size_t largest_read = 0;
  std::string written;
  size_t room = SIZE_MAX;
};

std::string Framed(const std::string& body) {
  const uint32_t length = static_cast<uint32_t>(body.size());
  std::string frame(reinterpret_cast<const char*>(&length), sizeof length);
  return frame + body;
}

std::vector<std::string> ReadAll(FrameReader& reader, ByteChannel& channel) {
  std::vector<std::string> frames;
  do {
    std::string_view frame;
    while (reader.Next(&frame) == FrameReader::Result::kFrame) frames.emplace_back(frame);
  } while (reader.Fill(channel).status == IoResult::Status::kDone);
  return frames;
}

TEST(FrameReader, FindsTheSameFramesInEverySplitOfTheBytes) {
  const std::vector<std::string> bodies = {"a", "", "two words", std::string(20, 'x')};
  std::string stream;
  for (const std::string& body : bodies) stream += Framed(body);
  for (size_t first = 0; first <= stream.size(); ++first) {
    for (size_t second = first; second <= stream.size(); ++second) {
      ScriptedChannel channel;
      for (const std::string& piece :
           {stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)}) {
        if (!piece.empty()) channel.pieces.push_back(piece);
      }
      FrameReader reader(64, 16);
      ASSERT_EQ(ReadAll(reader, channel), bodies) << "split at " << first << " and " << second;
      ASSERT_EQ(reader.buffered(), 0u);
    }
  }
}

TEST(FrameReader, GrowsForAFrameLargerThanOneReadAndShrinksAgain) {
  const std::string large(1000, 'y');
  ScriptedChannel channel;
  channel.pieces = {Framed(large) + Framed("small") + Framed("after")};
  FrameReader reader(1000, 16);
  EXPECT_EQ(ReadAll(reader, channel), (std::vector<std::string>{large, "small", "after"}));
  channel.pieces = {std::string(16, 'z')};
  channel.largest_read = 0;
  reader.Fill(channel);
  EXPECT_EQ(channel.largest_read, 16u);
}

TEST(FrameReader, RefusesALengthAboveTheLimitBeforeItGrows) {
  for (const uint32_t length : {101u, 1u << 20, 0xffffffffu}) {
    ScriptedChannel channel;
    channel.pieces = {std::string(reinterpret_cast<const char*>(&length), sizeof length)};
    FrameReader reader(100, 16);
    reader.Fill(channel);
    std::string_view frame;
    EXPECT_EQ(reader.Next(&frame), FrameReader::Result::kTooLong) << length;
  }
}

TEST(FrameReader, TakesNoMemoryForAnAnnouncedFrameThatDoesNotCome) {
  const uint32_t length = 1 << 30;
  ScriptedChannel channel;
  channel.pieces = {std::string(reinterpret_cast<const char*>(&length), sizeof length), "abc"};
  FrameReader reader(1 << 30, 16);
  while (reader.Fill(channel).status == IoResult::Status::kDone) {
  }
  EXPECT_LE(channel.largest_read, 16u);
}

TEST(FrameWriter, WritesFramesInOrderWhateverTheChannelTakes) {
  for (const size_t room : {size_t{1}, size_t{7}, size_t{4096}, SIZE_MAX}) {
    ScriptedChannel channel;
    FrameWriter writer;
    std::string expected;
    const std::string tail(20'000, 't');
    int released = 0;
    for (int i = 0; i < 50; ++i) {
      const std::string body(static_cast<size_t>(i * 100), static_cast<char>('a' + i % 26));
      std::memcpy(writer.Append(body.size()), body.data(), body.size());
      expected += Framed(body);
      if (i % 10 != 0) continue;
      std::memcpy(writer.AppendWithTail(4, tail, [&] { ++released; }), "head", 4);
      expected += Framed("head" + tail);
    }
    EXPECT_EQ(writer.pending(), expected.size());
    channel.room = room;
    EXPECT_EQ(writer.Flush(channel).status, IoResult::Status::kDone);
    EXPECT_EQ(channel.written, expected) << "room " << room;
    EXPECT_EQ(writer.written(), expected.size());
    EXPECT_TRUE(writer.empty());
    EXPECT_EQ(released, 5);
  }
}

TEST(FrameWriter, KeepsWhatTheChannelDoesNotTake) {
  ScriptedChannel channel;
  channel.room = 0;
  FrameWriter writer;
  std::memcpy(writer.Append(5), "first", 5);
  EXPECT_EQ(writer.Flush(channel).status, IoResult::Status::kWouldBlock);
  std::memcpy(writer.Append(6), "second", 6);
  channel.room = SIZE_MAX;
  EXPECT_EQ(writer.Flush(channel).status, IoResult::Status::kDone);
  EXPECT_EQ(channel.written, Framed("first") + Framed("second"));
}

TEST(FrameWriter, ReleasesTailsThatAreDropped) {
  int released = 0;
  const std::string tail(20'000, 't');
  {
    FrameWriter writer;
    writer.AppendWithTail(0, tail, [&] { ++released; });
    writer.Clear();
    EXPECT_EQ(released, 1);
    EXPECT_TRUE(writer.empty());
    writer.AppendWithTail(0, tail, [&] { ++released; });
  }
  EXPECT_EQ(released, 2);
}

TEST(FrameWriter, TakesAFrameLargerThanItsBlocks) {
  ScriptedChannel channel;
  FrameWriter writer;
  const std::string body(3 * FrameWriter::kBlockBytes, 'b');
  std::memcpy(writer.Append(body.size()), body.data(), body.size());
  EXPECT_EQ(writer.Flush(channel).status, IoResult::Status::kDone);
  EXPECT_EQ(channel.written, Framed(body));
}

// What Take hands out next, when it is not a new one.
char* NextOf(BlockPool& pool) {
  BlockPool::Block block = pool.Take();
  char* const address = block.get();
  pool.Give(std::move(block));
  return address;
}

TEST(BlockPoolTest, AnIdleReaderHoldsNoBlock) {
  BlockPool pool(64, 4);
  char* const only = NextOf(pool);
  FrameReader reader(1000, pool);
  ScriptedChannel channel;
  channel.pieces = {Framed("one") + Framed("two").substr(0, 5), Framed("two").substr(5)};
  EXPECT_EQ(reader.Fill(channel).status, IoResult::Status::kDone);
  std::string_view frame;
  ASSERT_EQ(reader.Next(&frame), FrameReader::Result::kFrame);
  EXPECT_EQ(frame, "one");
  EXPECT_EQ(reader.Next(&frame), FrameReader::Result::kIncomplete);
  EXPECT_NE(NextOf(pool), only) << "it holds the first part of a frame";
  EXPECT_EQ(ReadAll(reader, channel), std::vector<std::string>{"two"});
  EXPECT_EQ(NextOf(pool), only) << "given back last";
}

TEST(BlockPoolTest, ReadersTakeTurnsWithOneBlock) {
  BlockPool pool(64, 4);
  char* const only = NextOf(pool);
  FrameReader first(1000, pool);
  FrameReader second(1000, pool);
  for (FrameReader* const reader : {&first, &second, &first}) {
    ScriptedChannel channel;
    channel.pieces = {Framed("whole")};
    EXPECT_EQ(ReadAll(*reader, channel), std::vector<std::string>{"whole"});
    EXPECT_EQ(NextOf(pool), only);
  }
}

TEST(BlockPoolTest, AFrameLargerThanABlockIsReadAllTheSame) {
  BlockPool pool(64, 4);
  FrameReader reader(1000, pool);
  ScriptedChannel channel;
  const std::string large(900, 'l');
  channel.pieces = {Framed(large) + Framed("small")};
  EXPECT_EQ(ReadAll(reader, channel), (std::vector<std::string>{large, "small"}));
}

TEST(BlockPoolTest, AWriterGivesBackWhatIsWritten) {
  BlockPool pool(FrameWriter::kBlockBytes, 4);
  char* const only = NextOf(pool);
  ScriptedChannel channel;
  FrameWriter writer(pool);
  std::memcpy(writer.Append(3), "one", 3);
  EXPECT_NE(NextOf(pool), only);
  EXPECT_EQ(writer.Flush(channel).status, IoResult::Status::kDone);
  EXPECT_EQ(channel.written, Framed("one"));
  EXPECT_EQ(NextOf(pool), only);
}

}  // namespace
}  // namespace routebench::transport
