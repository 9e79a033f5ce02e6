// Figures as people read them: three significant digits and a unit that fits.
#ifndef ROUTEBENCH_ANALYSIS_RECORD_FORMAT_H_
#define ROUTEBENCH_ANALYSIS_RECORD_FORMAT_H_

#include <cstdint>
#include <string>

#include "analysis/record/metrics.h"

namespace routebench::record {

std::string FormatNanos(double nanos);    // 812 ns, 41.2 us, 3.00 ms, 12.5 s
std::string FormatBytes(double bytes);    // 512 B, 1.50 KiB, 12.0 MiB
std::string FormatCount(uint64_t count);  // 1,234,567
std::string FormatShare(double share);    // 0 %, 0.0012 %, 12.3 %
std::string FormatValue(double value, Unit unit);
// The value, or why there is none.
std::string FormatMetric(const Metric& metric);

}  // namespace routebench::record

#endif  // ROUTEBENCH_ANALYSIS_RECORD_FORMAT_H_
