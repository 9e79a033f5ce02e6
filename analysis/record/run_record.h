// Run records as files: written whole or not at all, read only when they can be trusted.
//
// Format: the line "routebench.run.v1\n", the length of what follows (8 bytes, little endian), its CRC-32C (4
// bytes), and a RunRecord in protobuf.
#ifndef ROUTEBENCH_ANALYSIS_RECORD_RUN_RECORD_H_
#define ROUTEBENCH_ANALYSIS_RECORD_RUN_RECORD_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "record.pb.h"

namespace routebench::record {

inline constexpr char kRunSchema[] = "routebench.run.v1";
inline constexpr char kRunExtension[] = ".run";

// Atomic: a temporary file in the same directory, synced, then renamed over `path`. On an error (a sentence
// with the path and the reason) neither the file nor the temporary is there. Sets record.schema.
absl::Status WriteRunRecord(const RunRecord& record, const std::string& path);

// Errors are sentences for people: NotFound, or InvalidArgument for a file that is not a record, truncated,
// damaged, of a later version, or that contradicts itself. No more of a file is read than a record can have.
absl::StatusOr<RunRecord> ReadRunRecord(const std::string& path);

// The bytes of such a file. Encode sets the schema. The errors of Decode are sentences without a path.
std::string EncodeRunRecord(const RunRecord& record);
absl::StatusOr<RunRecord> DecodeRunRecord(const std::string& bytes);

// Whether the parts of a record agree: histograms with the counts beside them, books with themselves.
absl::Status CheckRunRecord(const RunRecord& record);

}  // namespace routebench::record

#endif  // ROUTEBENCH_ANALYSIS_RECORD_RUN_RECORD_H_
