#include "daemon/server/crash_point.h"

#include <signal.h>

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace routebench::daemon {
namespace {

constexpr std::array<std::string_view, kCrashPointCount> kNames = {"none",
                                                                   "store_created",
                                                                   "store_written",
                                                                   "store_synced",
                                                                   "store_renamed",
                                                                   "subscribed",
                                                                   "publish_received",
                                                                   "publish_routed",
                                                                   "credited",
                                                                   "delivered",
                                                                   "answer_received",
                                                                   "answer_taken",
                                                                   "publisher_acknowledged"};

uint64_t left = 0;  // times to pass through, the fatal one included

}  // namespace

std::string_view Name(CrashAt point) { return kNames[static_cast<size_t>(point)]; }

absl::Status ArmCrashPoint(const char* specification) {
  const std::string_view text = specification;
  const size_t colon = text.find(':');
  left = 1;
  const std::string_view count = colon == std::string_view::npos ? "1" : text.substr(colon + 1);
  if (absl::SimpleAtoi(absl::string_view(count.data(), count.size()), &left) && left > 0) {
    for (size_t i = 1; i < kCrashPointCount; ++i) {
      if (kNames[i] != text.substr(0, colon)) continue;
      crash_point::armed = static_cast<CrashAt>(i);
      return absl::OkStatus();
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no crash point ", specification));
}

void crash_point::Pass() {
  if (--left == 0) raise(SIGKILL);
}

}  // namespace routebench::daemon
