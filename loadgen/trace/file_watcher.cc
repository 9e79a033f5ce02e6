#include "loadgen/trace/file_watcher.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace routebench::loadgen {
namespace {

// IN_MODIFY and not IN_CLOSE_WRITE: a log that stays open is modified all the same.
constexpr uint32_t kMask = IN_CREATE | IN_DELETE | IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR |
                           IN_DONT_FOLLOW | IN_EXCL_UNLINK;
constexpr size_t kBufferBytes = size_t{64} << 10;
// More than the kernel's queue holds by default (16,384 events of 32 bytes or so), so that one Read empties
// it.
constexpr int kBuffersInARead = 64;

std::string Below(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : absl::StrCat(directory, "/", name);
}

EventKind CreatedKind(bool is_directory) {
  return is_directory ? EventKind::kDirectoryCreated : EventKind::kFileCreated;
}
EventKind DeletedKind(bool is_directory) {
  return is_directory ? EventKind::kDirectoryDeleted : EventKind::kFileDeleted;
}

}  // namespace

struct FileWatcher::Directory {
  Directory* parent = nullptr;  // null: the watched directory, or one whose move is not complete
  std::string name;
  int watch = -1;
  std::map<std::string, std::unique_ptr<Directory>> children;
  absl::flat_hash_set<std::string>
      found;                        // reported without the kernel's word: its own report is to be left out
  std::vector<std::string> to_add;  // while detached: new directories below, which have no path yet
};

struct FileWatcher::Held {
  FileChange change;
  Place place;
  Place old_place;  // of a move
  bool is_directory = false;
  bool half = false;
  std::unique_ptr<Directory> moved;  // of a half
};

absl::StatusOr<std::unique_ptr<FileWatcher>> FileWatcher::Start(const std::string& directory,
                                                                const Clock& clock) {
  const int root = open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return absl::NotFoundError(absl::StrCat(directory, ": cannot watch it: ", std::strerror(errno)));
  const int inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify < 0) {
    const std::string why =
        errno == EMFILE ? "too many watchers (fs.inotify.max_user_instances)" : std::strerror(errno);
    close(root);
    return absl::ResourceExhaustedError(absl::StrCat(directory, ": cannot watch it: ", why));
  }
  auto watcher = std::unique_ptr<FileWatcher>(new FileWatcher(inotify, root, clock));
  watcher->WatchRoot();
  if (watcher->limit_reached_ || watcher->by_watch_.empty()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(directory, ": cannot watch all of it: ", watcher->first_unwatched_));
  }
  return watcher;
}

FileWatcher::FileWatcher(int inotify, int root, const Clock& clock)
    : inotify_(inotify), root_descriptor_(root), clock_(clock) {}

FileWatcher::~FileWatcher() {
  close(inotify_);
  close(root_descriptor_);
}

bool FileWatcher::gone() const {
  // The open descriptor keeps the kernel from telling of the deletion.
  struct stat facts;
  return fstat(root_descriptor_, &facts) == 0 && facts.st_nlink == 0;
}

std::optional<TimePoint> FileWatcher::deadline() const {
  std::optional<TimePoint> first;
  for (const auto& [cookie, half] : halves_) {
    const TimePoint end = half->change.at + kPairingTime;
    if (!first.has_value() || end < *first) first = end;
  }
  return first;
}

absl::StatusOr<bool> FileWatcher::Read(std::vector<FileChange>& changes) {
  alignas(inotify_event) std::array<char, kBufferBytes> buffer;
  bool more = true;
  for (int i = 0; more && i < kBuffersInARead; ++i) {
    const ssize_t got = read(inotify_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno != EAGAIN) {
      return absl::UnknownError(absl::StrCat("cannot read what inotify has to tell: ", std::strerror(errno)));
    }
    more = got > 0;
    now_ = clock_.Now();
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      Handle(*event);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
  if (std::exchange(watch_anew_, false)) WatchAnew();
  SettleUntil(clock_.Now() - kPairingTime);
  Emit(changes);
  return more;
}

void FileWatcher::Finish(std::vector<FileChange>& changes) {
  SettleUntil(TimePoint::max());
  Emit(changes);
}

void FileWatcher::Handle(const inotify_event& event) {
  if ((event.mask & IN_Q_OVERFLOW) != 0) {
    ++overflows_;
    watch_anew_ = true;
    Report(EventKind::kFileBatch, {});
    return;
  }
  // Unknown: of a directory that has left, still queued when its watch was removed.
  const auto found = by_watch_.find(event.wd);
  if (found == by_watch_.end()) return;
  if (event.len > 0) return HandleEntry(event, *found->second, event.name);
  if ((event.mask & IN_IGNORED) == 0) return;
  found->second->watch = -1;
  by_watch_.erase(found);
}

void FileWatcher::HandleEntry(const inotify_event& event, Directory& directory, const std::string& name) {
  const bool is_directory = (event.mask & IN_ISDIR) != 0;
  if ((event.mask & IN_CREATE) != 0) {
    if (directory.found.erase(name) > 0) return;
    Report(CreatedKind(is_directory), PlaceOf(directory, name)).is_directory = is_directory;
    if (is_directory) Add(directory, name, true);
  } else if ((event.mask & IN_MODIFY) != 0) {
    Report(EventKind::kFileModified, PlaceOf(directory, name));
  } else if ((event.mask & IN_DELETE) != 0) {
    directory.found.erase(name);
    Report(DeletedKind(is_directory), PlaceOf(directory, name)).is_directory = is_directory;
    if (const auto child = directory.children.find(name); is_directory && child != directory.children.end()) {
      Forget(*child->second, false);
      directory.children.erase(child);
    }
  } else if ((event.mask & IN_MOVED_FROM) != 0) {
    MovedFrom(event, directory, name);
  } else if ((event.mask & IN_MOVED_TO) != 0) {
    MovedTo(event, directory, name);
  }
}

void FileWatcher::MovedFrom(const inotify_event& event, Directory& directory, const std::string& name) {
  directory.found.erase(name);
  Held& held = Report(EventKind::kFileMoved, {});
  held.old_place = PlaceOf(directory, name);
  held.is_directory = (event.mask & IN_ISDIR) != 0;
  held.half = true;
  held.change.cookie = event.cookie;
  if (const auto child = directory.children.find(name); child != directory.children.end()) {
    held.moved = std::move(child->second);
    held.moved->parent = nullptr;
    directory.children.erase(child);
  }
  if (const auto other = halves_.find(event.cookie); other != halves_.end()) Settle(other->second);
  halves_[event.cookie] = std::prev(held_.end());
}

void FileWatcher::MovedTo(const inotify_event& event, Directory& directory, const std::string& name) {
  const bool is_directory = (event.mask & IN_ISDIR) != 0;
  Place place = PlaceOf(directory, name);
  std::unique_ptr<Directory> moved;
  if (const auto half = halves_.find(event.cookie); half != halves_.end()) {
    Held& held = *half->second;
    halves_.erase(half);
    held.half = false;
    held.place = place;
    held.change.facts = FactsOf(place);
    moved = std::move(held.moved);
    if (moved != nullptr) Resolve(moved.get(), &place);
  } else {
    Report(CreatedKind(is_directory), std::move(place)).is_directory = is_directory;
  }
  if (is_directory) Attach(std::move(moved), directory, name);
}

FileWatcher::Place FileWatcher::PlaceOf(const Directory& directory, const std::string& name) const {
  Place place{.path = name};
  const Directory* at = &directory;
  for (; at->parent != nullptr; at = at->parent) place.path = Below(at->name, place.path);
  if (at != root_.get()) place.detached = const_cast<Directory*>(at);
  return place;
}

FileWatcher::Held& FileWatcher::Report(EventKind kind, Place place) {
  Held& held = held_.emplace_back();
  held.change.kind = kind;
  held.change.at = now_;
  held.change.facts = FactsOf(place);
  held.place = std::move(place);
  return held;
}

FileFacts FileWatcher::FactsOf(const Place& place) const {
  struct stat facts;
  if (place.detached != nullptr || place.path.empty() ||
      fstatat(root_descriptor_, place.path.c_str(), &facts, AT_SYMLINK_NOFOLLOW) != 0) {
    return {};
  }
  return {.inode = facts.st_ino,
          .size_bytes = static_cast<uint64_t>(facts.st_size),
          .mode = facts.st_mode,
          .uid = facts.st_uid,
          .gid = facts.st_gid,
          .modified_unix_ns = int64_t{facts.st_mtim.tv_sec} * 1'000'000'000 + facts.st_mtim.tv_nsec};
}

// ---- Watches

void FileWatcher::Add(Directory& parent, const std::string& name, bool report) {
  const Place place = PlaceOf(parent, name);
  if (place.detached != nullptr) {
    place.detached->to_add.push_back(place.path);
    return;
  }
  auto child = std::make_unique<Directory>();
  child->parent = &parent;
  child->name = name;
  if (!Watch(*child, place.path)) return;
  std::unique_ptr<Directory>& slot = parent.children[name];
  if (slot != nullptr) Forget(*slot, false);
  slot = std::move(child);
  LookInto(*slot, place.path, report);
}

bool FileWatcher::Watch(Directory& directory, const std::string& path) {
  // Through the descriptor: the watched directory may be moved itself.
  const std::string absolute =
      absl::StrCat("/proc/self/fd/", root_descriptor_, "/", path.empty() ? "." : path);
  const int watch = inotify_add_watch(inotify_, absolute.c_str(), kMask);
  if (watch < 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    limit_reached_ |= errno == ENOSPC;
    Missed(path,
           errno == ENOSPC ? "too many directories (fs.inotify.max_user_watches)" : std::strerror(errno));
    return false;
  }
  // One watch for one inode: whoever had it was another directory under a name that it has lost.
  if (const auto other = by_watch_.find(watch); other != by_watch_.end()) other->second->watch = -1;
  if (directory.watch >= 0) by_watch_.erase(directory.watch);
  directory.watch = watch;
  by_watch_[watch] = &directory;
  return true;
}

void FileWatcher::LookInto(Directory& directory, const std::string& path, bool report) {
  const int descriptor = openat(root_descriptor_, path.empty() ? "." : path.c_str(),
                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (descriptor < 0) {
    if (errno != ENOENT && errno != ENOTDIR) Missed(path, std::strerror(errno));
    return;
  }
  // Names first: the descriptor is not held while the depths below are looked into.
  std::vector<std::pair<std::string, bool>> entries;
  DIR* const stream = fdopendir(descriptor);
  if (stream == nullptr) {
    Missed(path, std::strerror(errno));
    close(descriptor);
    return;
  }
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat facts;
    const bool is_directory =
        entry->d_type == DT_DIR ||
        (entry->d_type == DT_UNKNOWN &&
         fstatat(descriptor, entry->d_name, &facts, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(facts.st_mode));
    entries.emplace_back(name, is_directory);
  }
  closedir(stream);
  for (const auto& [name, is_directory] : entries) {
    if (report) {
      directory.found.insert(name);
      Held& held = Report(CreatedKind(is_directory), PlaceOf(directory, name));
      held.is_directory = is_directory;
      held.change.found = true;
    }
    if (is_directory) Add(directory, name, report);
  }
}

void FileWatcher::Attach(std::unique_ptr<Directory> moved, Directory& parent, const std::string& name) {
  if (moved == nullptr) return Add(parent, name, true);
  std::unique_ptr<Directory>& slot = parent.children[name];
  if (slot != nullptr) Forget(*slot, false);
  slot = std::move(moved);
  slot->parent = &parent;
  slot->name = name;
  const std::vector<std::string> to_add = std::exchange(slot->to_add, {});
  const Place place = PlaceOf(parent, name);
  if (place.detached != nullptr) {
    for (const std::string& path : to_add) place.detached->to_add.push_back(Below(place.path, path));
    return;
  }
  // When the old name was taken again before its watch was set up, that watch belongs to the new holder of
  // the name.
  const int expected = slot->watch;
  if (Watch(*slot, place.path) && slot->watch != expected) {
    Forget(*slot, false);
    parent.children.erase(name);
    return Add(parent, name, true);
  }
  for (const std::string& path : to_add) {
    Directory* at = slot.get();
    size_t start = 0;
    for (size_t end; at != nullptr && (end = path.find('/', start)) != std::string::npos; start = end + 1) {
      const auto child = at->children.find(path.substr(start, end - start));
      at = child == at->children.end() ? nullptr : child->second.get();
    }
    if (at != nullptr) Add(*at, path.substr(start), true);
  }
}

void FileWatcher::Forget(Directory& directory, bool remove_watches) {
  for (const auto& [name, child] : directory.children) Forget(*child, remove_watches);
  if (directory.watch < 0) return;
  by_watch_.erase(directory.watch);
  if (remove_watches) inotify_rm_watch(inotify_, directory.watch);
  directory.watch = -1;
}

void FileWatcher::WatchRoot() {
  root_ = std::make_unique<Directory>();
  if (Watch(*root_, "")) LookInto(*root_, "", false);
}

void FileWatcher::WatchAnew() {
  while (!halves_.empty()) Settle(halves_.begin()->second);
  std::vector<int> before;
  for (const auto& [watch, directory] : by_watch_) before.push_back(watch);
  by_watch_.clear();
  WatchRoot();
  for (const int watch : before) {
    if (!by_watch_.contains(watch)) inotify_rm_watch(inotify_, watch);
  }
}

void FileWatcher::Missed(const std::string& path, const char* what) {
  if (unwatched_++ == 0) first_unwatched_ = absl::StrCat(path.empty() ? "." : path, ": ", what);
}

// ---- Held changes

void FileWatcher::Resolve(const Directory* detached, const Place* place) {
  for (Held& held : held_) {
    for (Place* it : {&held.place, &held.old_place}) {
      if (it->detached != detached || detached == nullptr) continue;
      it->detached = place != nullptr ? place->detached : nullptr;
      it->outside = place == nullptr;
      if (place != nullptr) it->path = Below(place->path, it->path);
    }
  }
}

void FileWatcher::Settle(HeldList::iterator half) {
  halves_.erase(half->change.cookie);
  half->half = false;
  half->place.outside = true;
  if (half->moved == nullptr) return;
  Resolve(half->moved.get(), nullptr);
  Forget(*half->moved, true);
  half->moved.reset();
}

void FileWatcher::SettleUntil(TimePoint now) {
  for (auto it = halves_.begin(); it != halves_.end();) {
    const HeldList::iterator half = (it++)->second;
    if (half->change.at <= now) Settle(half);
  }
}

void FileWatcher::Emit(std::vector<FileChange>& changes) {
  const auto settled = [](const Held& held) {
    return !held.half && held.place.detached == nullptr && held.old_place.detached == nullptr;
  };
  for (; !held_.empty() && settled(held_.front()); held_.pop_front()) {
    Held& held = held_.front();
    FileChange& change = held.change;
    const bool move = change.kind == EventKind::kFileMoved;
    if (held.place.outside && (!move || held.old_place.outside)) continue;
    if (move && held.place.outside) {
      change.kind = DeletedKind(held.is_directory);
      change.with_content = held.is_directory;
      change.path = std::move(held.old_place.path);
    } else {
      change.path = std::move(held.place.path);
      if (move && held.old_place.outside) change.kind = CreatedKind(held.is_directory);
      if (move && !held.old_place.outside) change.old_path = std::move(held.old_place.path);
    }
    changes.push_back(std::move(change));
  }
}

}  // namespace routebench::loadgen
