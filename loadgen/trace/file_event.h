// A change of a file as an event with its typed body.
#ifndef ROUTEBENCH_LOADGEN_TRACE_FILE_EVENT_H_
#define ROUTEBENCH_LOADGEN_TRACE_FILE_EVENT_H_

#include <cstdint>

#include "events/event.h"
#include "loadgen/trace/file_watcher.h"
#include "loadgen/trace/path_hider.h"

namespace routebench::loadgen {

// The header has the kind and nothing else, there are no attributes. What inotify does not tell (contents,
// checksums, extended attributes, who did it) is left unset. With a `hider` paths are hidden and owners left
// out.
Event ToFileEvent(const FileChange& change, int64_t unix_ns, const PathHider* hider);

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_TRACE_FILE_EVENT_H_
