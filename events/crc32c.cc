#include <cstring>

#include <boost/crc.hpp>

#include "events/codec.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace routebench {
namespace {

uint32_t Crc32cByTable(std::string_view data) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(data.data(), data.size());
  return crc.checksum();
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t Crc32cBySse42(std::string_view data) {
  const char* in = data.data();
  size_t left = data.size();
  uint64_t crc = 0xFFFFFFFF;
  for (; left >= sizeof(uint64_t); in += sizeof(uint64_t), left -= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, in, sizeof word);
    crc = _mm_crc32_u64(crc, word);
  }
  for (; left > 0; ++in, --left) {
    crc = _mm_crc32_u8(static_cast<uint32_t>(crc), static_cast<unsigned char>(*in));
  }
  return ~static_cast<uint32_t>(crc);
}
#endif

}  // namespace

uint32_t Crc32c(std::string_view data) {
#if defined(__x86_64__)
  static const bool has_sse42 = __builtin_cpu_supports("sse4.2");
  if (has_sse42) return Crc32cBySse42(data);
#endif
  return Crc32cByTable(data);
}

}  // namespace routebench
