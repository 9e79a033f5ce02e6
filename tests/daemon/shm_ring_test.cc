// The two ends of a ring in shared memory: what goes in comes out, who sleeps is woken, and a peer that
// breaks the rules is found out.
#include "daemon/transport/shm/ring.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace routebench::transport::shm {
namespace {

constexpr size_t kRing = kMinRingBytes;
constexpr uint64_t kEpoch = 7;

// Both segments, in plain memory.
class RingTest : public ::testing::Test {
 protected:
  RingTest() {
    reader_words_.reader_wake.value.store(1);
    writer_.Meet(&reader_words_);
  }

  Moved Write(std::string_view bytes) {
    const std::array<iovec, 1> parts = {{{const_cast<char*>(bytes.data()), bytes.size()}}};
    return writer_.Write(parts);
  }
  std::string Read(size_t most = kRing) {
    std::string bytes(most, '\0');
    bytes.resize(reader_.Read(bytes.data(), most).bytes);
    return bytes;
  }
  bool ReaderBreaks() {
    char byte;
    return reader_.Read(&byte, 1).broken && reader_.Read(&byte, 1).broken;
  }
  // What a hostile writer stores at a position of the ring.
  void Put(uint64_t position, RecordHeader header) {
    std::memcpy(ring_.data() + position % kRing, &header, sizeof header);
  }
  static RecordHeader HeaderOf(uint32_t length, uint64_t sequence) {
    return {length, CheckOf(length, sequence, kEpoch), sequence};
  }

  std::vector<char> ring_ = std::vector<char>(kRing);
  Positions writer_words_;
  Positions reader_words_;
  RingWriter writer_{&writer_words_, ring_.data(), kRing, kEpoch};
  RingReader reader_{&reader_words_, &writer_words_, ring_.data(), kRing, kEpoch};
};

TEST_F(RingTest, IsEmptyAtFirst) {
  EXPECT_EQ(Read(), "");
  EXPECT_FALSE(reader_.seen());
}

TEST_F(RingTest, CarriesPartsAsOneStream) {
  const std::array<iovec, 3> parts = {
      {{const_cast<char*>("one"), 3}, {const_cast<char*>(""), 0}, {const_cast<char*>("two"), 3}}};
  EXPECT_EQ(writer_.Write(parts).bytes, 6u);
  EXPECT_EQ(Read(4), "onet");
  EXPECT_TRUE(reader_.seen());
  EXPECT_EQ(Read(), "wo");
}

TEST_F(RingTest, AFullRingIsNotAnEmptyOne) {
  // Four records that fill it exactly.
  const std::string block(kRing / 4 - sizeof(RecordHeader), 'x');
  for (int i = 0; i < 4; ++i) ASSERT_EQ(Write(block).bytes, block.size());
  EXPECT_EQ(writer_words_.tail.value.load(), kRing);
  EXPECT_EQ(Write("y").bytes, 0u);
  EXPECT_EQ(Read().size(), 4 * block.size());
  EXPECT_EQ(Write("y").bytes, 1u);
}

TEST_F(RingTest, ARandomStreamComesOutAsItWentIn) {
  std::mt19937_64 random(1);
  std::string sent;
  std::string received;
  uint64_t next = 0;
  for (int step = 0; step < 200'000; ++step) {
    if (random() % 2 == 0) {
      std::string bytes(1 + random() % (random() % 8 == 0 ? 3000 : 60), '\0');
      for (char& byte : bytes) byte = static_cast<char>(next++);
      const Moved moved = Write(bytes);
      ASSERT_FALSE(moved.broken);
      next -= bytes.size() - moved.bytes;
      sent.append(bytes, 0, moved.bytes);
    } else {
      received += Read(1 + random() % 2000);
    }
    ASSERT_LE(writer_words_.tail.value.load() - reader_words_.head.value.load(), kRing);
    if (sent.size() < 1 << 16) continue;
    ASSERT_EQ(sent.compare(0, received.size(), received), 0) << "step " << step;
    sent.erase(0, received.size());
    received.clear();
  }
  received += Read();
  EXPECT_EQ(received, sent);
}

TEST_F(RingTest, ThreadsSeeTheSameStream) {
  constexpr size_t kBytes = size_t{4} << 20;
  std::thread writing([&] {
    std::string block(700, '\0');
    for (size_t done = 0; done < kBytes;) {
      for (size_t i = 0; i < block.size(); ++i) block[i] = static_cast<char>((done + i) * 31 >> 4);
      const size_t wrote = Write(std::string_view(block).substr(0, kBytes - done)).bytes;
      done += wrote;
      if (wrote == 0) std::this_thread::yield();
    }
  });
  size_t wrong = 0;
  std::string block(1000, '\0');
  for (size_t done = 0; done < kBytes;) {
    const Moved moved = reader_.Read(block.data(), block.size());
    ASSERT_FALSE(moved.broken);
    for (size_t i = 0; i < moved.bytes; ++i) {
      wrong += block[i] != static_cast<char>((done + i) * 31 >> 4) ? 1 : 0;
    }
    done += moved.bytes;
    if (moved.bytes == 0) std::this_thread::yield();
  }
  writing.join();
  EXPECT_EQ(wrong, 0u);
}

TEST_F(RingTest, ASleepingReaderIsRungOnce) {
  EXPECT_TRUE(Write("first").ring) << "it sleeps from the beginning";
  EXPECT_FALSE(Write("second").ring);
  EXPECT_EQ(Read(), "firstsecond");
  EXPECT_FALSE(Write("third").ring) << "it is awake";
  EXPECT_TRUE(reader_.AskForMore()) << "that has come already";
  EXPECT_EQ(Read(), "third");
  EXPECT_FALSE(reader_.AskForMore());
  EXPECT_TRUE(Write("fourth").ring);
  EXPECT_FALSE(Write("fifth").ring);
}

TEST_F(RingTest, AWriterThatWaitsForRoomIsRungOnceWhenHalfIsFree) {
  size_t written = 0;
  while (const size_t bytes = Write(std::string(100, 'x')).bytes) written += bytes;
  EXPECT_FALSE(writer_.AskForRoom());
  std::string sink(100, '\0');
  int rings = 0;
  uint64_t head_at_ring = 0;
  for (Moved moved; (moved = reader_.Read(sink.data(), sink.size())).bytes > 0;) {
    written -= moved.bytes;
    if (!moved.ring) continue;
    ++rings;
    head_at_ring = reader_words_.head.value.load();
  }
  EXPECT_EQ(written, 0u);
  EXPECT_EQ(rings, 1);
  EXPECT_GE(head_at_ring + kRing / 2, writer_words_.tail.value.load());
  EXPECT_TRUE(writer_.AskForRoom());
}

TEST_F(RingTest, UntilTheyMeetEveryWriteRings) {
  RingWriter early(&writer_words_, ring_.data(), kRing, kEpoch);
  const std::array<iovec, 1> parts = {{{const_cast<char*>("x"), 1}}};
  EXPECT_TRUE(early.Write(parts).ring);
  EXPECT_TRUE(early.Write(parts).ring);
}

// ---- A hostile writer.

TEST_F(RingTest, ATailThatGoesBackBreaksTheReader) {
  Write("one");
  Read();
  writer_words_.tail.value.store(0);
  EXPECT_TRUE(ReaderBreaks());
}

TEST_F(RingTest, ATailBeyondTheRingBreaksTheReader) {
  writer_words_.tail.value.store(kRing + kRecordAlignment);
  EXPECT_TRUE(ReaderBreaks());
}

TEST_F(RingTest, ATailBetweenRecordsBreaksTheReader) {
  Put(0, HeaderOf(4, 1));
  writer_words_.tail.value.store(20);
  EXPECT_TRUE(ReaderBreaks());
}

TEST_F(RingTest, ABrokenReaderSaysSoWhenItAsksForMore) {
  writer_words_.tail.value.store(UINT64_MAX);
  EXPECT_TRUE(reader_.AskForMore());
  EXPECT_TRUE(ReaderBreaks());
}

TEST_F(RingTest, RecordsThatCannotBeBreakTheReader) {
  const struct {
    const char* what;
    uint64_t position;
    RecordHeader header;
  } cases[] = {
      {"longer than a quarter", 0, HeaderOf(kRing / 4 + 1, 1)},
      {"the longest there is", 0, HeaderOf(UINT32_MAX, 1)},
      {"more than what was committed", 0, HeaderOf(100, 1)},
      {"another sequence", 0, HeaderOf(16, 2)},
      {"a check of another length", 0, {16, CheckOf(17, 1, kEpoch), 1}},
      {"another epoch", 0, {16, CheckOf(16, 1, kEpoch + 1), 1}},
      {"of no length, and not at the end", 0, HeaderOf(0, 1)},
  };
  for (const auto& it : cases) {
    Positions reader_words;
    RingReader reader(&reader_words, &writer_words_, ring_.data(), kRing, kEpoch);
    Put(it.position, it.header);
    writer_words_.tail.value.store(32);
    char byte;
    EXPECT_TRUE(reader.Read(&byte, 1).broken) << it.what;
    EXPECT_EQ(reader_words.head.value.load(), 0u) << it.what;
  }
}

TEST_F(RingTest, ARecordAcrossTheEndBreaksTheReader) {
  // Up to 32 bytes before the end, in order.
  uint64_t sequence = 0;
  while (writer_words_.tail.value.load() + 32 < kRing) {
    ASSERT_EQ(Write(std::string(16, 'x')).bytes, 16u);
    ++sequence;
    Read();
  }
  Put(kRing - 32, HeaderOf(64, sequence + 1));
  writer_words_.tail.value.store(kRing - 32 + RecordBytes(64));
  EXPECT_TRUE(ReaderBreaks());
}

// ---- A hostile reader.

TEST_F(RingTest, HeadsThatCannotBeBreakTheWriter) {
  for (const uint64_t head : {uint64_t{8}, uint64_t{kRing}, UINT64_MAX}) {
    Positions words;
    Positions peer;
    RingWriter writer(&words, ring_.data(), kRing, kEpoch);
    writer.Meet(&peer);
    const std::string block(kRing, 'x');
    const std::array<iovec, 1> parts = {{{const_cast<char*>(block.data()), block.size()}}};
    ASSERT_GT(writer.Write(parts).bytes, 0u);
    peer.head.value.store(head == kRing ? words.tail.value.load() + kRecordAlignment : head);
    EXPECT_TRUE(writer.Write(parts).broken) << head;
    EXPECT_TRUE(writer.Write(parts).broken) << head;
  }
}

TEST_F(RingTest, AHeadThatGoesBackBreaksTheWriter) {
  const std::string block(kRing, 'x');
  ASSERT_GT(Write(block).bytes, 0u);
  Read();
  ASSERT_GT(Write(block).bytes, 0u);
  reader_words_.head.value.store(0);
  EXPECT_TRUE(Write(block).broken);
}

TEST_F(RingTest, BytesThatChangeWhileTheyAreReadHarmNobody) {
#if defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the race is what this is about";
#endif
  std::atomic<bool> done{false};
  std::thread scribbler([&] {
    std::mt19937_64 random(3);
    while (!done.load()) {
      // As a peer's stores would look like: of any word, at any time.
      std::atomic_ref<uint64_t>(reinterpret_cast<uint64_t*>(ring_.data())[random() % (kRing / 8)])
          .store(random(), std::memory_order_relaxed);
      writer_words_.tail.value.store(random() % (2 * kRing) / 16 * 16);
    }
  });
  std::string sink(kRing, '\0');
  for (int i = 0; i < 2000; ++i) {
    Positions words;
    RingReader reader(&words, &writer_words_, ring_.data(), kRing, kEpoch);
    size_t bytes = 0;
    while (bytes <= kRing) {
      const Moved moved = reader.Read(sink.data(), sink.size());
      if (moved.broken || moved.bytes == 0) break;
      bytes += moved.bytes;
    }
    EXPECT_LE(bytes, kRing);
  }
  done.store(true);
  scribbler.join();
}

}  // namespace
}  // namespace routebench::transport::shm
