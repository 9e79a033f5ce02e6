#include "daemon/client/mailbox.h"

#include <algorithm>
#include <utility>

#include "events/codec.h"

namespace routebench::daemon {
namespace {

constexpr size_t kReportShare = 64;
// Reports that wait for a better moment.
constexpr size_t kMaxWaiting = 256;

}  // namespace

Mailbox::Mailbox(dispatch::SubscriberOptions options, const MailboxContext& context)
    : Subscriber(std::move(options), context.pool, *context.clock, *context.timers),
      context_(context),
      report_every_(context.report_at_once ? 1 : std::max<size_t>(1, spec().capacity / kReportShare)),
      desks_(spec().concurrency) {
  report_delivered_ = true;
}

bool Mailbox::OnDelivery(const wire::EventView& view, StageStamps* stages, const SharedAttributes* interned,
                         SharedAttributes own, bool report_delivered) {
  context_.stage_clock->Reach(StageMark::kArrived, stages);
  const auto admission =
      Offer(context_.parcels->Get(view, stages, interned, std::move(own), ++delivered_, report_delivered));
  return admission != delivery::Admission::kFull;
}

const Event* Mailbox::Prepare(delivery::Parcel& parcel, size_t lane) {
  auto& wire_parcel = static_cast<WireParcel&>(parcel);
  const EncodedHeader& header = wire_parcel.encoded();
  if (Crc32c(wire_parcel.body()) != header.body_crc32c) return nullptr;
  Desk& desk = desks_[lane];
  desk.event.payload = Payload();
  if (!desk.decoder.Decode(header, wire_parcel.body(), &desk.event.payload)) return nullptr;
  desk.event.header = header.event;
  if (desk.event.attributes != wire_parcel.attributes()) desk.event.attributes = wire_parcel.attributes();
  context_.stage_clock->Reach(StageMark::kDecoded, wire_parcel.stages());
  return &desk.event;
}

void Mailbox::OnHanded(delivery::Parcel& parcel) {
  {
    MutexLock lock(report_mutex_);
    if (static_cast<WireParcel&>(parcel).LeaveMailbox()) ++left_;
    if (left_ - reported_ < report_every_) return;
  }
  Report();
}

void Mailbox::OnOutcome(const delivery::Parcel& parcel, Outcome outcome) {
  // The client closes: the daemon holds it for the name until it comes back.
  if (outcome == Outcome::kDroppedClosed && spec().guarantee == Guarantee::kAtLeastOnce) return;
  auto& wire_parcel = const_cast<WireParcel&>(static_cast<const WireParcel&>(parcel));
  bool report = false;
  {
    MutexLock lock(report_mutex_);
    if (wire_parcel.LeaveMailbox()) ++left_;
    const uint64_t delivery = wire_parcel.delivery();
    if (outcome != Outcome::kDelivered || wire_parcel.report_delivered()) {
      settled_.push_back({delivery, outcome});
    } else if (!acknowledged_.empty() &&
               acknowledged_.back().first + acknowledged_.back().count == delivery) {
      ++acknowledged_.back().count;
    } else {
      acknowledged_.push_back({delivery, 1});
    }
    report = acknowledged_.size() + settled_.size() >= kMaxWaiting;
  }
  if (report) Report();
}

// The broker tries again, or buries it.
Mailbox::Retry Mailbox::OnFailure(const delivery::Parcel& /*parcel*/, Outcome reason) {
  return {.outcome = reason == Outcome::kTimedOut ? reason : Outcome::kDeadLettered};
}

void Mailbox::OnQuiet() {
  if (context_.report_at_once || context_.eager->load()) {
    Report();
  } else {
    ReportUrgent();
  }
}

void Mailbox::ReportUrgent() {
  {
    MutexLock lock(report_mutex_);
    if (settled_.empty()) return;
  }
  Report();
}

void Mailbox::Report() {
  {
    MutexLock lock(report_mutex_);
    if (left_ == reported_ && acknowledged_.empty() && settled_.empty()) return;
    context_.outbox->Append([this](transport::FrameWriter& out)
                                ABSL_NO_THREAD_SAFETY_ANALYSIS { AppendReports(out); });
    reported_ = left_;
    acknowledged_.clear();
    settled_.clear();
  }
  context_.outbox->Flush();
}

void Mailbox::AppendReports(transport::FrameWriter& out) {
  if (left_ != reported_) {
    wire::Progress progress;
    progress.subscription = id();
    progress.handed = left_;
    wire::Store(progress, out.Append(sizeof progress));
  }
  for (const Run& run : acknowledged_) {
    wire::Acknowledged acknowledged;
    acknowledged.subscription = id();
    acknowledged.first = run.first;
    acknowledged.count = run.count;
    wire::Store(acknowledged, out.Append(sizeof acknowledged));
  }
  for (const Settled& one : settled_) {
    wire::Settled settled;
    settled.subscription = id();
    settled.delivery = one.delivery;
    settled.outcome = static_cast<uint32_t>(one.outcome);
    wire::Store(settled, out.Append(sizeof settled));
  }
}

}  // namespace routebench::daemon
