#include "daemon/wire/token.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_format.h"

namespace routebench::wire {

absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  // Not to hang on a named pipe.
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  if (file < 0) {
    const std::string text =
        absl::StrFormat("cannot open the token file \"%s\": %s", path, std::strerror(errno));
    return errno == ENOENT ? absl::NotFoundError(text) : absl::InternalError(text);
  }
  const absl::Cleanup close_file = [&] { close(file); };
  struct stat info;
  if (fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(absl::StrFormat("the token file %s is not a regular file", path));
  }
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        absl::StrFormat("the token file %s belongs to user %u, not to us", path, info.st_uid));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::PermissionDeniedError(absl::StrFormat(
        "the token file %s is open to other users (mode %04o, not 0600)", path, info.st_mode & 07777));
  }
  std::array<char, kMaxTokenBytes + 2> bytes;  // a newline, and one that is too many
  const ssize_t size = read(file, bytes.data(), bytes.size());
  if (size < 0) {
    return absl::InternalError(absl::StrFormat("cannot read %s: %s", path, std::strerror(errno)));
  }
  std::string token(bytes.data(), static_cast<size_t>(size));
  if (!token.empty() && token.back() == '\n') token.pop_back();
  if (token.size() < kMinTokenBytes || token.size() > kMaxTokenBytes) {
    return absl::FailedPreconditionError(
        absl::StrFormat("a token has %u to %u bytes; that in %s has %s%u", kMinTokenBytes, kMaxTokenBytes,
                        path, token.size() > kMaxTokenBytes ? "more than " : "",
                        token.size() > kMaxTokenBytes ? kMaxTokenBytes : token.size()));
  }
  return token;
}

bool SameToken(std::string_view given, std::string_view expected) {
  // Its length is no secret.
  if (given.size() != expected.size()) return false;
  volatile unsigned char difference = 0;
  for (size_t i = 0; i < given.size(); ++i) {
    difference = static_cast<unsigned char>(difference | (given[i] ^ expected[i]));
  }
  return difference == 0;
}

}  // namespace routebench::wire
