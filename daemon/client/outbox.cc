#include "daemon/client/outbox.h"

#include <cstring>
#include <string_view>
#include <utility>

#include "daemon/wire/stage_block.h"
#include "events/codec.h"

namespace routebench::daemon {
namespace {

// A publisher that comes back sooner than this after a write is in a loop: a system call for each of its
// events would cost several times the event. What it appends is then written by a thread of the pool, which
// takes all that has gathered while it woke up and while it wrote. A lone event never waits for another
// thread.
constexpr Duration kInARow = std::chrono::microseconds(10);

}  // namespace

using transport::FrameWriter;
using transport::IoResult;

Outbox::Outbox(transport::ByteChannel& channel, const OutboxOptions& options, const Clock& clock,
               Timers& timers, const StageClock& stage_clock, std::function<void()> want_writable)
    : channel_(channel),
      options_(options),
      clock_(clock),
      timers_(timers),
      stage_clock_(stage_clock),
      want_writable_(std::move(want_writable)) {}

PublishResult Outbox::Publish(const Event& event, StageStamps* stages, Duration timeout, uint8_t flags) {
  std::shared_ptr<char[]> body;
  uint32_t body_crc32c = 0;
  if (const size_t size = event.payload.encoded_size(); size >= FrameWriter::kReferenceBytes) {
    body = std::make_shared_for_overwrite<char[]>(size);
    EncodeBody(event.payload, body.get());
    body_crc32c = Crc32c({body.get(), size});
  }
  if (!options_.stages) stages = nullptr;
  bool in_a_row = false;
  {
    MutexLock lock(mutex_);
    if (!WindowIsOpen() && !publishing_ended_ && !AwaitWindowLocked(timeout))
      return PublishResult::kWouldBlock;
    if (publishing_ended_) return PublishResult::kClosed;
    AppendEvent(event, std::move(body), body_crc32c, stages, flags);
    if (writing_) return PublishResult::kAccepted;
    writing_ = true;
    if (in_a_row = clock_.Now() - last_write_end_ < kInARow; !in_a_row) sending_.Swap(pending_);
  }
  if (in_a_row) {
    want_writable_();
  } else {
    Write();
  }
  return PublishResult::kAccepted;
}

void Outbox::AwaitWindow(Duration timeout) {
  MutexLock lock(mutex_);
  if (!WindowIsOpen() && !publishing_ended_) AwaitWindowLocked(timeout);
}

bool Outbox::AwaitWindowLocked(Duration timeout) {
  if (timeout <= Duration::zero()) return false;
  const auto late = std::make_shared<bool>(false);
  const TimerId timer = timers_.Schedule(clock_.Now() + timeout, [weak = weak_from_this(), late] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    MutexLock lock(self->mutex_);
    *late = true;
    self->changed_.NotifyAll();
  });
  while (!WindowIsOpen() && !publishing_ended_ && !*late) changed_.Wait(mutex_);
  const bool open = WindowIsOpen() || publishing_ended_;
  mutex_.Unlock();
  timers_.Cancel(timer);
  mutex_.Lock();
  return open;
}

uint32_t Outbox::NumberOf(const Event& event) {
  if (!options_.interned_attributes || event.attributes == nullptr) return 0;
  const Attributes& attributes = *event.attributes;
  const auto answer = known_.Find(event.attributes, [&] { return EncodedSize(attributes); });
  if (!answer.is_new) return answer.number;
  wire::DefineAttributes define;
  define.number = answer.number;
  char* const out = pending_.Append(sizeof define + EncodedSize(attributes));
  wire::Store(define, out);
  EncodeAttributes(attributes, out + sizeof define);
  return answer.number;
}

void Outbox::AppendEvent(const Event& event, std::shared_ptr<const char[]> body, uint32_t body_crc32c,
                         StageStamps* stages, uint8_t flags) {
  EncodedHeader header;
  header.event = event.header;
  header.typed = event.payload.is_typed();
  header.body_size = static_cast<uint32_t>(event.payload.encoded_size());
  header.attributes_number = NumberOf(event);
  if (header.attributes_number == 0 && event.attributes != nullptr) {
    header.attributes_size = static_cast<uint32_t>(EncodedSize(*event.attributes));
  }
  wire::Prefix prefix{wire::FrameType::kPublish, flags};
  if (options_.report_delivered) prefix.flags |= wire::kReportDelivered;
  size_t start = sizeof prefix;  // of the encoded event
  if (stages != nullptr) [[unlikely]] {
    prefix.flags |= wire::kStages;
    start += wire::kStageBlockSize;
  }
  const size_t head = start + kEncodedHeaderSize + header.attributes_size;
  char* out;
  if (body != nullptr) {
    const std::string_view tail(body.get(), header.body_size);
    out = pending_.AppendWithTail(head, tail, [body = std::move(body)]() mutable { body.reset(); });
  } else {
    out = pending_.Append(head + header.body_size);
    EncodeBody(event.payload, out + head);
    body_crc32c = Crc32c({out + head, header.body_size});
  }
  header.body_crc32c = body_crc32c;
  wire::Store(prefix, out);
  EncodeHeader(header, out + start);
  if (header.attributes_size > 0) EncodeAttributes(*event.attributes, out + start + kEncodedHeaderSize);
  stage_clock_.Reach(StageMark::kEncoded, stages);
  if (stages != nullptr) [[unlikely]]
    wire::StoreStages(*stages, out + sizeof prefix);
  sent_bytes_ += head + header.body_size;
  ++sent_events_;
  if (options_.remember) uncredited_.PushBack({event.header.id, event.header.sequence});
}

void Outbox::SendControl(const wire::ClientControl& control) {
  Append([&](FrameWriter& out) {
    const size_t size = control.ByteSizeLong();
    char* const frame = out.Append(sizeof(wire::Prefix) + size);
    wire::Store(wire::Prefix{wire::FrameType::kControl}, frame);
    control.SerializeToArray(frame + sizeof(wire::Prefix), static_cast<int>(size));
  });
  Flush();
}

void Outbox::Flush() {
  {
    MutexLock lock(mutex_);
    if (writing_ || pending_.empty()) return;
    writing_ = true;
    sending_.Swap(pending_);
  }
  Write();
}

void Outbox::Write() {
  for (;;) {
    const uint64_t before = sending_.written();
    const IoResult result = sending_.Flush(channel_);
    bytes_sent_.fetch_add(sending_.written() - before, std::memory_order_relaxed);
    if (result.status == IoResult::Status::kWouldBlock) return want_writable_();
    // The reader finds out that the connection has ended, and closes.
    if (result.status != IoResult::Status::kDone) sending_.Clear();
    MutexLock lock(mutex_);
    if (pending_.empty()) {
      writing_ = false;
      last_write_end_ = clock_.Now();
      return;
    }
    sending_.Swap(pending_);
  }
}

void Outbox::OnWritable() { Write(); }

bool Outbox::OnCredit(const wire::PublishCredit& credit) {
  MutexLock lock(mutex_);
  if (credit.bytes > sent_bytes_ || credit.events > sent_events_ || credit.events < credited_events_) {
    return false;
  }
  if (options_.remember) {
    for (uint64_t i = credited_events_; i < credit.events; ++i) uncredited_.PopFront();
  }
  credited_events_ = credit.events;
  credited_bytes_ = credit.bytes;
  changed_.NotifyAll();
  return true;
}

void Outbox::StopPublishing() {
  MutexLock lock(mutex_);
  publishing_ended_ = true;
  changed_.NotifyAll();
}

std::vector<Outbox::Uncredited> Outbox::Close() {
  MutexLock lock(mutex_);
  publishing_ended_ = true;
  closed_ = true;
  pending_.Clear();
  changed_.NotifyAll();
  std::vector<Uncredited> lost;
  while (!uncredited_.empty()) lost.push_back(uncredited_.PopFront());
  return lost;
}

}  // namespace routebench::daemon
