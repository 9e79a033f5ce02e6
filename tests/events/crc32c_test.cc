#include <cstdint>
#include <string>

#include <boost/crc.hpp>

#include "events/codec.h"
#include "gtest/gtest.h"

namespace routebench {
namespace {

// RFC 3720, appendix B.4.
TEST(Crc32c, KnownVectors) {
  std::string ascending, descending;
  for (int i = 0; i < 32; ++i) {
    ascending.push_back(static_cast<char>(i));
    descending.push_back(static_cast<char>(31 - i));
  }
  EXPECT_EQ(Crc32c(""), 0u);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43u);
  EXPECT_EQ(Crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(Crc32c(descending), 0x113fdb5cu);
}

TEST(Crc32c, AgreesWithTheTableAtEveryLengthAndAlignment) {
  std::string data;
  for (uint32_t i = 0; i < 2'100; ++i) data.push_back(static_cast<char>((i * 2654435761u) >> 24));
  for (size_t length = 0; length <= 2'060; length += length < 80 ? 1 : 37) {
    for (size_t offset = 0; offset < 8; ++offset) {
      boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> expected;
      expected.process_bytes(data.data() + offset, length);
      ASSERT_EQ(Crc32c(std::string_view(data).substr(offset, length)), expected.checksum())
          << length << " bytes from offset " << offset;
    }
  }
}

}  // namespace
}  // namespace routebench
