// Export for other tools: a histogram as an HdrHistogram log (.hlog, V2 compressed encoding).
#ifndef ROUTEBENCH_ANALYSIS_RECORD_HDR_LOG_H_
#define ROUTEBENCH_ANALYSIS_RECORD_HDR_LOG_H_

#include <cstdint>
#include <string>

#include "analysis/record/histogram.h"

namespace routebench::record {

// The V2 encoding of github.com/HdrHistogram: 40 bytes of header and zig-zag LEB128 counts, deflated, behind
// its own cookie and length. 2 significant digits: 2^8 sub-buckets, the same resolution as Histogram, so that
// every count arrives in a bucket with the same bounds.
std::string EncodeHdrV2(const Histogram& histogram);

// A whole log with one interval, values in nanoseconds. `started_unix_ns` and `length_ns` are those of the
// measured part; `tag` has no comma, space or line break.
std::string HdrLog(const Histogram& histogram, const std::string& tag, int64_t started_unix_ns,
                   uint64_t length_ns);

}  // namespace routebench::record

#endif  // ROUTEBENCH_ANALYSIS_RECORD_HDR_LOG_H_
