// One connected peer: its frames in, its frames out.
#ifndef ROUTEBENCH_DAEMON_SERVER_SESSION_H_
#define ROUTEBENCH_DAEMON_SERVER_SESSION_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control.pb.h"
#include "daemon/server/broker_limits.h"
#include "daemon/server/event_parcel.h"
#include "daemon/server/exchange.h"
#include "daemon/transport/block_pool.h"
#include "daemon/transport/channel.h"
#include "daemon/transport/frame_buffer.h"
#include "daemon/wire/attribute_table.h"
#include "daemon/wire/handshake.h"
#include "daemon/wire/protocol_error.h"
#include "events/delivery/ring.h"

namespace routebench::daemon {

class Session;

// What a session asks of whoever runs it.
class SessionHost {
 public:
  virtual ~SessionHost() = default;
  // The session has something to write, or parked events to go on with: call Work soon, once.
  virtual void OnDirty(Session& session) = 0;
  // Answer later, by Session::Reply, when every peer has reported what it had in hand.
  virtual void OnStatisticsRequest(Session& session, uint64_t request) = 0;
  // Answer later, when nothing that the session published is unsettled, or the deadline has passed.
  // With `deliveries`, also nothing that it was sent.
  virtual void OnDrainRequest(Session& session, uint64_t request, TimePoint deadline, bool deliveries) = 0;
  virtual void OnProgressDone(Session& session, uint32_t number) = 0;
  // The greeting was good.
  virtual void OnEstablished(Session& session) = 0;
};

// Not thread-safe: of the loop. Reads and writes only inside Read and Work, and never blocks.
class Session final : public Peer {
 public:
  struct Shared {
    Exchange& exchange;
    EventStore& store;
    SessionHost& host;
    const BrokerLimits& limits;
    const wire::TimeDomain& domain;
    transport::BlockPool& read_blocks;
    transport::BlockPool& write_blocks;
    std::string_view wait_policy;
  };

  // `token`: what the greeting must have; empty: the transport knows that the peer is one of us.
  Session(const Shared& shared, std::unique_ptr<transport::ByteChannel> channel, uint32_t number, pid_t pid,
          std::string_view token = {});

  // How the session came to its end; the sentence for a person may be empty.
  struct End {
    wire::ProtocolError error;
    bool orderly = false;  // the peer said goodbye
    std::string detail;
  };
  using MaybeEnd = std::optional<End>;

  // One read, and every whole frame in it.
  MaybeEnd Read();
  // Goes on with parked events, adds what is deliverable, writes what the channel takes.
  MaybeEnd Work();
  // Counts what is parked as `outcome`; the exchange does so with the rest when the peer is removed.
  void Abandon(Outcome outcome);
  // Tells the peer what became of its events, and why it ends, as far as the channel takes it without
  // waiting.
  void SayEnd(const End& end);

  void Reply(uint64_t request, const absl::Status& status);
  void Reply(uint64_t request, const RouterStatistics& statistics);
  void RequestProgress(uint32_t number, bool eager);

  bool established() const { return established_; }
  bool wants_write() const { return !out_.empty(); }  // after Work: poll for room
  // Everything it published has been admitted and settled.
  bool quiet() const { return parked_.empty() && !waiting() && unsettled() == 0; }
  uint64_t written() const { return out_.written(); }
  pid_t pid() const { return pid_; }
  const std::string& name() const { return name_; }
  transport::ByteChannel& channel() { return *channel_; }

 private:
  using MaybeError = std::optional<wire::ProtocolError>;

  void OnDeliverable(Subscription& subscription) override;
  void OnAdmitted(const EventParcel& event) override;
  void OnOutcome(const wire::EventOutcome& outcome) override;
  void OnChange(WatchId watch, const ServiceChange& change) override;
  void OnReleased(uint64_t number, bool by_all) override;

  MaybeError OnFrame(std::string_view frame);
  MaybeError OnPublish(std::string_view frame);
  MaybeError OnDefineAttributes(std::string_view frame);
  MaybeError OnReport(std::string_view frame);
  MaybeError OnControl(std::string_view frame);
  MaybeError OnHello(const wire::ClientControl& control);
  void OnRequest(const wire::ClientControl& control);
  void OnSubscribe(const wire::ClientControl& control);
  void OnListDeadLetters(const wire::ClientControl& control);

  bool MustPark() const;
  void NoteAdmitted(const EventParcel& event);
  void GoOnWithParked();
  void GiveCredit();
  void SendReleased();
  void Fill();
  void AppendDelivery(SubscriptionId subscription, const delivery::ParcelPtr& parcel);
  void StoreStages(const EventParcel& event, char* out);
  template <typename Frame>
  void Send(const Frame& frame);
  void SendControl(const wire::BrokerControl& control);
  void SendReply(uint64_t request, const wire::Reply& reply);
  void MarkDirty();

  const Shared shared_;
  const std::unique_ptr<transport::ByteChannel> channel_;
  const pid_t pid_;
  const std::string token_;
  std::string name_;
  bool established_ = false;
  bool goodbye_ = false;
  bool wants_outcomes_ = false;
  bool knows_stages_ = false;
  bool dirty_ = false;
  std::string refusal_;

  transport::FrameReader in_;
  std::vector<AttributeSetPtr> defined_;  // by the peer: number - 1
  size_t defined_bytes_ = 0;

  // Of whole frames: received >= admitted >= credited.
  uint64_t received_bytes_ = 0;
  uint64_t admitted_bytes_ = 0;
  uint64_t credited_bytes_ = 0;
  uint64_t admitted_events_ = 0;
  uint64_t kept_events_ = 0;               // published so far
  wire::Released released_;                // and not yet sent
  delivery::Ring<EventParcelPtr> parked_;  // behind an event that waits; the window bounds them

  transport::FrameWriter out_;
  wire::AttributeTable<AttributeSetPtr> known_;  // to the peer
  delivery::Ring<Subscription*> deliverable_;
  std::vector<delivery::ParcelPtr> batch_;
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_SESSION_H_
