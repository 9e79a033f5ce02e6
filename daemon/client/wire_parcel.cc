#include "daemon/client/wire_parcel.h"

#include <cstring>
#include <utility>

namespace routebench::daemon {

void WireParcel::Recycle() {
  next_ = home_.returned_.load(std::memory_order_relaxed);
  while (!home_.returned_.compare_exchange_weak(next_, this, std::memory_order_release,
                                                std::memory_order_relaxed)) {
  }
}

boost::intrusive_ptr<WireParcel> WireParcelPool::Get(const wire::EventView& view, const StageStamps* stages,
                                                     const SharedAttributes* interned, SharedAttributes own,
                                                     uint64_t delivery, bool report_delivered) {
  if (returned_.load(std::memory_order_relaxed) != nullptr) TakeReturned();
  const size_t stages_size = stages == nullptr ? 0 : sizeof *stages;
  void* const memory = bytes_.Allocate(WireParcel::SizeOf(stages_size, view.body.size()));
  auto* const parcel = new (memory) WireParcel(*this, view.header);
  parcel->interned_ = interned;
  parcel->inline_ = std::move(own);
  parcel->delivery_ = delivery;
  parcel->report_delivered_ = report_delivered;
  if (stages != nullptr) [[unlikely]] {
    parcel->SetSampled(true);
    parcel->stages_size_ = static_cast<uint16_t>(stages_size);
    new (parcel + 1) StageStamps(*stages);
  }
  if (!view.body.empty()) {
    std::memcpy(reinterpret_cast<char*>(parcel + 1) + stages_size, view.body.data(), view.body.size());
  }
  return boost::intrusive_ptr<WireParcel>(parcel);
}

void WireParcelPool::TakeReturned() {
  WireParcel* parcel = returned_.exchange(nullptr, std::memory_order_acquire);
  while (parcel != nullptr) {
    WireParcel* const next = parcel->next_;
    const size_t size = WireParcel::SizeOf(parcel->stages_size_, parcel->encoded_.body_size);
    parcel->~WireParcel();
    bytes_.Free(parcel, size);
    parcel = next;
  }
}

}  // namespace routebench::daemon
