// The two ends of a ring in shared memory whose other side does what the input says: stores any word, any
// record, any byte, at any time, or writes in order for a while. What an end yields, publishes and touches
// stays within what was written and what the ring holds; a broken end stays broken.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/transport/shm/ring.h"
#include "tests/fuzz/fuzz.h"

namespace routebench::transport::shm {
namespace {

using fuzz::Input;
using fuzz::Require;

constexpr size_t kRing = kMinRingBytes;
constexpr uint64_t kEpoch = 7;
// A position of the ring that need not be one, close to where things happen.
uint64_t Position(Input& input, uint64_t near) {
  const uint8_t how = input.Byte();
  if (how % 4 == 0) return input.Number<uint64_t>();
  return near + (how % 4 == 3 ? 1 : kRecordAlignment) * uint64_t{input.Number<uint16_t>()} - how / 4 * kRing;
}

// A reader, and a peer that writes what it likes: the exact memory of a segment, so that a sanitizer sees who
// leaves it.
class HostileWriter {
 public:
  HostileWriter() { writer_.Meet(&own_); }

  void Step(Input& input) {
    switch (input.Byte() % 8) {
      case 0:
        in_order_ = false;
        Store(Position(input, peer_.tail.value.load()));
        break;
      case 1:
        PutHeader(input);
        break;
      case 2:
        PutBytes(input);
        break;
      case 3:
        peer_.writer_wake.value.store(Position(input, own_.head.value.load()));
        break;
      case 4:
      case 5:
        WriteInOrder(input);
        break;
      case 6:
        Ask();
        break;
      default:
        Read(1 + input.Number<uint16_t>() % (2 * kRing));
    }
  }
  void Finish() {
    for (int i = 0; i < 3; ++i) Read(2 * kRing);
    Require(!in_order_ || (read_ == written_ && !broken_),
            "a writer that keeps the rules is heard to the end");
  }

 private:
  void Store(uint64_t tail) {
    peer_.tail.value.store(tail);
    most_ = std::max(most_, tail);
  }
  void PutHeader(Input& input) {
    in_order_ = false;
    const uint8_t how = input.Byte();
    const uint64_t sequence = how % 2 == 0 ? input.Number<uint64_t>() : input.Byte();
    const uint32_t length = how / 2 % 2 == 0 ? input.Number<uint32_t>() : input.Number<uint16_t>() % 2048;
    const uint32_t check = how / 4 % 4 == 0 ? input.Number<uint32_t>() : CheckOf(length, sequence, kEpoch);
    const RecordHeader header = {length, check, sequence};
    const size_t at = Position(input, own_.head.value.load()) % kRing / kRecordAlignment * kRecordAlignment;
    std::memcpy(ring_.get() + at, &header, sizeof header);
  }
  void PutBytes(Input& input) {
    in_order_ = false;
    const size_t at = input.Number<uint16_t>() % kRing;
    const std::string_view bytes = input.Bytes(std::min<size_t>(input.Byte(), kRing - at));
    std::memcpy(ring_.get() + at, bytes.data(), bytes.size());
  }
  // As our own writer does, as long as nothing else was done.
  void WriteInOrder(Input& input) {
    if (!in_order_) return;
    std::string bytes(1 + input.Number<uint16_t>() % kRing, input.Byte());
    const std::array<iovec, 1> parts = {{{bytes.data(), bytes.size()}}};
    const Moved moved = writer_.Write(parts);
    Require(!moved.broken, "an honest reader does not break its writer");
    written_.append(bytes, 0, moved.bytes);
    most_ = std::max(most_, peer_.tail.value.load());
  }
  void Ask() {
    const bool more = reader_.AskForMore();
    Require(!broken_ || more, "a broken reader does not sleep");
  }
  void Read(size_t size) {
    const uint64_t before = own_.head.value.load();
    const std::unique_ptr<char[]> out(new char[size]);
    const Moved moved = reader_.Read(out.get(), size);
    Require(moved.bytes <= size, "no more is read than there is room for");
    Require(!broken_ || (moved.broken && moved.bytes == 0 && !moved.ring), "a broken reader stays broken");
    broken_ = broken_ || moved.broken;
    const uint64_t head = own_.head.value.load();
    Require(head >= before && head % kRecordAlignment == 0 && head - before <= kRing,
            "a head moves on, in records");
    Require(head <= most_, "nothing is consumed that was not written");
    total_ += moved.bytes;
    Require(total_ <= most_, "no more is read than was written");
    if (in_order_) {
      read_.append(out.get(), moved.bytes);
      Require(written_.compare(0, read_.size(), read_) == 0, "what is read is what was written");
    }
  }

  const std::unique_ptr<char[]> ring_ = std::make_unique<char[]>(kRing);
  Positions own_;
  Positions peer_;
  RingWriter writer_{&peer_, ring_.get(), kRing, kEpoch};
  RingReader reader_{&own_, &peer_, ring_.get(), kRing, kEpoch};
  bool in_order_ = true;
  bool broken_ = false;
  uint64_t most_ = 0;  // the furthest tail
  uint64_t total_ = 0;
  std::string written_;
  std::string read_;
};

// A writer, and a peer that publishes whatever heads it likes.
class HostileReader {
 public:
  HostileReader() { writer_.Meet(&peer_); }

  void Step(Input& input) {
    switch (input.Byte() % 4) {
      case 0:
        peer_.head.value.store(Position(input, peer_.head.value.load()));
        most_ = std::max(most_, peer_.head.value.load());
        break;
      case 1:
        peer_.reader_wake.value.store(Position(input, own_.tail.value.load()));
        break;
      case 2: {
        const bool room = writer_.AskForRoom();
        Require(!broken_ || room, "a broken writer does not sleep");
        break;
      }
      default:
        Write(1 + input.Number<uint16_t>() % (2 * kRing));
    }
  }

 private:
  void Write(size_t size) {
    const std::string bytes(size, 'x');
    const std::array<iovec, 2> parts = {{{const_cast<char*>(bytes.data()), size / 3},
                                         {const_cast<char*>(bytes.data()) + size / 3, size - size / 3}}};
    const uint64_t before = own_.tail.value.load();
    const Moved moved = writer_.Write(parts);
    const uint64_t tail = own_.tail.value.load();
    Require(moved.bytes <= size, "no more is written than was given");
    Require(!broken_ || (moved.broken && moved.bytes == 0), "a broken writer stays broken");
    broken_ = broken_ || moved.broken;
    Require(tail >= before && tail % kRecordAlignment == 0 && tail - before <= kRing,
            "a tail moves on, in records");
    Require(tail <= kRing || tail - kRing <= most_, "nothing is overwritten that was not read");
  }

  const std::unique_ptr<char[]> ring_ = std::make_unique<char[]>(kRing);
  Positions own_;
  Positions peer_;
  RingWriter writer_{&own_, ring_.get(), kRing, kEpoch};
  bool broken_ = false;
  uint64_t most_ = 0;  // the furthest head
};

}  // namespace
}  // namespace routebench::transport::shm

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace routebench::transport::shm;
  routebench::fuzz::Input input(data, size);
  if (input.Byte() % 4 != 0) {
    HostileWriter peer;
    while (!input.empty()) peer.Step(input);
    peer.Finish();
  } else {
    HostileReader peer;
    while (!input.empty()) peer.Step(input);
  }
  return 0;
}
