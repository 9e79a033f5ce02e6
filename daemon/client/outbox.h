// Everything that a client sends: events under the broker's window, reports, requests.
#ifndef ROUTEBENCH_DAEMON_CLIENT_OUTBOX_H_
#define ROUTEBENCH_DAEMON_CLIENT_OUTBOX_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "control.pb.h"
#include "daemon/transport/channel.h"
#include "daemon/transport/frame_buffer.h"
#include "daemon/wire/attribute_table.h"
#include "daemon/wire/frames.h"
#include "events/clock.h"
#include "events/delivery/ring.h"
#include "events/event.h"
#include "events/mutex.h"
#include "events/outcome.h"
#include "events/stages.h"

namespace routebench::daemon {

struct OutboxOptions {
  uint64_t window_bytes = 0;  // the broker's; one event may overdraw it
  bool interned_attributes = false;
  bool report_delivered = false;
  bool stages = false;  // the broker takes them
  // Remember the events that have no credit yet, for Close to name.
  bool remember = false;
  Duration publish_timeout{};
};

// Thread-safe. One thread writes at a time: whoever appends while nobody does, sends at once from its own
// thread; what is appended meanwhile goes with the next write. When the channel takes no more, the rest waits
// for OnWritable.
//
// Owned by shared_ptr: the timer of a blocked publisher may fire late.
class Outbox : public std::enable_shared_from_this<Outbox> {
 public:
  struct Uncredited {
    EventId event;
    uint64_t sequence = 0;
  };

  // `want_writable` asks for one OnWritable once the channel takes more. All references outlive the outbox.
  Outbox(transport::ByteChannel& channel, const OutboxOptions& options, const Clock& clock, Timers& timers,
         const StageClock& stage_clock, std::function<void()> want_writable);

  // Requires a valid event. kAccepted, kWouldBlock or kClosed. Blocks up to the publish timeout while the
  // window is used up. `stages` is null where the event is not sampled.
  PublishResult Publish(const Event& event, StageStamps* stages) {
    return Publish(event, stages, options_.publish_timeout, 0);
  }
  // The same with another timeout, and with these flags in the frame's prefix as well.
  PublishResult Publish(const Event& event, StageStamps* stages, Duration timeout, uint8_t flags);
  // Returns when the window is open, publishing has ended, or after the timeout.
  void AwaitWindow(Duration timeout);

  // Appends frames by `append_to(FrameWriter&)`, to be sent by the next Flush. Nothing after Close.
  template <typename AppendTo>
  void Append(AppendTo&& append_to) {
    MutexLock lock(mutex_);
    if (!closed_) append_to(pending_);
  }
  void Flush();
  void SendControl(const wire::ClientControl& control);

  void OnWritable();
  // False: more than was ever sent.
  bool OnCredit(const wire::PublishCredit& credit);

  // Admits nothing more; blocked publishers return kClosed.
  void StopPublishing();
  // After the connection has ended: drops what waits and names the events that had no credit.
  std::vector<Uncredited> Close();

  uint64_t bytes_sent() const { return bytes_sent_.load(std::memory_order_relaxed); }

 private:
  bool AwaitWindowLocked(Duration timeout) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool WindowIsOpen() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return sent_bytes_ - credited_bytes_ < options_.window_bytes;
  }
  void AppendEvent(const Event& event, std::shared_ptr<const char[]> body, uint32_t body_crc32c,
                   StageStamps* stages, uint8_t flags) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t NumberOf(const Event& event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Write();

  transport::ByteChannel& channel_;
  const OutboxOptions options_;
  const Clock& clock_;
  Timers& timers_;
  const StageClock& stage_clock_;
  const std::function<void()> want_writable_;

  Mutex mutex_;
  CondVar changed_;  // window, closing
  transport::FrameWriter pending_ ABSL_GUARDED_BY(mutex_);
  wire::AttributeTable<std::shared_ptr<const Attributes>> known_ ABSL_GUARDED_BY(mutex_);
  uint64_t sent_bytes_ ABSL_GUARDED_BY(mutex_) = 0;  // of Publish frames
  uint64_t sent_events_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t credited_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t credited_events_ ABSL_GUARDED_BY(mutex_) = 0;
  delivery::Ring<Uncredited> uncredited_ ABSL_GUARDED_BY(mutex_);
  bool publishing_ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  TimePoint last_write_end_ ABSL_GUARDED_BY(mutex_){};
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;  // somebody is responsible for what is pending
  transport::FrameWriter sending_;                // of whoever set writing_
  std::atomic<uint64_t> bytes_sent_{0};
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_OUTBOX_H_
