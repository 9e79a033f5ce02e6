#include "loadgen/trace/file_event.h"

#include <memory>
#include <string>
#include <utility>

#include "payloads.pb.h"

namespace routebench::loadgen {
namespace {

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

Payload Created(const FileChange& change, bool hide) {
  auto body = std::make_shared<payloads::FileCreated>();
  body->set_path(change.path);
  body->set_inode(change.facts.inode);
  body->set_size_bytes(change.facts.size_bytes);
  body->set_mode(change.facts.mode);
  body->set_modified_unix_ns(change.facts.modified_unix_ns);
  if (!hide) {
    body->set_uid(change.facts.uid);
    body->set_gid(change.facts.gid);
  }
  return Payload::Typed(std::move(body));
}

Payload Modified(const FileChange& change) {
  auto body = std::make_shared<payloads::FileModified>();
  body->set_path(change.path);
  body->set_inode(change.facts.inode);
  body->set_size_bytes(change.facts.size_bytes);
  body->set_modified_unix_ns(change.facts.modified_unix_ns);
  return Payload::Typed(std::move(body));
}

Payload Deleted(const FileChange& change, int64_t unix_ns) {
  auto body = std::make_shared<payloads::FileDeleted>();
  body->set_path(change.path);
  body->set_deleted_unix_ns(unix_ns);
  return Payload::Typed(std::move(body));
}

Payload Moved(const FileChange& change) {
  auto body = std::make_shared<payloads::FileMoved>();
  body->set_path(change.path);
  body->set_old_path(change.old_path);
  body->set_inode(change.facts.inode);
  body->set_size_bytes(change.facts.size_bytes);
  body->set_cookie(change.cookie);
  body->set_across_directories(ParentOf(change.path) != ParentOf(change.old_path));
  return Payload::Typed(std::move(body));
}

Payload DirectoryCreated(const FileChange& change, int64_t unix_ns, bool hide) {
  auto body = std::make_shared<payloads::DirectoryCreated>();
  body->set_path(change.path);
  body->set_inode(change.facts.inode);
  body->set_mode(change.facts.mode);
  body->set_created_unix_ns(unix_ns);
  if (!hide) {
    body->set_uid(change.facts.uid);
    body->set_gid(change.facts.gid);
  }
  return Payload::Typed(std::move(body));
}

Payload DirectoryDeleted(const FileChange& change, int64_t unix_ns) {
  auto body = std::make_shared<payloads::DirectoryDeleted>();
  body->set_path(change.path);
  body->set_recursive(change.with_content);
  body->set_deleted_unix_ns(unix_ns);
  return Payload::Typed(std::move(body));
}

Payload Overflowed(const FileChange& change, int64_t unix_ns) {
  auto body = std::make_shared<payloads::FileBatch>();
  body->set_path(change.path);
  body->set_first_unix_ns(unix_ns);
  body->set_overflowed(true);
  return Payload::Typed(std::move(body));
}

Payload BodyOf(const FileChange& change, int64_t unix_ns, bool hide) {
  switch (change.kind) {
    case EventKind::kFileCreated:
      return Created(change, hide);
    case EventKind::kFileDeleted:
      return Deleted(change, unix_ns);
    case EventKind::kFileMoved:
      return Moved(change);
    case EventKind::kDirectoryCreated:
      return DirectoryCreated(change, unix_ns, hide);
    case EventKind::kDirectoryDeleted:
      return DirectoryDeleted(change, unix_ns);
    case EventKind::kFileBatch:
      return Overflowed(change, unix_ns);
    default:
      return Modified(change);
  }
}

}  // namespace

Event ToFileEvent(const FileChange& change, int64_t unix_ns, const PathHider* hider) {
  Event event;
  event.header.kind = change.kind;
  if (hider == nullptr) {
    event.payload = BodyOf(change, unix_ns, false);
    return event;
  }
  FileChange hidden = change;
  hidden.path = hider->Hide(change.path);
  hidden.old_path = hider->Hide(change.old_path);
  event.payload = BodyOf(hidden, unix_ns, true);
  return event;
}

}  // namespace routebench::loadgen
