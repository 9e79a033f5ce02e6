// An accepted event inside the broker: its header decoded, the rest as it came.
#ifndef ROUTEBENCH_DAEMON_SERVER_EVENT_PARCEL_H_
#define ROUTEBENCH_DAEMON_SERVER_EVENT_PARCEL_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include "absl/container/flat_hash_map.h"
#include "daemon/transport/byte_pool.h"
#include "daemon/wire/frames.h"
#include "events/codec.h"
#include "events/delivery/parcel.h"
#include "events/stages.h"

namespace routebench::daemon {

class EventStore;

// One attribute set, shared by all sessions and events that carry it.
class AttributeSet : public boost::intrusive_ref_counter<AttributeSet, boost::thread_unsafe_counter> {
 public:
  ~AttributeSet();
  const std::string& encoded() const { return encoded_; }
  const Attributes& decoded() const { return decoded_; }

 private:
  friend class EventStore;
  AttributeSet(EventStore& home, std::string encoded, Attributes decoded);

  EventStore& home_;
  const std::string encoded_;
  const Attributes decoded_;
};
using AttributeSetPtr = boost::intrusive_ptr<AttributeSet>;

// Who keeps an event, and what it waits for; shared by all that the event is in the broker.
struct KeptEvent : boost::intrusive_ref_counter<KeptEvent, boost::thread_unsafe_counter> {
  uint64_t number = 0;   // in its session
  uint32_t awaited = 1;  // at-least-once subscriptions that have not answered, and whoever still routes it
  bool by_all = true;    // of those that have answered, all acknowledged it
  bool resent = false;   // it may have been published before
};
using KeptEventPtr = boost::intrusive_ptr<KeptEvent>;

// Memory of the store: this object, then the times of a sampled one, the inline attributes, the body.
class EventParcel final : public delivery::Parcel {
 public:
  const EncodedHeader& encoded() const { return encoded_; }
  uint32_t origin() const { return origin_; }  // the publishing session
  bool report_delivered() const { return report_delivered_; }
  uint32_t frame_bytes() const { return frame_bytes_; }  // of the frame it came in

  EventStore& home() const { return home_; }
  KeptEvent* kept() const { return kept_.get(); }            // null: its publisher does not keep it
  void Keep(KeptEventPtr kept) { kept_ = std::move(kept); }  // before it is shared

  const AttributeSetPtr& attributes() const { return attributes_; }  // null: inline, or none
  std::string_view inline_attributes() const { return {bytes(), encoded_.attributes_size}; }
  std::string_view body() const { return {bytes() + encoded_.attributes_size, encoded_.body_size}; }

 private:
  friend class EventStore;
  EventParcel(EventStore& home, const EncodedHeader& header)
      : Parcel(encoded_.event), home_(home), encoded_(header) {}
  ~EventParcel() override = default;
  void Recycle() override;
  StageStamps* Stages() override { return reinterpret_cast<StageStamps*>(this + 1); }
  char* bytes() { return reinterpret_cast<char*>(this + 1) + stages_size_; }
  const char* bytes() const { return const_cast<EventParcel*>(this)->bytes(); }

  EventStore& home_;
  const EncodedHeader encoded_;
  AttributeSetPtr attributes_;
  KeptEventPtr kept_;
  uint32_t origin_ = 0;
  uint32_t frame_bytes_ = 0;
  bool report_delivered_ = false;
  uint16_t stages_size_ = 0;
};
using EventParcelPtr = boost::intrusive_ptr<EventParcel>;

// Where parcels and attribute sets come from. Not thread-safe: of the loop. Outlives what it gave out.
class EventStore {
 public:
  // Copies what `view` shows, and the stages, which are null where the event is not sampled.
  EventParcelPtr Make(const wire::EventView& view, const StageStamps* stages, AttributeSetPtr attributes,
                      uint32_t origin, bool report_delivered, size_t frame_bytes);
  // The same event with another attempt in its header. (It is the rare case: the bytes are copied.)
  EventParcelPtr MakeAttempt(const EventParcel& parcel, uint8_t attempt);
  // The set with this encoding, one object for all who ask. Null: not an attributes block.
  AttributeSetPtr Intern(std::string_view encoded);

 private:
  friend class EventParcel;
  friend class AttributeSet;

  transport::BytePool pool_;
  absl::flat_hash_map<std::string_view, AttributeSet*> sets_;  // the living ones, by their encoding
};

}  // namespace routebench::daemon

#endif  // ROUTEBENCH_DAEMON_SERVER_EVENT_PARCEL_H_
