// Reads the values of flags and keeps the first complaint.
#ifndef ROUTEBENCH_LOADGEN_FLAG_READER_H_
#define ROUTEBENCH_LOADGEN_FLAG_READER_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "loadgen/workload/quantities.h"

namespace routebench::loadgen {

// Collects the first error, InvalidArgument with a sentence that names the flag, so that each flag can be
// read in one line. What could not be read is the default.
class FlagReader {
 public:
  uint64_t Duration(const char* flag, const std::optional<std::string>& text, uint64_t otherwise) {
    if (!text.has_value()) return otherwise;
    return Take(flag, ParseDuration(*text), otherwise);
  }
  // Keeps the sentence of the parser and says which flag it is about.
  template <typename T>
  T Take(const char* flag, absl::StatusOr<T> parsed, T otherwise) {
    if (parsed.ok()) return *std::move(parsed);
    Require(false, absl::StrCat(flag, ": ", std::string(parsed.status().message())));
    return otherwise;
  }
  void OneOf(const char* flag, const std::string& value, const std::vector<std::string>& allowed) {
    Require(std::find(allowed.begin(), allowed.end(), value) != allowed.end(),
            absl::StrCat(flag, ": '", value, "' is unknown; one of ", absl::StrJoin(allowed, ", ")));
  }
  void Require(bool condition, const std::string& sentence) {
    if (!condition) status_.Update(absl::InvalidArgumentError(sentence));
  }
  const absl::Status& status() const { return status_; }

 private:
  absl::Status status_;
};

}  // namespace routebench::loadgen

#endif  // ROUTEBENCH_LOADGEN_FLAG_READER_H_
