// One subscription on the client's side: delivered events wait here for their handler, and what became of
// them is reported to the broker.
#ifndef ROUTEBENCH_DAEMON_CLIENT_MAILBOX_H_
#define ROUTEBENCH_DAEMON_CLIENT_MAILBOX_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "daemon/client/outbox.h"
#include "daemon/client/wire_parcel.h"
#include "daemon/wire/frames.h"
#include "events/dispatch/subscriber.h"
#include "events/mutex.h"

namespace routebench::daemon {

// What its mailboxes share with the client.
struct MailboxContext {
  std::weak_ptr<dispatch::WorkerPool> pool;
  const Clock* clock;
  Timers* timers;
  Outbox* outbox;
  WireParcelPool* parcels;
  const StageClock* stage_clock;
  std::atomic<bool>* eager;     // report whenever there is nothing more to do
  bool report_at_once;          // likewise, and whenever an event is handed out
  std::shared_ptr<void> owner;  // of all that the pointers point to
};

// Thread-safe, but OnDelivery and ReportUrgent are the reader's alone.
//
// Reports: what has left the mailbox once it amounts to a 64th of the capacity, before the handler of the
// last of them runs; failures when the subscription has nothing more to do; everything when asked. Progress
// goes in front of the outcomes it covers.
class Mailbox final : public dispatch::Subscriber {
 public:
  Mailbox(dispatch::SubscriberOptions options, const MailboxContext& context);

  // The next event from the broker. False: it has sent more than the capacity allows. `stages` is null where
  // it is not sampled.
  bool OnDelivery(const wire::EventView& view, StageStamps* stages, const SharedAttributes* interned,
                  SharedAttributes own, bool report_delivered);
  // Sends reports of failures that OnDelivery caused.
  void ReportUrgent();
  // Sends everything that is not reported.
  void Report();

 protected:
  const Event* Prepare(delivery::Parcel& parcel, size_t lane) override;
  void OnHanded(delivery::Parcel& parcel) override;
  void OnOutcome(const delivery::Parcel& parcel, Outcome outcome) override;
  Retry OnFailure(const delivery::Parcel& parcel, Outcome reason) override;
  void OnQuiet() override;

 private:
  struct Desk {
    Event event;
    BodyDecoder decoder;
  };
  struct Run {
    uint64_t first;
    uint32_t count;
  };
  struct Settled {
    uint64_t delivery;
    Outcome outcome;
  };
  void AppendReports(transport::FrameWriter& out) ABSL_EXCLUSIVE_LOCKS_REQUIRED(report_mutex_);

  const MailboxContext context_;
  const uint64_t report_every_;
  uint64_t delivered_ = 0;  // by the broker, so far
  std::deque<Desk> desks_;  // by lane

  // Taken before the outbox's lock.
  Mutex report_mutex_;
  uint64_t left_ ABSL_GUARDED_BY(report_mutex_) = 0;  // the mailbox
  uint64_t reported_ ABSL_GUARDED_BY(report_mutex_) = 0;
  std::vector<Run> acknowledged_ ABSL_GUARDED_BY(report_mutex_);
  std::vector<Settled> settled_ ABSL_GUARDED_BY(report_mutex_);
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_CLIENT_MAILBOX_H_
