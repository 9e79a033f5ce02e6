// The names of at-least-once subscriptions on disk: who subscribed for what. No events.
#ifndef ROUTEBENCH_DAEMON_SERVER_NAME_STORE_H_
#define ROUTEBENCH_DAEMON_SERVER_NAME_STORE_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "names.pb.h"

namespace routebench::daemon {

// One file, DIRECTORY/names, which is replaced as a whole: at every moment it is the old one or the new one,
// and what Put or Remove has returned for is on the disk. Both block for a sync of the disk. Not thread-safe.
//
//   8 bytes "rbnames\n", version, size of the rest, its CRC-32C (32 bit each, little endian), StoredNames
class NameStore {
 public:
  static constexpr uint32_t kVersion = 1;
  static constexpr size_t kMaxNames = 4096;
  static constexpr size_t kMaxFileBytes = size_t{64} << 20;

  // Creates the directory with mode 0700 when it is missing, and reads the file where there is one. One store
  // at a time: a lock on DIRECTORY/lock is held as long as this object lives. Errors: FailedPrecondition
  // (open to other users), PermissionDenied (of another user), AlreadyExists (locked), DataLoss (the file is
  // not one of ours, of another version, truncated or changed), Internal (the system's own words).
  static absl::StatusOr<std::unique_ptr<NameStore>> Open(const std::string& directory);
  ~NameStore();
  NameStore(const NameStore&) = delete;
  NameStore& operator=(const NameStore&) = delete;

  // By name.
  const absl::btree_map<std::string, StoredName>& names() const { return names_; }

  // Adds or replaces by `spec.name`. ResourceExhausted: too many, or too much. On an error it is not among
  // the names here, or as it was.
  absl::Status Put(StoredName name);
  // NotFound, or the system's own words: then it may be there again after a restart.
  absl::Status Remove(const std::string& name);

 private:
  NameStore(std::string directory, int descriptor, int lock);
  absl::Status Load();
  absl::Status Parse(const std::string& bytes);
  absl::Status Save();

  const std::string directory_;
  const int descriptor_;  // of the directory
  const int lock_;
  absl::btree_map<std::string, StoredName> names_;
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_NAME_STORE_H_
