#include "daemon/server/name_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/server/crash_point.h"
#include "events/codec.h"

namespace routebench::daemon {
namespace {

constexpr char kFile[] = "names";
constexpr char kNewFile[] = "names.new";
constexpr char kLock[] = "lock";

struct FileHeader {
  char magic[8] = {'r', 'b', 'n', 'a', 'm', 'e', 's', '\n'};
  uint32_t version = NameStore::kVersion;
  uint32_t size = 0;
  uint32_t crc32c = 0;
};
static_assert(sizeof(FileHeader) == 20);

absl::Status SystemError(const char* what, const std::string& path) {
  return absl::InternalError(absl::StrCat(what, " ", path, ": ", std::strerror(errno)));
}

absl::Status CheckDirectory(int descriptor, const std::string& path) {
  struct stat info;
  if (fstat(descriptor, &info) != 0) return SystemError("cannot look at", path);
  if (info.st_uid != geteuid()) {
    return absl::PermissionDeniedError(
        absl::StrFormat("the state directory %s belongs to user %u, not to us", path, info.st_uid));
  }
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        absl::StrFormat("the state directory %s is open to other users (mode %04o); it needs mode 0700", path,
                        info.st_mode & 07777));
  }
  return absl::OkStatus();
}

bool WriteAll(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

bool ReadAll(int descriptor, std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got = read(descriptor, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  bytes.resize(done);
  return true;
}

}  // namespace

NameStore::NameStore(std::string directory, int descriptor, int lock)
    : directory_(std::move(directory)), descriptor_(descriptor), lock_(lock) {}

NameStore::~NameStore() {
  close(lock_);
  close(descriptor_);
}

absl::StatusOr<std::unique_ptr<NameStore>> NameStore::Open(const std::string& directory) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return SystemError("cannot create the state directory", directory);
  }
  const int descriptor = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return SystemError("cannot open the state directory", directory);
  absl::Cleanup close_directory = [&] { close(descriptor); };
  if (absl::Status status = CheckDirectory(descriptor, directory); !status.ok()) return status;
  const int lock = openat(descriptor, kLock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (lock < 0) return SystemError("cannot open the lock of the state directory", directory);
  absl::Cleanup close_lock = [&] { close(lock); };
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SystemError("cannot lock the state directory", directory);
    return absl::AlreadyExistsError(
        absl::StrCat("a daemon uses the state directory ", directory, " already"));
  }
  std::move(close_lock).Cancel();
  std::move(close_directory).Cancel();
  std::unique_ptr<NameStore> store(new NameStore(directory, descriptor, lock));
  if (absl::Status status = store->Load(); !status.ok()) return status;
  return store;
}

absl::Status NameStore::Load() {
  unlinkat(descriptor_, kNewFile, 0);  // what a killed daemon had not finished
  const std::string path = absl::StrCat(directory_, "/", kFile);
  const int file = openat(descriptor_, kFile, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return errno == ENOENT ? absl::OkStatus() : SystemError("cannot open", path);
  absl::Cleanup close_file = [&] { close(file); };
  struct stat info;
  if (fstat(file, &info) != 0) return SystemError("cannot look at", path);
  absl::Status status;
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) > kMaxFileBytes) {
    status = absl::DataLossError("not a file of names");
  } else {
    std::string bytes(static_cast<size_t>(info.st_size), '\0');
    if (!ReadAll(file, bytes)) return SystemError("cannot read", path);
    status = Parse(bytes);
  }
  if (status.ok()) return status;
  return absl::DataLossError(
      absl::StrCat(path, ": ", status.message(),
                   "; move it away to start without the names of at-least-once subscriptions"));
}

absl::Status NameStore::Parse(const std::string& bytes) {
  FileHeader header;
  const FileHeader ours;
  if (bytes.size() < sizeof header) return absl::DataLossError("not a file of names");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, ours.magic, sizeof header.magic) != 0) {
    return absl::DataLossError("not a file of names");
  }
  if (header.version != kVersion) {
    return absl::DataLossError(absl::StrFormat("written in version %u of its format, this daemon knows %u",
                                               header.version, kVersion));
  }
  const std::string_view body = std::string_view(bytes).substr(sizeof header);
  if (body.size() != header.size) {
    return absl::DataLossError(
        absl::StrFormat("has %u bytes of names instead of %u", body.size(), header.size));
  }
  if (Crc32c(body) != header.crc32c) return absl::DataLossError("has been changed (checksum)");
  StoredNames stored;
  if (!stored.ParseFromArray(body.data(), static_cast<int>(body.size())) ||
      static_cast<size_t>(stored.names_size()) > kMaxNames) {
    return absl::DataLossError("not a file of names");
  }
  for (StoredName& name : *stored.mutable_names()) {
    const std::string key = name.spec().name();
    if (key.empty() || !names_.emplace(key, std::move(name)).second) {
      return absl::DataLossError("has a name twice, or none");
    }
  }
  return absl::OkStatus();
}

absl::Status NameStore::Put(StoredName name) {
  const std::string key = name.spec().name();
  const auto known = names_.find(key);
  if (known == names_.end() && names_.size() >= kMaxNames) {
    return absl::ResourceExhaustedError(absl::StrCat("there are ", kMaxNames, " names already"));
  }
  StoredName before;
  if (known != names_.end()) {
    if (known->second.SerializeAsString() == name.SerializeAsString()) return absl::OkStatus();
    before = known->second;
  }
  const bool is_new = known == names_.end();
  names_[key] = std::move(name);
  absl::Status status = Save();
  if (status.ok()) return status;
  if (is_new) {
    names_.erase(key);
  } else {
    names_[key] = std::move(before);
  }
  return status;
}

absl::Status NameStore::Remove(const std::string& name) {
  if (names_.erase(name) == 0) return absl::NotFoundError(absl::StrCat("there is no name ", name));
  return Save();
}

absl::Status NameStore::Save() {
  StoredNames stored;
  for (const auto& [key, name] : names_) *stored.add_names() = name;
  std::string bytes(sizeof(FileHeader), '\0');
  if (stored.ByteSizeLong() > kMaxFileBytes - bytes.size() || !stored.AppendToString(&bytes)) {
    return absl::ResourceExhaustedError("the names and their filters are too large to be kept");
  }
  const std::string_view body = std::string_view(bytes).substr(sizeof(FileHeader));
  FileHeader header;
  header.size = static_cast<uint32_t>(body.size());
  header.crc32c = Crc32c(body);
  std::memcpy(bytes.data(), &header, sizeof header);

  const std::string path = absl::StrCat(directory_, "/", kNewFile);
  const int file = openat(descriptor_, kNewFile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return SystemError("cannot create", path);
  absl::Cleanup close_file = [&] { close(file); };
  CrashPoint(CrashAt::kStoreCreated);
  if (!WriteAll(file, bytes)) return SystemError("cannot write", path);
  CrashPoint(CrashAt::kStoreWritten);
  if (fsync(file) != 0) return SystemError("cannot sync", path);
  CrashPoint(CrashAt::kStoreSynced);
  if (renameat(descriptor_, kNewFile, descriptor_, kFile) != 0) return SystemError("cannot rename", path);
  CrashPoint(CrashAt::kStoreRenamed);
  if (fsync(descriptor_) != 0) return SystemError("cannot sync", directory_);
  return absl::OkStatus();
}

}  // namespace routebench::daemon
