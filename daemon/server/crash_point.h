// Places where a test lets the daemon die as by kill -9: between any two steps that persist or acknowledge.
//
//   CrashPoint(CrashAt::kStoreRenamed);
//
// ROUTEBENCH_CRASH_POINT=name[:n] in eventd's environment chooses one of them, and which passing through it
// (from 1; without: the first). Not set, a place costs one branch.
#ifndef ROUTEBENCH_DAEMON_SERVER_CRASH_POINT_H_
#define ROUTEBENCH_DAEMON_SERVER_CRASH_POINT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

namespace routebench::daemon {

enum class CrashAt : uint8_t {
  kNone,
  kStoreCreated,           // the new file of names is there, and empty
  kStoreWritten,           // and whole, but not synced
  kStoreSynced,            // and synced, but has its temporary name
  kStoreRenamed,           // and its own, but the directory is not synced
  kSubscribed,             // a name is in the file; its subscriber has no answer
  kPublishReceived,        // events have been read, and nothing was done with them
  kPublishRouted,          // and are in their queues
  kCredited,               // and their publisher's window has moved
  kDelivered,              // deliveries have been written to a subscriber
  kAnswerReceived,         // a subscriber's acknowledgement has been read
  kAnswerTaken,            // and the books know it; the publisher does not
  kPublisherAcknowledged,  // and it was written to the publisher
};
inline constexpr size_t kCrashPointCount = 13;

// Stable: "store_created", "publish_routed".
std::string_view Name(CrashAt point);

// As the environment says. InvalidArgument: there is no such point. Before the loop starts.
absl::Status ArmCrashPoint(const char* specification);

namespace crash_point {
inline CrashAt armed = CrashAt::kNone;
void Pass();
}  // namespace crash_point

// Of the loop's thread, and of whoever starts it.
inline void CrashPoint(CrashAt point) {
  if (crash_point::armed == point) [[unlikely]] {
    crash_point::Pass();
  }
}

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_CRASH_POINT_H_
