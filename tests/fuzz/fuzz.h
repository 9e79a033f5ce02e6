// What the fuzz targets share. A target is one source file that defines LLVMFuzzerTestOneInput and asks
// Require of everything that must hold whatever the bytes are. It is linked twice: with libFuzzer
// (tests/fuzz/run.sh), and with replay.cc, which runs the files of its corpus as an ordinary test.
#ifndef ROUTEBENCH_TESTS_FUZZ_FUZZ_H_
#define ROUTEBENCH_TESTS_FUZZ_FUZZ_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

// Always returns 0: no input is too strange to be worth a place in the corpus.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace routebench::fuzz {

// Ends the program where an invariant does not hold: that is a finding.
inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// Takes an input apart from its front; what is no longer there is zero.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  template <typename T>
  T Number() {
    static_assert(std::is_integral_v<T>);
    T number = 0;
    const std::string_view bytes = Bytes(sizeof number);
    std::memcpy(&number, bytes.data(), bytes.size());
    return number;
  }
  uint8_t Byte() { return Number<uint8_t>(); }
  // At most `size` bytes.
  std::string_view Bytes(size_t size) {
    const std::string_view bytes = rest_.substr(0, std::min(size, rest_.size()));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::string_view Rest() { return Bytes(rest_.size()); }

 private:
  std::string_view rest_;
};

}  // namespace routebench::fuzz

#endif  // ROUTEBENCH_TESTS_FUZZ_FUZZ_H_
