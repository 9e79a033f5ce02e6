#include "daemon/server/event_parcel.h"

#include <cstring>
#include <utility>

namespace routebench::daemon {

AttributeSet::AttributeSet(EventStore& home, std::string encoded, Attributes decoded)
    : home_(home), encoded_(std::move(encoded)), decoded_(std::move(decoded)) {}

AttributeSet::~AttributeSet() { home_.sets_.erase(encoded_); }

void EventParcel::Recycle() {
  EventStore& home = home_;
  const size_t size = sizeof(EventParcel) + stages_size_ + encoded_.attributes_size + encoded_.body_size;
  this->~EventParcel();
  home.pool_.Free(this, size);
}

EventParcelPtr EventStore::Make(const wire::EventView& view, const StageStamps* stages,
                                AttributeSetPtr attributes, uint32_t origin, bool report_delivered,
                                size_t frame_bytes) {
  const size_t rest = view.attributes.size() + view.body.size();
  const size_t stages_size = stages == nullptr ? 0 : sizeof *stages;
  void* const memory = pool_.Allocate(sizeof(EventParcel) + stages_size + rest);
  auto* const parcel = new (memory) EventParcel(*this, view.header);
  parcel->attributes_ = std::move(attributes);
  parcel->origin_ = origin;
  parcel->report_delivered_ = report_delivered;
  parcel->frame_bytes_ = static_cast<uint32_t>(frame_bytes);
  if (stages != nullptr) [[unlikely]] {
    parcel->SetSampled(true);
    parcel->stages_size_ = static_cast<uint16_t>(stages_size);
    new (parcel + 1) StageStamps(*stages);
  }
  // They lie side by side in the frame, too.
  if (rest > 0) std::memcpy(parcel->bytes(), view.attributes.data(), rest);
  return EventParcelPtr(parcel);
}

EventParcelPtr EventStore::MakeAttempt(const EventParcel& parcel, uint8_t attempt) {
  wire::EventView view{parcel.encoded(), parcel.inline_attributes(), parcel.body()};
  view.header.event.attempt = attempt;
  return Make(view, parcel.stages(), parcel.attributes(), parcel.origin(), parcel.report_delivered(),
              parcel.frame_bytes());
}

AttributeSetPtr EventStore::Intern(std::string_view encoded) {
  if (const auto known = sets_.find(encoded); known != sets_.end()) return known->second;
  Attributes attributes;
  if (!DecodeAttributes(encoded, &attributes)) return nullptr;
  AttributeSetPtr set(new AttributeSet(*this, std::string(encoded), std::move(attributes)));
  sets_.emplace(set->encoded(), set.get());
  return set;
}

}  // namespace routebench::daemon
