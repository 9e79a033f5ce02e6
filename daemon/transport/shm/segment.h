// A segment of shared memory: ours, or the peer's.
#ifndef ROUTEBENCH_DAEMON_TRANSPORT_SHM_SEGMENT_H_
#define ROUTEBENCH_DAEMON_TRANSPORT_SHM_SEGMENT_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "daemon/transport/shm/layout.h"

namespace routebench::transport::shm {

// Owns a descriptor.
class File {
 public:
  File() = default;
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() { Close(); }
  File(File&& other) noexcept : descriptor_(other.Release()) {}
  File& operator=(File&& other) noexcept;
  int get() const { return descriptor_; }
  explicit operator bool() const { return descriptor_ >= 0; }
  int Release();
  void Close();

 private:
  int descriptor_ = -1;
};

// Owns a mapping.
class Mapping {
 public:
  Mapping(void* start, size_t size) : start_(start), size_(size) {}
  ~Mapping();
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  Positions* positions() const { return static_cast<Positions*>(start_); }
  char* ring() const { return static_cast<char*>(start_) + kRingOffset; }

 private:
  void* const start_;
  const size_t size_;
};

struct OwnSegment {
  std::unique_ptr<Mapping> mapping;
  File file;  // for the peer; not needed any longer once it has been sent
};

// New memory that nobody else can write, nor make smaller: sealed after it was mapped, its pages reserved.
// Unavailable: the kernel cannot, or has no memory.
absl::StatusOr<OwnSegment> MakeSegment(size_t ring_bytes);

// Maps the peer's segment for reading. InvalidArgument: it is not a regular file of exactly the size of such
// a ring, or could become smaller.
absl::StatusOr<std::unique_ptr<Mapping>> MapPeer(const File& file, size_t ring_bytes);

}  // namespace routebench::transport::shm

#endif  // ROUTEBENCH_DAEMON_TRANSPORT_SHM_SEGMENT_H_
