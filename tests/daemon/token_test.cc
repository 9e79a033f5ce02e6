#include "daemon/wire/token.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/daemon/private_directory.h"

namespace routebench::wire {
namespace {

class TokenTest : public ::testing::Test {
 protected:
  std::string path() const { return (directory_.path() / "token").string(); }
  std::string Write(const std::string& bytes, mode_t mode = 0600) const {
    std::ofstream(path()) << bytes;
    chmod(path().c_str(), mode);
    return path();
  }
  absl::StatusCode CodeOf(const std::string& bytes, mode_t mode = 0600) const {
    return ReadTokenFile(Write(bytes, mode)).status().code();
  }

  testing::PrivateDirectory directory_;
};

TEST_F(TokenTest, IsWhatTheFileHolds) {
  const std::string bytes("\0 sixteen \xff bytes", 17);
  EXPECT_EQ(*ReadTokenFile(Write(bytes)), bytes);
  EXPECT_EQ(*ReadTokenFile(Write(bytes, 0400)), bytes);
}

TEST_F(TokenTest, ANewlineAtItsEndIsTheEditors) {
  EXPECT_EQ(*ReadTokenFile(Write("0123456789abcdef\n")), "0123456789abcdef");
  EXPECT_EQ(*ReadTokenFile(Write("0123456789abcdef\n\n")), "0123456789abcdef\n");
}

TEST_F(TokenTest, IsNeitherShortNorLong) {
  EXPECT_EQ(CodeOf(""), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(std::string(15, 'x') + "\n"), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(std::string(16, 'x')), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(std::string(256, 'x') + "\n"), absl::StatusCode::kOk);
  EXPECT_EQ(CodeOf(std::string(257, 'x')), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(CodeOf(std::string(100'000, 'x')), absl::StatusCode::kFailedPrecondition);
}

TEST_F(TokenTest, IsOursAlone) {
  for (const mode_t mode : {0640, 0604, 0620, 0660, 0777}) {
    EXPECT_EQ(CodeOf(std::string(16, 'x'), mode), absl::StatusCode::kPermissionDenied) << mode;
  }
  if (geteuid() != 0) GTEST_SKIP() << "only root can make a file of another user";
  Write(std::string(16, 'x'));
  ASSERT_EQ(chown(path().c_str(), 65534, 65534), 0);
  EXPECT_EQ(ReadTokenFile(path()).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(TokenTest, IsAFile) {
  EXPECT_EQ(ReadTokenFile(path()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadTokenFile(directory_.path().string()).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(ReadTokenFile(path()).status().code(), absl::StatusCode::kFailedPrecondition);
  std::filesystem::remove(path());
  ASSERT_EQ(symlink("/dev/urandom", path().c_str()), 0);
  EXPECT_FALSE(ReadTokenFile(path()).ok());
}

TEST_F(TokenTest, NeverNamesTheSecret) {
  const std::string secret = "short secret";
  EXPECT_THAT(std::string(ReadTokenFile(Write(secret)).status().message()),
              ::testing::Not(::testing::HasSubstr(secret)));
}

TEST(SameToken, DiffersByAnyByte) {
  const std::string token = "0123456789abcdef";
  EXPECT_TRUE(SameToken(token, token));
  EXPECT_FALSE(SameToken("", token));
  EXPECT_FALSE(SameToken(token.substr(1), token));
  EXPECT_FALSE(SameToken(token.substr(0, 15), token));
  EXPECT_FALSE(SameToken(token + "0", token));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = static_cast<char>(other[i] ^ 0x80);
    EXPECT_FALSE(SameToken(other, token)) << i;
  }
}

}  // namespace
}  // namespace routebench::wire
