// Frames on a byte channel: a length of four bytes, little endian, and that many bytes.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_FRAME_BUFFER_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_FRAME_BUFFER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "daemon/transport/block_pool.h"
#include "daemon/transport/channel.h"

namespace routebench::transport {

inline constexpr size_t kLengthBytes = sizeof(uint32_t);

// What has been read and is not parsed yet: one read, then all the frames in it. Not thread-safe.
//
// A length is checked against the limit before anything grows, and the buffer grows only as bytes really
// arrive (by doubling): a peer cannot make it large by announcing a large frame.
class FrameReader {
 public:
  static constexpr size_t kReadBytes = size_t{256} << 10;

  // `max_frame`: of the bytes after the length. A change is for the frames that Next has not looked at.
  explicit FrameReader(size_t max_frame, size_t read_bytes = kReadBytes);
  // Reads into blocks of `blocks`, which outlives it, and holds none while it has nothing: then frames are
  // valid only until Next has answered that there are no more.
  FrameReader(size_t max_frame, BlockPool& blocks);
  ~FrameReader();
  FrameReader(const FrameReader&) = delete;
  FrameReader& operator=(const FrameReader&) = delete;

  void set_max_frame(size_t max_frame) { max_frame_ = max_frame; }

  // One read. Frames handed out before are invalid afterwards.
  IoResult Fill(ByteChannel& channel);

  enum class Result : uint8_t { kFrame, kIncomplete, kTooLong };
  // The next whole frame, without its length; valid until Fill. After kTooLong the stream cannot be followed
  // any more.
  Result Next(std::string_view* frame);

  // Bytes of a frame that is not complete yet.
  size_t buffered() const { return end_ - begin_; }

 private:
  void MakeRoom();
  void GiveBack();

  size_t max_frame_;
  BlockPool* const blocks_;  // null: it has its own
  const size_t read_bytes_;
  size_t capacity_;
  std::unique_ptr<char[]> bytes_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Frames that wait to be written. Not thread-safe. Small frames are copied together into blocks, which are
// reused; the tail of a large one is referred to.
class FrameWriter {
 public:
  static constexpr size_t kBlockBytes = size_t{64} << 10;
  // From here on a tail is worth a reference instead of a copy.
  static constexpr size_t kReferenceBytes = size_t{16} << 10;
  using Release = absl::AnyInvocable<void()>;

  FrameWriter() = default;
  // Takes blocks from `blocks`, of kBlockBytes, and gives back what is written; it outlives the writer.
  explicit FrameWriter(BlockPool& blocks) : blocks_(&blocks) {}
  ~FrameWriter();
  FrameWriter(FrameWriter&& other) noexcept;
  FrameWriter& operator=(FrameWriter&& other) noexcept;

  // A frame of `size` bytes, for the caller to fill before the next call here.
  char* Append(size_t size);
  // A frame of `head` bytes for the caller to fill, followed by `tail`, which stays where it is until
  // `release` is called: once, when it has been written or dropped.
  char* AppendWithTail(size_t head, std::string_view tail, Release release);

  // Gathered writes until nothing is left (kDone), or the channel takes no more.
  IoResult Flush(ByteChannel& channel);

  bool empty() const { return pending_ == 0; }
  size_t pending() const { return pending_; }    // bytes
  uint64_t written() const { return written_; }  // bytes, ever
  void Swap(FrameWriter& other) noexcept;        // all of it, `written` excepted
  void Clear();                                  // drops what waits

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t capacity = 0;
  };
  struct Segment {
    Block block;  // empty for a reference
    const char* data = nullptr;
    size_t size = 0;  // not yet written
    size_t used = 0;  // of the block
    Release release;
  };

  char* Reserve(size_t size);
  void Advance(size_t bytes);
  void Retire(Segment& segment);

  std::vector<Segment> segments_;
  size_t first_ = 0;  // of the segments, the first that is not yet written
  std::vector<Block> spare_;
  BlockPool* blocks_ = nullptr;  // null: it keeps its own spare ones
  size_t pending_ = 0;
  uint64_t written_ = 0;
};

}  // namespace routebench::transport

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_FRAME_BUFFER_H_
