#include <array>
#include <cstring>

#include <boost/crc.hpp>

#include "events/codec.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace routebench {
namespace {

constexpr uint32_t kPolynomial = 0x1EDC6F41;

uint32_t Crc32cByTable(std::string_view data) {
  boost::crc_optimal<32, kPolynomial, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(data.data(), data.size());
  return crc.checksum();
}

#if defined(__x86_64__)

// The instruction can start every cycle but takes three: three parts of the data are summed side by side. A
// sum moves past the bytes of the part after it by multiplying it by a power of x, which is linear in its
// bits: four look-ups, as in A. Kadatch, B. Jenkins, "Everything we know about CRC but afraid to forget"
// (2010).
constexpr size_t kPart = 168;  // three of them: nearly all of 512 bytes

constexpr uint32_t kReversedPolynomial = 0x82F63B78;

constexpr uint32_t AfterZeroByte(uint32_t crc) {
  for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kReversedPolynomial : 0);
  return crc;
}

using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;

// Where a sum gets to after kPart bytes of zero: the images of the single bits, and their sums.
constexpr ShiftTable MakeShiftTable() {
  std::array<uint32_t, 32> image{};
  for (size_t bit = 0; bit < 32; ++bit) {
    uint32_t crc = uint32_t{1} << bit;
    for (size_t i = 0; i < kPart; ++i) crc = AfterZeroByte(crc);
    image[bit] = crc;
  }
  ShiftTable table{};
  for (size_t byte = 0; byte < 4; ++byte) {
    for (size_t value = 1; value < 256; ++value) {
      const size_t lowest = static_cast<size_t>(__builtin_ctz(static_cast<unsigned>(value)));
      table[byte][value] = table[byte][value & (value - 1)] ^ image[8 * byte + lowest];
    }
  }
  return table;
}
constexpr ShiftTable kShift = MakeShiftTable();

uint64_t PastOnePart(uint64_t crc) {
  return kShift[0][crc & 0xFF] ^ kShift[1][crc >> 8 & 0xFF] ^ kShift[2][crc >> 16 & 0xFF] ^
         kShift[3][crc >> 24 & 0xFF];
}

uint64_t WordAt(const char* in) {
  uint64_t word;
  std::memcpy(&word, in, sizeof word);
  return word;
}

__attribute__((target("sse4.2"))) uint32_t Crc32cBySse42(std::string_view data) {
  const char* in = data.data();
  size_t left = data.size();
  uint64_t crc = 0xFFFFFFFF;
  for (; left >= 3 * kPart; in += 3 * kPart, left -= 3 * kPart) {
    uint64_t second = 0;
    uint64_t third = 0;
    for (size_t i = 0; i < kPart; i += sizeof(uint64_t)) {
      crc = _mm_crc32_u64(crc, WordAt(in + i));
      second = _mm_crc32_u64(second, WordAt(in + kPart + i));
      third = _mm_crc32_u64(third, WordAt(in + 2 * kPart + i));
    }
    crc = PastOnePart(PastOnePart(crc) ^ second) ^ third;
  }
  for (; left >= sizeof(uint64_t); in += sizeof(uint64_t), left -= sizeof(uint64_t)) {
    crc = _mm_crc32_u64(crc, WordAt(in));
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
