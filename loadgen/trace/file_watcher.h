// What happens to the files under a directory, from inotify.
#ifndef ROUTEBENCH_LOADGEN_TRACE_FILE_WATCHER_H_
#define ROUTEBENCH_LOADGEN_TRACE_FILE_WATCHER_H_

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "events/clock.h"
#include "events/kind.h"

struct inotify_event;

namespace routebench::loadgen {

// Of an entry when its change was read; all zero where it was gone by then.
struct FileFacts {
  uint64_t inode = 0;
  uint64_t size_bytes = 0;
  uint32_t mode = 0;
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t modified_unix_ns = 0;
};

struct FileChange {
  EventKind kind =
      EventKind::kFileModified;  // of the file system; kFileMoved also for a directory; kFileBatch: overflow
  std::string path;              // from the watched directory; empty for itself
  std::string old_path;          // of a move
  TimePoint at{};                // when it was read from the kernel, which does not say when it happened
  uint32_t cookie = 0;           // of a move
  bool found = false;            // by looking into a new directory; the kernel had not been asked yet
  bool with_content = false;     // a directory that left with all that was in it
  FileFacts facts;
};

// Watches a directory and everything under it, directories made later included: such a one is watched at
// once, and what it already holds then is reported as created. A race can report an entry twice, never leave
// out one that stays (what came and went before its new directory was looked into, nobody can know). What is
// lost to the kernel's queue limit is reported as a kFileBatch without a path, and the watches are set up
// anew.
//
// A move inside the tree is one change. The kernel tells its two halves apart in time, so that a half is
// held, with all later changes behind it, until its partner comes or kPairingTime is over: then it is a
// deletion (moved out) or, for the other half, a creation (moved in). Changes come out in the order in which
// the kernel told them.
//
// Contents are not followed through symbolic links. Not thread-safe, starts no thread, never blocks.
class FileWatcher {
 public:
  static constexpr Duration kPairingTime = std::chrono::milliseconds(20);

  // Sets up all watches. Errors name the directory and the reason (a limit of the system with the name of its
  // setting). `clock` must outlive the watcher.
  static absl::StatusOr<std::unique_ptr<FileWatcher>> Start(const std::string& directory, const Clock& clock);
  ~FileWatcher();

  // Becomes readable when there is something to Read. Owned by the watcher.
  int descriptor() const { return inotify_; }
  // When to call Read although the descriptor is not readable.
  std::optional<TimePoint> deadline() const;

  // Appends what has happened. Returns after a bounded amount of work: true when there may be more to read at
  // once.
  absl::StatusOr<bool> Read(std::vector<FileChange>& changes);
  // Appends what is held; a half of a move is on its own now. For the end of watching, after Read returned
  // false.
  void Finish(std::vector<FileChange>& changes);

  uint64_t overflows() const { return overflows_; }
  size_t directories() const { return by_watch_.size(); }
  // Directories that could not be watched (a limit, permissions): what happens in them is not known.
  uint64_t unwatched() const { return unwatched_; }
  const std::string& first_unwatched() const { return first_unwatched_; }  // path and reason
  // The watched directory itself was deleted.
  bool gone() const;

 private:
  struct Directory;
  // Where an entry is.
  struct Place {
    Directory* detached = nullptr;  // the path starts in this directory, whose own move is not complete
    bool outside = false;           // not under the watched directory (any more)
    std::string path;
  };
  struct Held;
  using HeldList = std::list<Held>;

  FileWatcher(int inotify, int root, const Clock& clock);

  void Handle(const inotify_event& event);
  void HandleEntry(const inotify_event& event, Directory& directory, const std::string& name);
  void MovedFrom(const inotify_event& event, Directory& directory, const std::string& name);
  void MovedTo(const inotify_event& event, Directory& directory, const std::string& name);

  Place PlaceOf(const Directory& directory, const std::string& name) const;
  Held& Report(EventKind kind, Place place);
  FileFacts FactsOf(const Place& place) const;

  // Watches the directory's entry `name` and what is below it; `report`: as found.
  void Add(Directory& parent, const std::string& name, bool report);
  bool Watch(Directory& directory, const std::string& path);
  void LookInto(Directory& directory, const std::string& path, bool report);
  // Puts what was moved below its new parent, and makes sure that it is what is there.
  void Attach(std::unique_ptr<Directory> moved, Directory& parent, const std::string& name);
  void Forget(Directory& directory, bool remove_watches);
  void WatchRoot();
  void WatchAnew();
  void Missed(const std::string& path, const char* what);

  // What is below `detached` is below `place` now; null: outside.
  void Resolve(const Directory* detached, const Place* place);
  void Settle(HeldList::iterator half);
  void SettleUntil(TimePoint now);
  void Emit(std::vector<FileChange>& changes);

  const int inotify_;
  const int root_descriptor_;
  const Clock& clock_;
  TimePoint now_{};  // of the events being handled
  std::unique_ptr<Directory> root_;
  absl::flat_hash_map<int, Directory*> by_watch_;
  HeldList held_;
  std::map<uint32_t, HeldList::iterator> halves_;  // by cookie: moved-from halves without their partner
  bool watch_anew_ = false;
  bool limit_reached_ = false;
  uint64_t overflows_ = 0;
  uint64_t unwatched_ = 0;
  std::string first_unwatched_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_TRACE_FILE_WATCHER_H_
