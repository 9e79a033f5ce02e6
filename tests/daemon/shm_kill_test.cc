// A process that shares memory with us is killed, by SIGKILL, before and after each of its stores there, in
// the middle of what it copies, and between the steps of its greeting. Whatever it had committed arrives,
// then the end of the stream; nothing stays behind.
//
// The two take turns, so that each run passes the same points in the same order: run n dies at the n-th,
// until one dies no more. The survivor is the channel that the daemon uses; the victim's ring is that of
// production, but for where its stores can be the last ones.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "daemon/transport/shm/channel.h"
#include "daemon/transport/shm/doorbell.h"
#include "daemon/transport/shm/greeting.h"
#include "daemon/transport/shm/ring.h"
#include "daemon/transport/shm/ring_impl.h"
#include "daemon/transport/shm/segment.h"
#include "gtest/gtest.h"
#include "tests/daemon/held.h"
#include "tests/support/patience.h"

namespace routebench::transport {
namespace {

using shm::File;
using Status = IoResult::Status;
using testing::Held;

constexpr size_t kRing = shm::kMinRingBytes;
constexpr size_t kStream = kRing + kRing / 2;
constexpr size_t kPiece = 300;  // that the survivor writes at once
constexpr int kPatienceMillis = static_cast<int>(testing::kPatience / std::chrono::milliseconds(1));

char ByteAt(size_t at) { return static_cast<char>(at * 31 >> 4); }
std::string Stream() {
  std::string stream(kStream, '\0');
  for (size_t i = 0; i < kStream; ++i) stream[i] = ByteAt(i);
  return stream;
}

std::pair<File, File> SocketPair() {
  std::array<int, 2> ends;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) abort();
  return {File(ends[0]), File(ends[1])};
}

bool Becomes(int descriptor, short events) {
  pollfd polled = {descriptor, events, 0};
  return poll(&polled, 1, kPatienceMillis) == 1;
}

// ---- The victim.

// Which point is the last, and what was true there. In memory of both processes.
struct Diary {
  std::atomic<uint64_t> points{0};
  std::atomic<uint64_t> committed{0};  // bytes of the stream
  std::atomic<uint64_t> words{0};      // that were stored to: bit n for the n-th of Positions
};

struct Fate {
  static inline Diary* diary = nullptr;
  static inline uint64_t last = 0;
  static void Point() {
    if (diary->points.fetch_add(1) == last) raise(SIGKILL);
  }
};

// Memory (ring.h) of a process that may die at any of its stores.
struct MortalMemory : shm::PlainMemory {
  static void Store(std::atomic<uint64_t>& word, uint64_t value) {
    Fate::Point();
    PlainMemory::Store(word, value);
    const auto offset = reinterpret_cast<const char*>(&word) - reinterpret_cast<const char*>(own);
    Fate::diary->words.fetch_or(uint64_t{1} << offset / sizeof(shm::Word));
    if (&word == &own->tail.value) Fate::diary->committed.store(put);
    Fate::Point();
  }
  // A header, then as many bytes as it says.
  static void Put(char* to, const void* from, size_t size) {
    if (payload == 0) {
      shm::RecordHeader header;
      std::memcpy(&header, from, sizeof header);
      payload = header.length;
    } else {
      payload -= size;
      put += size;
    }
    Fate::Point();
    PlainMemory::Put(to, from, size / 2);
    Fate::Point();
    PlainMemory::Put(to + size / 2, static_cast<const char*>(from) + size / 2, size - size / 2);
    Fate::Point();
  }

  static inline const shm::Positions* own = nullptr;
  static inline size_t payload = 0;  // that is still to come
  static inline uint64_t put = 0;    // bytes of payload, ever
};

// How a victim ends that is not killed.
enum Exit : int { kAllDone = 0, kNotGreeted = 2, kBroke = 3, kNotWoken = 4, kWrongBytes = 5 };

class Victim {
 public:
  Victim(File socket, File turns) : socket_(std::move(socket)), turns_(std::move(turns)) {}

  // Returns how it ends. `early`: writes before it is answered, as a dialler may.
  int Speak(bool early) {
    Greet();
    if (!early && !Meet()) return kNotGreeted;
    const std::string stream = Stream();
    size_t done = 0;
    for (const size_t most : {1, 1100, 40, 900, 17, 3000, 16, 5000, 700, 1, 5000}) {
      for (size_t end = std::min(kStream, done + most); done < end;) {
        const std::array<iovec, 1> parts = {{{const_cast<char*>(stream.data()) + done, end - done}}};
        const shm::Moved moved = writer_->Write(parts);
        if (moved.ring) shm::Ring(socket_.get());
        if (moved.broken) return kBroke;
        done += moved.bytes;
        if (early && done > 2000) {
          if (!Meet()) return kNotGreeted;
          early = false;
        }
        if (moved.bytes > 0 || writer_->AskForRoom()) continue;
        if (!Rung(room_)) return kNotWoken;
      }
    }
    return done == kStream ? kAllDone : kWrongBytes;
  }

  int Listen() {
    Greet();
    if (!Meet()) return kNotGreeted;
    std::string bytes(700, '\0');
    size_t done = 0;
    for (size_t turn = 0; done < kStream; ++turn) {
      const shm::Moved moved = reader_->Read(bytes.data(), turn % 3 == 0   ? 7
                                                           : turn % 3 == 1 ? 600
                                                                           : bytes.size());
      if (moved.ring) shm::Ring(room_.get());
      if (moved.broken) return kBroke;
      for (size_t i = 0; i < moved.bytes; ++i) {
        if (bytes[i] != ByteAt(done + i)) return kWrongBytes;
      }
      done += moved.bytes;
      if (moved.bytes > 0 || reader_->AskForMore()) continue;
      if (!Rung(socket_)) return kNotWoken;
    }
    return kAllDone;
  }

 private:
  using Writer = shm::BasicRingWriter<MortalMemory>;
  using Reader = shm::BasicRingReader<MortalMemory>;
  static constexpr uint64_t kEpoch = 99;

  // As a channel that dials.
  void Greet() {
    Fate::Point();
    own_ = shm::MakeSegment(kRing).value();
    MortalMemory::own = own_.mapping->positions();
    auto [ours, theirs] = SocketPair();
    room_ = std::move(ours);
    Fate::Point();
    shm::SendHello(socket_.get(), {shm::kMagic, shm::LayoutHash(), kRing, kEpoch},
                   {own_.file.get(), theirs.get()});
    Fate::Point();
    writer_.emplace(own_.mapping->positions(), own_.mapping->ring(), kRing, kEpoch);
  }
  bool Meet() {
    YieldTurn();
    if (!Becomes(socket_.get(), POLLIN)) return false;
    shm::Greeting answer = shm::ReceiveHello(socket_.get(), 1);
    if (answer.status != shm::Greeting::Status::kDone) return false;
    Fate::Point();
    peer_ = shm::MapPeer(answer.files[0], kRing).value();
    writer_->Meet(peer_->positions());
    reader_.emplace(own_.mapping->positions(), peer_->positions(), peer_->ring(), kRing, answer.hello.epoch);
    Fate::Point();
    return true;
  }
  // The survivor does all that it can, then it is our turn again.
  void YieldTurn() {
    char byte = 0;
    if (write(turns_.get(), &byte, 1) != 1 || read(turns_.get(), &byte, 1) != 1) _exit(kNotWoken);
  }
  bool Rung(const File& bell) {
    Fate::Point();
    YieldTurn();
    std::array<char, 64> bytes;
    return Becomes(bell.get(), POLLIN) && recv(bell.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) > 0;
  }

  const File socket_;
  const File turns_;
  File room_;
  shm::OwnSegment own_;
  std::unique_ptr<shm::Mapping> peer_;
  std::optional<Writer> writer_;
  std::optional<Reader> reader_;
};

// ---- The survivor.

class Survivor {
 public:
  Survivor(File socket, std::string to_write)
      : channel_(AcceptShm(std::move(socket)).value()), to_write_(std::move(to_write)) {}

  // All that can be done before the victim does something.
  void Turn() {
    while (Read() == Status::kDone) {
    }
    while (!to_write_.empty()) {
      const size_t bytes = Write(std::string_view(to_write_).substr(0, kPiece));
      if (bytes == 0) break;
      to_write_.erase(0, bytes);
    }
  }
  // After the victim has died: what is there, then the end, each announced as it should be.
  void ReadToTheEnd() {
    do {
      ASSERT_TRUE(Becomes(channel_->readable().descriptor, channel_->readable().events)) << "it hangs";
    } while (Read() == Status::kDone || last_ == Status::kWouldBlock);
    ASSERT_EQ(last_, Status::kEnd);
    // A writer hears of it when there is no room left.
    const std::string lost(kPiece, 'x');
    for (size_t tries = 0; last_ != Status::kEnd || tries == 0; ++tries) {
      ASSERT_LT(tries, 4 * kRing / kPiece);
      ASSERT_TRUE(Becomes(channel_->writable().descriptor, channel_->writable().events)) << "it hangs";
      Write(lost);
      ASSERT_TRUE(last_ == Status::kDone || last_ == Status::kWouldBlock || last_ == Status::kEnd);
    }
  }
  const std::string& read() const { return read_; }

 private:
  Status Read() {
    std::array<char, 1000> bytes;
    const IoResult result = channel_->Read(bytes.data(), bytes.size());
    read_.append(bytes.data(), result.bytes);
    return last_ = result.status;
  }
  size_t Write(std::string_view bytes) {
    const std::array<iovec, 1> parts = {{{const_cast<char*>(bytes.data()), bytes.size()}}};
    const IoResult result = channel_->Write(parts);
    last_ = result.status;
    return result.bytes;
  }

  const std::unique_ptr<ByteChannel> channel_;
  std::string to_write_;
  std::string read_;
  Status last_ = Status::kDone;
};

enum Words : uint64_t { kTail = 1, kHead = 2, kReaderWake = 4, kWriterWake = 8 };

class ShmKillTest : public ::testing::Test {
 protected:
  ShmKillTest() {
    void* const page =
        mmap(nullptr, sizeof(Diary), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) abort();
    Fate::diary = new (page) Diary();
  }
  ~ShmKillTest() override { munmap(Fate::diary, sizeof(Diary)); }

  // One life. What the victim came to: the status of waitpid.
  template <typename Life>
  int RunOnce(uint64_t last_point, const std::string& to_write, const Life& life, std::string* read) {
    new (Fate::diary) Diary();
    Fate::last = last_point;
    auto [ours, theirs] = SocketPair();
    auto [our_turns, their_turns] = SocketPair();
    const pid_t victim = fork();
    if (victim == 0) {
      ours.Close();
      our_turns.Close();
      Victim it(std::move(theirs), std::move(their_turns));
      _exit(life(it));
    }
    theirs.Close();
    their_turns.Close();
    Survivor survivor(std::move(ours), to_write);
    char byte;
    while (::read(our_turns.get(), &byte, 1) == 1) {
      survivor.Turn();
      if (write(our_turns.get(), &byte, 1) != 1) break;
    }
    // Only then all its descriptors are closed.
    int status = 0;
    EXPECT_EQ(waitpid(victim, &status, 0), victim);
    survivor.ReadToTheEnd();
    *read = survivor.read();
    return status;
  }

  // At every point, until a life comes to its own end. `words`: all that it stores to.
  template <typename Life>
  void DieEverywhere(const std::string& to_write, uint64_t words, const Life& life) {
    const std::string stream = Stream();
    const Held before = Held::Now();
    for (uint64_t point = 0;; ++point) {
      SCOPED_TRACE(point);
      std::string read;
      const int status = RunOnce(point, to_write, life, &read);
      ASSERT_FALSE(HasFatalFailure());
      ASSERT_EQ(read.size(), Fate::diary->committed.load()) << "what was committed, and nothing else";
      ASSERT_EQ(stream.compare(0, read.size(), read), 0);
      ASSERT_EQ(Held::Now(), before);
      if (WIFEXITED(status)) {
        ASSERT_EQ(WEXITSTATUS(status), kAllDone);
        ASSERT_EQ(Fate::diary->points.load(), point) << "all points were tried";
        EXPECT_EQ(Fate::diary->words.load(), words) << "it stored to what it should";
        RecordProperty("points", static_cast<int>(point));
        return;
      }
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
      ASSERT_EQ(Fate::diary->points.load(), point + 1);
    }
  }
};

TEST_F(ShmKillTest, OfAWriterEverythingCommittedArrives) {
  DieEverywhere("", kTail | kWriterWake, [](Victim& victim) { return victim.Speak(false); });
}

TEST_F(ShmKillTest, AlsoWhatItWroteBeforeItWasAnswered) {
  DieEverywhere("", kTail | kWriterWake, [](Victim& victim) { return victim.Speak(true); });
}

TEST_F(ShmKillTest, OfAReaderItsWriterLearnsTheEnd) {
  DieEverywhere(Stream(), kHead | kReaderWake, [](Victim& victim) { return victim.Listen(); });
}

}  // namespace
}  // namespace routebench::transport
