// The limit of a daemon over Unix sockets: length-prefixed frames from one process through a relay process to
// another, 256 KiB reads, one write per read, no semantics. Yardstick of the daemon's benchmark, not used by
// any backend.
#ifndef ROUTEBENCH_TESTS_BENCH_LIMITS_RELAY_H_
#define ROUTEBENCH_TESTS_BENCH_LIMITS_RELAY_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace routebench::bench {

// A blocking socket that sends and receives frames of {uint32 length, body}. Owns its descriptor. Any failure
// of the peer or the kernel ends the process: a yardstick that limps measures nothing.
class FrameSocket {
 public:
  explicit FrameSocket(int descriptor);
  ~FrameSocket();
  FrameSocket(const FrameSocket&) = delete;
  FrameSocket& operator=(const FrameSocket&) = delete;

  // Appends a frame; sends everything once 64 KiB have gathered.
  void Append(const char* body, size_t size);
  void Flush();
  // The next frame's body, valid until the next call; blocks. Empty at the end of the stream.
  std::vector<char>::const_iterator Next(size_t* size);

 private:
  int descriptor_;
  std::vector<char> out_;
  std::vector<char> in_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

// Copies whole reads from each of the two descriptors to the other until one of them ends. Parses the frames'
// lengths on the way, as any daemon must.
void RunRelay(int left, int right);

}  // namespace routebench::bench

#endif  // ROUTEBENCH_TESTS_BENCH_LIMITS_RELAY_H_
