// The two ends of a ring in shared memory: what goes in comes out, who sleeps is woken, and a peer that
// breaks the rules is found out.
#include "daemon/transport/shm/ring.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "daemon/transport/shm/ring_impl.h"
#include "gtest/gtest.h"
#include "tests/support/patience.h"

namespace routebench::transport::shm {
namespace {

using ::routebench::testing::kPatience;

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

// Each side sleeps only when it was told that nothing is there for it, does nothing until it is rung, and is
// rung exactly once: by the very call that brings what it waits for.
TEST_F(RingTest, InAnyOrderWhoSleepsIsRungOnceAndNobodyElseIs) {
  std::mt19937_64 random(2);
  bool reader_sleeps = true;  // from the beginning
  bool writer_sleeps = false;
  size_t under_way = 0;
  int rings = 0;
  const auto taken = [&] { return writer_words_.tail.value.load() - reader_words_.head.value.load(); };
  for (int step = 0; step < 200'000; ++step) {
    ASSERT_FALSE(reader_sleeps && writer_sleeps) << "for ever";
    const bool reads = writer_sleeps || (!reader_sleeps && random() % 2 == 0);
    if (reads && under_way == 0 && random() % 2 == 0) {
      ASSERT_FALSE(reader_.AskForMore());
      reader_sleeps = true;
    } else if (reads) {
      std::string bytes(1 + random() % 1500, '\0');
      const Moved moved = reader_.Read(bytes.data(), bytes.size());
      under_way -= moved.bytes;
      ASSERT_EQ(moved.ring, writer_sleeps && taken() <= kRing / 2);
      rings += moved.ring ? 1 : 0;
      writer_sleeps = writer_sleeps && !moved.ring;
    } else {
      const Moved moved = Write(std::string(1 + random() % (random() % 4 == 0 ? 5000 : 100), 'x'));
      under_way += moved.bytes;
      ASSERT_EQ(moved.ring, reader_sleeps && moved.bytes > 0);
      rings += moved.ring ? 1 : 0;
      reader_sleeps = reader_sleeps && !moved.ring;
      if (moved.bytes == 0) writer_sleeps = !writer_.AskForRoom();
      ASSERT_TRUE(!writer_sleeps || taken() > kRing / 2);
    }
  }
  EXPECT_GT(rings, 10'000);
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

TEST_F(RingTest, AHeadBeyondWhatWasCommittedBreaksTheWriter) {
  reader_words_.head.value.store(1024);  // before anything was
  EXPECT_TRUE(Write(std::string(2 * kRing, 'x')).broken);
}

// ---- A hostile thread. What it does to the other side's memory is a race on purpose: TSan is told by making
// both sides of it atomic, byte by byte; everything else it checks as it is.
#if defined(__SANITIZE_THREAD__)
struct RacyMemory : PlainMemory {
  static void Get(void* to, const char* from, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      static_cast<char*>(to)[i] =
          std::atomic_ref<char>(const_cast<char*>(from)[i]).load(std::memory_order_relaxed);
    }
  }
};
#else
using RacyMemory = PlainMemory;
#endif

class HostileThreadTest : public RingTest {
 protected:
  // Scribbles over everything that `peer` and the ring hold until the test ends: now what would be right, now
  // anything.
  void Scribble(Positions& peer) {
    scribbler_ = std::thread([this, &peer] {
      constexpr uint32_t kLength = 48;
      constexpr size_t kRecords = kRing / RecordBytes(kLength);
      std::mt19937_64 random(3);
      for (; !done_.load(); scribbles_.fetch_add(1)) {
        const bool right = random() % 64 != 0;
        const uint64_t record = random() % kRecords;
        const uint64_t position = right ? record * RecordBytes(kLength) : random();
        Word* const words[] = {&peer.tail, &peer.head, &peer.reader_wake, &peer.writer_wake};
        words[random() % 4]->value.store(position);
        PutRacy(record * RecordBytes(kLength),
                right ? HeaderOf(kLength, record + 1)
                      : HeaderOf(static_cast<uint32_t>(random() % kRing), random() % 99));
        ring_byte(random() % kRing).store(static_cast<char>(random()), std::memory_order_relaxed);
      }
    });
  }
  // Until everything has happened often enough to mean something.
  bool GoesOn(size_t broken, size_t bytes) const {
    return (scribbles_.load() < 100'000 || broken < 100 || bytes < 100 * kRing) &&
           std::chrono::steady_clock::now() < deadline_;
  }
  std::atomic_ref<char> ring_byte(size_t at) { return std::atomic_ref<char>(ring_[at]); }
  void PutRacy(size_t at, const RecordHeader& header) {
    std::array<char, sizeof header> bytes;
    std::memcpy(bytes.data(), &header, sizeof header);
    for (size_t i = 0; i < bytes.size(); ++i) ring_byte(at + i).store(bytes[i], std::memory_order_relaxed);
  }
  void TearDown() override {
    done_.store(true);
    scribbler_.join();
  }

  const std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::now() + kPatience;
  std::atomic<bool> done_{false};
  std::atomic<uint64_t> scribbles_{0};
  std::thread scribbler_;
};

TEST_F(HostileThreadTest, AReaderReadsWithinItsLimitsOrBreaks) {
  Positions own;
  Scribble(writer_words_);
  size_t broken = 0;
  size_t bytes = 0;
  std::string sink(kRing + 16, '\x5a');
  while (GoesOn(broken, bytes)) {
    own.head.value.store(0);
    BasicRingReader<RacyMemory> reader(&own, &writer_words_, ring_.data(), kRing, kEpoch);
    for (int round = 0; round < 8; ++round) {
      const Moved moved = reader.Read(sink.data(), kRing);
      ASSERT_LE(moved.bytes, kRing);
      ASSERT_EQ(sink.compare(kRing, 16, std::string(16, '\x5a')), 0);
      ASSERT_EQ(own.head.value.load() % kRecordAlignment, 0u);
      bytes += moved.bytes;
      if (moved.broken) {
        ++broken;
        break;
      }
      reader.AskForMore();
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now(), deadline_) << "broken " << broken << ", read " << bytes;
}

TEST_F(HostileThreadTest, AWriterStaysInItsRingOrBreaks) {
  Positions own;
  // Its ring is its own; only words can be scribbled over.
  std::vector<char> ring(kRing + 16, '\x5a');
  Scribble(reader_words_);
  const std::string block(3000, 'x');
  size_t broken = 0;
  size_t bytes = 0;
  while (GoesOn(broken, bytes)) {
    RingWriter writer(&own, ring.data(), kRing, kEpoch);
    own.tail.value.store(0);
    writer.Meet(&reader_words_);
    for (int round = 0; round < 8; ++round) {
      const std::array<iovec, 1> parts = {{{const_cast<char*>(block.data()), block.size()}}};
      const Moved moved = writer.Write(parts);
      ASSERT_LE(moved.bytes, block.size());
      bytes += moved.bytes;
      if (moved.broken) {
        ++broken;
        break;
      }
      writer.AskForRoom();
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now(), deadline_) << "broken " << broken << ", wrote " << bytes;
  EXPECT_EQ(std::string_view(ring.data() + kRing, 16), std::string(16, '\x5a'));
}

}  // namespace
}  // namespace routebench::transport::shm
