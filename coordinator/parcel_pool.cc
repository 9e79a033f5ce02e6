#include "coordinator/parcel_pool.h"

namespace routebench::coordinator {

void TypedParcel::Recycle() {
  // Gives up the shared body now, not when the parcel is used again.
  event_.payload = Payload();
  home_.Put(this);
}

ParcelPool::~ParcelPool() {
  for (TypedParcel* list : {free_, returned_.load()}) {
    while (list != nullptr) {
      TypedParcel* const next = list->next_;
      delete list;
      list = next;
    }
  }
}

// Many at once: looking among the returned ones takes their cache line away from the handlers' threads.
void ParcelPool::Grow() {
  for (size_t i = 0; i < kGrowth; ++i) {
    TypedParcel* const parcel = new TypedParcel(*this);
    parcel->next_ = free_;
    free_ = parcel;
  }
}

boost::intrusive_ptr<TypedParcel> ParcelPool::Get() {
  if (free_ == nullptr) free_ = returned_.exchange(nullptr, std::memory_order_acquire);
  if (free_ == nullptr) Grow();
  TypedParcel* const parcel = free_;
  free_ = parcel->next_;
  if (free_ != nullptr) delivery::Prefetch(*free_);
  return parcel;
}

void ParcelPool::Fill(TypedParcel& parcel, const Event& event, const StageStamps* stages) {
  parcel.event_.header = event.header;
  if (parcel.event_.attributes != event.attributes) parcel.event_.attributes = event.attributes;
  parcel.event_.payload = event.payload;
  parcel.SetSampled(stages != nullptr);
  if (stages != nullptr) [[unlikely]]
    parcel.stages_ = *stages;
}

void ParcelPool::Put(TypedParcel* parcel) {
  parcel->next_ = returned_.load(std::memory_order_relaxed);
  while (!returned_.compare_exchange_weak(parcel->next_, parcel, std::memory_order_release,
                                          std::memory_order_relaxed)) {
  }
}

}  // namespace routebench::coordinator
