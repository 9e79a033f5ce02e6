#include "daemon/transport/shm/segment.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U  // Linux 6.3
#endif

namespace routebench::transport::shm {
namespace {

absl::Status Cannot(const char* what, int error) {
  return absl::UnavailableError(absl::StrCat("shared memory: cannot ", what, ": ", strerror(error)));
}

File MakeMemory() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int sealed = memfd_create("routebench", kFlags | MFD_NOEXEC_SEAL);
  return File(sealed >= 0 || errno != EINVAL ? sealed : memfd_create("routebench", kFlags));
}

}  // namespace

File& File::operator=(File&& other) noexcept {
  if (this != &other) {
    Close();
    descriptor_ = other.Release();
  }
  return *this;
}

int File::Release() { return std::exchange(descriptor_, -1); }

void File::Close() {
  if (descriptor_ >= 0) close(std::exchange(descriptor_, -1));
}

Mapping::~Mapping() { munmap(start_, size_); }

absl::StatusOr<OwnSegment> MakeSegment(size_t ring_bytes) {
  const size_t size = kRingOffset + ring_bytes;
  OwnSegment segment;
  segment.file = MakeMemory();
  if (!segment.file) return Cannot("make a file in memory", errno);
  const int descriptor = segment.file.get();
  if (ftruncate(descriptor, static_cast<off_t>(size)) != 0) return Cannot("set its size", errno);
  if (fallocate(descriptor, 0, 0, static_cast<off_t>(size)) != 0) return Cannot("reserve its pages", errno);
  void* const start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (start == MAP_FAILED) return Cannot("map it", errno);
  segment.mapping = std::make_unique<Mapping>(start, size);
  if (fcntl(descriptor, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) != 0) {
    return Cannot("seal it", errno);
  }
  Positions* const positions = new (start) Positions();
  // The first record wakes the reader.
  positions->reader_wake.value.store(1);
  return segment;
}

absl::StatusOr<std::unique_ptr<Mapping>> MapPeer(const File& file, size_t ring_bytes) {
  const size_t size = kRingOffset + ring_bytes;
  struct stat info;
  if (fstat(file.get(), &info) != 0) return Cannot("look at the peer's", errno);
  if (!S_ISREG(info.st_mode) || info.st_size != static_cast<off_t>(size)) {
    return absl::InvalidArgumentError("shared memory: the peer's is not a file of the size that it says");
  }
  const int seals = fcntl(file.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
    return absl::InvalidArgumentError("shared memory: the peer could make its own smaller");
  }
  void* const start = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (start == MAP_FAILED) return Cannot("map the peer's", errno);
  return std::make_unique<Mapping>(start, size);
}

}  // namespace routebench::transport::shm
