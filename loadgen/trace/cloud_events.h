// Events as CloudEvents 1.0 in JSON Lines: one JSON object a line, so that any tool can write a trace.
// docs/traces.md is the mapping's reference; the specification is at github.com/cloudevents/spec,
// version 1.0.2.
#ifndef ROUTEBENCH_LOADGEN_TRACE_CLOUD_EVENTS_H_
#define ROUTEBENCH_LOADGEN_TRACE_CLOUD_EVENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "events/event.h"

namespace routebench::loadgen {

struct TraceEvent {
  int64_t unix_ns = 0;        // when it happened
  bool unknown_type = false;  // not a type of ours: kept as kCustom, its type as the custom name
  Event event;                // its times are not set
};

// One line without the line's end. InvalidArgument for what CloudEvents cannot hold: a metadata key that is
// not an attribute name (lower-case letters and digits, none of the names that have a meaning of their own),
// text that is not UTF-8, a body that does not belong to the kind.
absl::StatusOr<std::string> ToCloudEvent(const TraceEvent& event);

// Strict: all that the specification requires, plus `time`, which it leaves optional and a replay needs.
// InvalidArgument is a sentence without the line's number, and with the column where the text is not JSON.
absl::StatusOr<TraceEvent> ParseCloudEvent(std::string_view line);

// Reads a trace line by line. Not thread-safe. Memory is bounded by the longest line that is allowed.
class TraceReader {
 public:
  static constexpr size_t kMaxLineBytes = size_t{16}
                                          << 20;  // an event of 10 MiB in base64, and its attributes

  // Errors name the path. A directory is not a trace.
  static absl::StatusOr<TraceReader> Open(const std::string& path);

  TraceReader(TraceReader&& other) noexcept;
  TraceReader& operator=(TraceReader&&) = delete;
  ~TraceReader();

  // The next event; OutOfRange at the end. Any other error reads "path: line N: what is wrong" and is final:
  // a trace is used whole or not at all. A last line without its end is read like the others: cut in its
  // middle it is not JSON.
  absl::StatusOr<TraceEvent> Next();

  // Of the event that Next returned last, from 1.
  uint64_t line() const { return line_; }

 private:
  TraceReader(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}
  // False at the end of the file.
  absl::StatusOr<bool> ReadLine(std::string& line);

  std::string path_;
  int descriptor_;
  std::string buffer_;
  size_t position_ = 0;  // in buffer_
  uint64_t line_ = 0;
};

// Writes a trace beside its final place and moves it there when it is complete. Not thread-safe.
class TraceWriter {
 public:
  // Errors name the path. What is there must be a regular file: a device is not replaced by a trace.
  static absl::StatusOr<TraceWriter> Create(const std::string& path);

  TraceWriter(TraceWriter&& other) noexcept;
  TraceWriter& operator=(TraceWriter&&) = delete;
  // Without Commit nothing is left behind.
  ~TraceWriter();

  // Buffered. After an error of the file the writer is of no use any more; an event that cannot be written
  // (InvalidArgument) leaves it as it was.
  absl::Status Write(const TraceEvent& event);
  // Flushes, syncs, and replaces `path`, in this order. Once.
  absl::Status Commit();

 private:
  TraceWriter(std::string path, std::string temporary, int descriptor)
      : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}
  absl::Status Flush();

  std::string path_;
  std::string temporary_;  // empty: committed or moved away
  int descriptor_;
  std::string buffer_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_TRACE_CLOUD_EVENTS_H_
