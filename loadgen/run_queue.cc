#include "loadgen/run_queue.h"

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <cstring>

namespace routebench::loadgen {

RunQueueDelay::RunQueueDelay() : file_(open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}

// "time-on-cpu time-waiting switches", in nanoseconds.
Duration RunQueueDelay::Read() const {
  char text[96];
  const ssize_t size = pread(file_.get(), text, sizeof text, 0);
  if (size <= 0) return Duration::zero();
  const char* const end = text + size;
  const char* const blank = static_cast<const char*>(std::memchr(text, ' ', static_cast<size_t>(size)));
  int64_t waited = 0;
  if (blank == nullptr || std::from_chars(blank + 1, end, waited).ec != std::errc()) return Duration::zero();
  return Duration(waited);
}

}  // namespace routebench::loadgen
